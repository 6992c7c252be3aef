"""Moves what is due from the store to the broker, and sweeps what was left behind."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from app import telemetry
from app.domain.analyses import TERMINAL
from app.domain.errors import BrokerUnavailable
from app.domain.ports import Broker
from app.domain.storage_ports import DueOrder, Swept, UnitOfWork
from app.services.routing import PREPARE_QUEUE

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DispatchPolicy:
    """Windows in messages, durations in seconds. See `app.settings.Dispatcher` for meaning and defaults."""

    window: int
    window_infer: int
    resend: float
    lost: float
    max_attempts: int
    aging: float = 60.0
    share: float = 0.75

    def order(self, queue: str, *, limit: int | None = None) -> DueOrder:
        """What goes first there."""
        window = self.window if queue == PREPARE_QUEUE else self.window_infer
        return DueOrder(window=window, aging=self.aging, share=self.share, limit=limit)


class Dispatching:
    """Ring and sweep. Any number of processes may do so at the same time: rows are locked, not leaders elected."""

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        broker: Broker,
        *,
        policy: DispatchPolicy,
        limit_of: Callable[[str], int | None] = lambda _: None,
    ) -> None:
        """`limit_of`: how many analyses of a queue may run at a time; None for any number."""
        self._unit_of_work = unit_of_work
        self._broker = broker
        self._policy = policy
        self._limit_of = limit_of
        #: Something waits in a queue of limited concurrency: when another one ends, nobody rings for us.
        self.holds_back = False
        #: Something waited when `ring` looked last, whether there was room for it or not.
        self.waiting = False

    def ring(self) -> int:
        """Send a message for whatever is due, as far as the windows allow. How many were sent.

        The mark is committed before the message is sent: when this process dies in between, the mark runs out and
        the message is sent by the next one. Raises `BrokerUnavailable`, `StorageUnavailable`.
        """
        sent = 0
        with self._unit_of_work.single() as tx:
            queues = tx.dispatch.queues()
        self.waiting = bool(queues)
        self.holds_back = False
        for queue in queues:
            limit = self._limit_of(queue)
            self.holds_back |= limit is not None
            with self._unit_of_work.single() as tx:
                bells = tx.dispatch.due(queue, self._policy.order(queue, limit=limit))
            if bells:
                self._broker.ring(bells)
                sent += len(bells)
        return sent

    def sweep(self) -> None:
        """Leases and deadlines that are over, and messages the broker has lost."""
        with self._unit_of_work.single() as tx:
            expired = tx.dispatch.expire_leases(max_attempts=self._policy.max_attempts)
            late = tx.dispatch.expire_deadlines()
            followers = tx.dispatch.repair_followers()
            queues = tx.dispatch.queues()
        if expired or late:
            log.warning("swept", leases_expired=len(expired), deadlines_exceeded=len(late))
        for swept in (*expired, *late):
            _count(swept)
        for follower in followers:
            telemetry.count_follower(follower)
        for queue in queues:
            self._ring_again(queue)

    def _ring_again(self, queue: str) -> None:
        """What was sent and is not claimed: lost when it is not in the broker any more, late when it still is."""
        try:
            if self._broker.depth(queue) == 0:
                self._ring_lost(queue)
            else:
                self._ring_late(queue)
        except BrokerUnavailable:
            return

    def _ring_lost(self, queue: str) -> None:
        with self._unit_of_work.single() as tx:
            lost = tx.dispatch.forget_lost(queue, older_than=self._policy.lost)
        if lost:
            log.info("messages_lost", queue=queue, count=lost)

    def _ring_late(self, queue: str) -> None:
        """A deep queue is not a lossy one: the old message goes before a new one comes, perhaps a more urgent one."""
        with self._unit_of_work.single() as tx:
            overdue = tx.dispatch.overdue(queue, older_than=self._policy.resend)
        if not overdue:
            return
        recalled = self._broker.recall(queue, overdue)
        with self._unit_of_work.single() as tx:
            tx.dispatch.forget(overdue)
        log.info("messages_overdue", queue=queue, count=len(overdue), lost=len(overdue) - recalled)


def _count(swept: Swept) -> None:
    """What ends without a worker is counted here."""
    if swept.status in TERMINAL:
        telemetry.count_analysis(
            status=swept.status,
            source=swept.source,
            provider=swept.provider,
            degraded=False,
            seconds=swept.seconds or 0.0,
        )
