"""Events for Kafka: claimed, marked and let go by the batch. Who publishes them is the bridge."""

from collections.abc import Sequence

from app.domain.analyses import Analysis
from app.domain.records import Answered, Event, EventOutcome
from app.domain.storage_ports import UnitOfWork


class Events:
    """Any number of bridges may use it. Everything raises `StorageUnavailable`."""

    def __init__(self, unit_of_work: UnitOfWork, *, lease: float) -> None:
        self._unit_of_work = unit_of_work
        self._lease = lease

    def claim(self, owner: str, *, limit: int) -> Sequence[Event]:
        """What is due, oldest first. Committed: from now on it is this owner's."""
        with self._unit_of_work() as tx:
            return tx.events.claim(owner=owner, lease=self._lease, limit=limit)

    def settle(self, outcomes: Sequence[EventOutcome], *, owner: str) -> int:
        """Mark what became of them; how many claims were still this owner's."""
        with self._unit_of_work() as tx:
            return tx.events.settle(outcomes, owner=owner)

    def release(self, events: Sequence[Event], *, owner: str) -> None:
        """They were not published."""
        with self._unit_of_work() as tx:
            tx.events.release(events, owner=owner)

    def extend(self, events: Sequence[Event], *, owner: str) -> None:
        """They are still being published."""
        with self._unit_of_work() as tx:
            tx.events.extend(events, owner=owner, lease=self._lease)

    def asked(self, answer: Answered) -> Analysis | None:
        """The analysis with its log, for the dead letter of what has no answer."""
        with self._unit_of_work() as tx:
            return tx.analyses.get(answer.project_id, answer.analysis_id, with_log=True)
