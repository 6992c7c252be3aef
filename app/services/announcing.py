"""Tells whoever wanted to know what became of an analysis: at least once, in order, one publisher at a time."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from app import telemetry
from app.domain.analyses import Failure
from app.domain.announcements import Announcement, OutboxDepth, Outcome
from app.domain.errors import (
    BifrostError,
    DeliveryFailed,
    InvalidInput,
    ReceiverDisabled,
    ReceiverGone,
    StorageUnavailable,
)
from app.domain.ports import Clock, Publisher
from app.domain.storage_ports import UnitOfWork

log = structlog.get_logger(__name__)

#: Spreads what failed together; up to a tenth of the wait.
_JITTER = 0.1
_MARK_PAUSE = 0.5


def callback_for(publishers: Mapping[str, Publisher], wanted: Mapping[str, object]) -> Mapping[str, object]:
    """What to store for somebody who asks to be told. Raises `InvalidInput` when he cannot be."""
    publisher = publishers.get(str(wanted.get("kind")))
    if publisher is None:
        raise InvalidInput("There is no such way to be told.")
    return publisher.callback(wanted)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnnouncePolicy:
    """See `app.settings.Outbox` for meaning and defaults."""

    lease: float


class Announcing:
    """Claim, publish, mark. Any number of processes may do so at the same time."""

    def __init__(
        self, unit_of_work: UnitOfWork, publishers: Mapping[str, Publisher], *, policy: AnnouncePolicy, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._publishers = publishers
        self._policy = policy
        self._clock = clock

    def claim(self, owner: str, *, limit: int, full: Sequence[str] = ()) -> Sequence[Announcement]:
        """What is due, none for the lanes that are `full`. Committed: from now on it is this owner's.

        What no publisher of this process can tell waits for one that can. Raises `StorageUnavailable`.
        """
        with self._unit_of_work() as tx:
            return tx.outbox.claim(
                list(self._publishers), owner=owner, lease=self._policy.lease, limit=limit, full=full
            )

    def extend(self, claims: Sequence[Announcement], *, owner: str) -> None:
        """They are still being published. Raises `StorageUnavailable`."""
        with self._unit_of_work() as tx:
            tx.outbox.extend(claims, owner=owner, lease=self._policy.lease)

    def release(self, claims: Sequence[Announcement], *, owner: str) -> None:
        """They were not tried. Raises `StorageUnavailable`."""
        with self._unit_of_work() as tx:
            tx.outbox.release(claims, owner=owner)

    def depths(self) -> Sequence[OutboxDepth]:
        """What waits, by publisher. Raises `StorageUnavailable`."""
        with self._unit_of_work() as tx:
            return tx.outbox.depths()

    def publish(self, announcement: Announcement, *, owner: str) -> Outcome:
        """Send it, and mark what became of it. Raises `StorageUnavailable` when that cannot be marked: it will be sent
        again, under the same `event_id`.
        """
        publisher = self._publishers[announcement.publisher]
        with telemetry.bound(analysis_id=announcement.analysis_id, event_id=announcement.event_id):
            began = self._clock.monotonic()
            error = self._send(publisher, announcement)
            outcome = self._mark(publisher, announcement, error, owner)
            telemetry.count_delivery(announcement.publisher, outcome)
            write = log.info if error is None else log.warning
            write(
                "delivery_ended",
                outcome=outcome,
                kind=announcement.kind,
                lane=announcement.lane,
                attempt=announcement.attempt,
                seconds=round(self._clock.monotonic() - began, 3),
                detail=error and error.detail,
            )
            return outcome

    def _send(self, publisher: Publisher, announcement: Announcement) -> BifrostError | None:
        """None when it was acknowledged."""
        with self._unit_of_work() as tx:
            analysis = tx.analyses.get(announcement.project_id, announcement.analysis_id)
            gone = tx.deliveries.gone_since(announcement.project_id, announcement.url)
        if analysis is None:
            return DeliveryFailed("The analysis is not there any more.")
        if gone is not None:
            return ReceiverDisabled(
                f"The receiver answered 410 at {gone:%Y-%m-%d %H:%M:%S} UTC: nothing is sent there until one of its "
                "deliveries is sent again."
            )
        try:
            publisher.publish(announcement, analysis)
        except DeliveryFailed as error:
            return error
        except Exception:
            # a mistake of ours may pass, and must not end the relay
            log.exception("publisher_crashed")
            return DeliveryFailed("Bifrost made a mistake; see its log.")
        return None

    def _mark(
        self, publisher: Publisher, announcement: Announcement, error: BifrostError | None, owner: str
    ) -> Outcome:
        delay = None if error is None else _delay(publisher.schedule, announcement, error)

        def write() -> bool:
            with self._unit_of_work() as tx:
                if error is None:
                    return tx.outbox.published(announcement, owner=owner)
                if isinstance(error, ReceiverGone):
                    tx.deliveries.gone(announcement.project_id, announcement.url)
                return tx.outbox.failed(announcement, Failure.of(error), owner=owner, delay=delay)

        if not self._written(write):
            return Outcome.TAKEN_OVER
        if error is None:
            return Outcome.PUBLISHED
        return Outcome.DEAD if delay is None else Outcome.FAILED

    def _written(self, write: Callable[[], bool]) -> bool:
        """Tried while the claim runs: without the mark it is sent again. False when the claim was over."""
        until = self._clock.monotonic() + self._policy.lease / 2
        while self._clock.monotonic() < until:
            try:
                return write()
            except StorageUnavailable:
                self._clock.sleep(_MARK_PAUSE)
        return write()


def _delay(schedule: Sequence[float], announcement: Announcement, error: BifrostError) -> float | None:
    """Seconds until the next attempt; None when there is none."""
    attempt = max(1, announcement.attempt - announcement.tried_before)
    if not error.retryable or attempt > len(schedule):
        return None
    wait = schedule[attempt - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311 - spreads load, guards nothing
    return max(wait, error.retry_after or 0.0)
