"""Transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import cast

from sqlalchemy import Connection, Engine

from app.storage.analyses import PostgresAnalyses
from app.storage.audit import PostgresAuditLog
from app.storage.batches import PostgresBatches
from app.storage.bridges import PostgresBridges
from app.storage.budgets import PostgresBudgets
from app.storage.claims import PostgresClaims
from app.storage.dead_letters import PostgresDeadLetters
from app.storage.dead_records import PostgresDeadRecords
from app.storage.deliveries import PostgresDeliveries
from app.storage.direct import direct
from app.storage.dispatch import PostgresDispatch
from app.storage.engine import translated
from app.storage.events import PostgresEvents
from app.storage.feedback import PostgresFeedbacks
from app.storage.intake import PostgresIntake
from app.storage.keys import PostgresKeys
from app.storage.likenesses import PostgresLikenesses
from app.storage.outbox import PostgresOutbox
from app.storage.prompts import PostgresPrompts
from app.storage.retention import PostgresRetention
from app.storage.statistics import PostgresStatistics


class PostgresTransaction:
    """`storage_ports.Transaction`: the repositories on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def analyses(self) -> PostgresAnalyses:
        """Analyses."""
        return PostgresAnalyses(self._connection)

    @cached_property
    def claims(self) -> PostgresClaims:
        """Work on analyses."""
        return PostgresClaims(self._connection)

    @cached_property
    def dispatch(self) -> PostgresDispatch:
        """Due work."""
        return PostgresDispatch(self._connection)

    @cached_property
    def dead_letters(self) -> PostgresDeadLetters:
        """What failed."""
        return PostgresDeadLetters(self._connection)

    @cached_property
    def keys(self) -> PostgresKeys:
        """API keys."""
        return PostgresKeys(self._connection)

    @cached_property
    def audit(self) -> PostgresAuditLog:
        """Administrative acts."""
        return PostgresAuditLog(self._connection)

    @cached_property
    def budgets(self) -> PostgresBudgets:
        """What projects may spend."""
        return PostgresBudgets(self._connection)

    @cached_property
    def outbox(self) -> PostgresOutbox:
        """Events."""
        return PostgresOutbox(self._connection)

    @cached_property
    def deliveries(self) -> PostgresDeliveries:
        """Webhooks."""
        return PostgresDeliveries(self._connection)

    @cached_property
    def statistics(self) -> PostgresStatistics:
        """Hourly counts."""
        return PostgresStatistics(self._connection)

    @cached_property
    def retention(self) -> PostgresRetention:
        """Deleting."""
        return PostgresRetention(self._connection)

    @cached_property
    def intake(self) -> PostgresIntake:
        """Many submissions at once."""
        return PostgresIntake(self._connection)

    @cached_property
    def dead_records(self) -> PostgresDeadRecords:
        """What came over Kafka and could not be accepted."""
        return PostgresDeadRecords(self._connection)

    @cached_property
    def events(self) -> PostgresEvents:
        """Events for Kafka."""
        return PostgresEvents(self._connection)

    @cached_property
    def likenesses(self) -> PostgresLikenesses:
        """Answers by the templates of their logs."""
        return PostgresLikenesses(self._connection)

    @cached_property
    def bridges(self) -> PostgresBridges:
        """What the bridges say of themselves."""
        return PostgresBridges(self._connection)

    @cached_property
    def prompts(self) -> PostgresPrompts:
        """Stored prompts."""
        return PostgresPrompts(self._connection)

    @cached_property
    def feedbacks(self) -> PostgresFeedbacks:
        """What people say of analyses."""
        return PostgresFeedbacks(self._connection)

    @cached_property
    def batches(self) -> PostgresBatches:
        """Batches."""
        return PostgresBatches(self._connection)


class PostgresUnitOfWork:
    """`storage_ports.UnitOfWork` on a pool of connections."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def __call__(self) -> Iterator[PostgresTransaction]:
        """Begin; commit when the block ends well, roll back when it raises."""
        with translated(), self._engine.begin() as connection:
            yield PostgresTransaction(connection)

    @contextmanager
    def single(self) -> Iterator[PostgresTransaction]:
        """Each statement is a transaction of its own: one round trip instead of three."""
        with translated(), direct(self._engine) as connection:
            # it has what the repositories need, and nothing that would need a transaction
            yield PostgresTransaction(cast("Connection", connection))
