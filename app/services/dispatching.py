"""Moves what is due from the store to the broker, and sweeps what was left behind."""

from dataclasses import dataclass

import structlog

from app import telemetry
from app.domain.analyses import TERMINAL
from app.domain.errors import BrokerUnavailable
from app.domain.ports import Broker, Swept, UnitOfWork
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


class Dispatching:
    """Ring and sweep. Any number of processes may do so at the same time: rows are locked, not leaders elected."""

    def __init__(self, unit_of_work: UnitOfWork, broker: Broker, *, policy: DispatchPolicy) -> None:
        self._unit_of_work = unit_of_work
        self._broker = broker
        self._policy = policy

    def ring(self) -> int:
        """Send a message for whatever is due, as far as the windows allow. How many were sent.

        The mark is committed before the message is sent: when this process dies in between, the mark runs out and
        the message is sent by the next one. Raises `BrokerUnavailable`, `StorageUnavailable`.
        """
        sent = 0
        with self._unit_of_work() as tx:
            queues = tx.dispatch.queues()
        for queue in queues:
            window = self._policy.window if queue == PREPARE_QUEUE else self._policy.window_infer
            with self._unit_of_work() as tx:
                bells = tx.dispatch.due(queue, window=window, resend=self._policy.resend)
            if bells:
                self._broker.ring(bells)
                sent += len(bells)
        return sent

    def sweep(self) -> None:
        """Leases and deadlines that are over, and messages the broker has lost."""
        with self._unit_of_work() as tx:
            expired = tx.dispatch.expire_leases(max_attempts=self._policy.max_attempts)
            late = tx.dispatch.expire_deadlines()
            queues = tx.dispatch.queues()
        if expired or late:
            log.warning("swept", leases_expired=len(expired), deadlines_exceeded=len(late))
        for swept in (*expired, *late):
            _count(swept)
        for queue in queues:
            self._ring_again(queue)

    def _ring_again(self, queue: str) -> None:
        """When the broker's queue is empty, what was sent and is not claimed was lost."""
        try:
            empty = self._broker.depth(queue) == 0
        except BrokerUnavailable:
            return
        if empty:
            with self._unit_of_work() as tx:
                lost = tx.dispatch.forget_lost(queue, older_than=self._policy.lost)
            if lost:
                log.info("messages_lost", queue=queue, count=lost)


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
