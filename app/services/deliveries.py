"""Webhooks, for whoever asked for them and was not told."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from app.domain.audit import OPERATOR, Act
from app.domain.deliveries import Delivery, DeliveryFilter
from app.domain.errors import DeliveryNotFound
from app.domain.storage_ports import UnitOfWork
from app.services.auditing import note

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPage:
    """Some of them, latest event first. `next_before` goes into `DeliveryFilter.before`; None on the last page."""

    items: tuple[Delivery, ...]
    next_before: tuple[datetime, int] | None


class Deliveries:
    """List, send again. Everything is of one project."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    def list(self, wanted: DeliveryFilter) -> DeliveryPage:
        """A page of them."""
        with self._unit_of_work() as tx:
            found = tx.deliveries.list(wanted)
        items = tuple(found[: wanted.limit])
        more = len(found) > wanted.limit
        return DeliveryPage(items=items, next_before=items[-1].place if more else None)

    def redeliver(self, project_id: int, delivery_id: str, *, actor: str = OPERATOR) -> Delivery:
        """Send it again, now, whatever became of it; one that is just being sent goes on. Raises `DeliveryNotFound`.

        Its receiver is sent to again, also when it had answered 410.
        """
        with self._unit_of_work() as tx:
            tx.deliveries.again(project_id, delivery_id)
            found = tx.deliveries.get(project_id, delivery_id)
            if found is None:
                raise DeliveryNotFound
            note(tx, Act.WEBHOOK_REDELIVER, delivery_id, project_id=project_id, actor=actor)
        log.info("delivery_wanted_again", event_id=delivery_id, attempts=found.attempts)
        return found
