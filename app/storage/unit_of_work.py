"""Transactions, and waiting for the database's doorbell."""

import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import cast

import psycopg2
from sqlalchemy import Connection, Engine

from app.storage.analyses import PostgresAnalyses
from app.storage.claims import PostgresClaims
from app.storage.dispatch import PostgresDispatch
from app.storage.engine import translated
from app.storage.keys import PostgresKeys


class PostgresTransaction:
    """`ports.Transaction`: the repositories on one connection."""

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
    def keys(self) -> PostgresKeys:
        """API keys."""
        return PostgresKeys(self._connection)


class PostgresUnitOfWork:
    """`ports.UnitOfWork` on a pool of connections."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def __call__(self) -> Iterator[PostgresTransaction]:
        """Begin; commit when the block ends well, roll back when it raises."""
        with translated(), self._engine.begin() as connection:
            yield PostgresTransaction(connection)


class PostgresDueSignal:
    """`ports.DueSignal`: the NOTIFY of a commit that made something due. One connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: psycopg2.extensions.connection | None = None

    def wait(self, timeout: float) -> bool:
        """Up to `timeout` seconds; True when something became due. Raises `StorageUnavailable`."""
        with translated():
            connection = self._connection or self._listen()
        try:
            ready = select.select([connection], [], [], timeout)[0]
            if ready:
                connection.poll()
        except (psycopg2.Error, OSError):
            self.close()
            return True
        rung = bool(connection.notifies)
        connection.notifies.clear()
        return rung

    def close(self) -> None:
        """Give the connection up."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _listen(self) -> psycopg2.extensions.connection:
        raw = self._engine.raw_connection()
        connection = cast("psycopg2.extensions.connection", raw.driver_connection)
        raw.detach()  # it leaves the pool for good
        connection.set_session(autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("LISTEN bifrost_due")
        self._connection = connection
        return connection
