"""How an attempt ends: its writes, each fenced by the epoch, tried again while the database is away for a moment."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from app import telemetry
from app.domain.analyses import Claim, Conclusion, Failure, Status
from app.domain.errors import BifrostError, LeaseLost, ProviderError, ProviderThrottled, StorageUnavailable
from app.domain.logs import PreparedLog
from app.domain.ports import Clock
from app.domain.readings import Progress
from app.domain.storage_ports import Swept, UnitOfWork

log = structlog.get_logger(__name__)

#: Tries to write a result: the answer is paid for, and its lease still runs.
_WRITE_TRIES = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """Durations in seconds. See `app.settings.Worker` for meaning and defaults."""

    max_attempts: int
    max_throttles: int
    backoff_base: float
    backoff_cap: float
    retry_after_cap: float

    def jitter(self, attempt: int) -> float:
        """Full jitter: anywhere up to base · 2^(attempt-1), capped.

        Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
        """
        longest = min(self.backoff_cap, self.backoff_base * 2 ** (attempt - 1))
        return random.uniform(0, longest)  # noqa: S311 - spreads load, guards nothing

    def after(self, error: BifrostError, claim: Claim) -> "GiveBack | None":
        """Whether this attempt deserves another one with the same provider, and when."""
        if isinstance(error, ProviderThrottled):
            if claim.throttles >= self.max_throttles:
                return None
            hint = min(error.retry_after or 0.0, self.retry_after_cap)
            return GiveBack(error, delay=max(hint, self.jitter(claim.throttles + 1)), counted=False)
        passing = error.retryable or not isinstance(error, ProviderError)  # our own mistakes may pass, too
        if passing and claim.attempt < self.max_attempts:
            return GiveBack(error, delay=self.jitter(claim.attempt), counted=True)
        return None


class GiveBack(Exception):
    """The attempt failed in a way that a later one may not. `counted`: it used one up."""

    def __init__(self, error: BifrostError, *, delay: float, counted: bool) -> None:
        super().__init__(error.detail)
        self.error = error
        self.delay = delay
        self.counted = counted


class Settling:
    """Hand on, give back, conclude."""

    def __init__(self, unit_of_work: UnitOfWork, *, retries: RetryPolicy, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._retries = retries
        self._clock = clock

    def hand_on(self, claim: Claim, prepared: PreparedLog, *, queue: str) -> None:
        """To the next stage."""

        def write() -> bool:
            with self._unit_of_work.single() as tx:
                return tx.claims.store_prepared(claim, prepared, queue=queue)

        self._write(claim, write)

    def keep(self, claim: Claim, progress: Progress) -> None:
        """What was paid for survives this attempt. Raises `LeaseLost` when the claim is no longer ours."""

        def write() -> bool:
            with self._unit_of_work.single() as tx:
                return tx.claims.keep(claim, progress)

        if not self._write(claim, write):
            raise LeaseLost

    def give_back(self, claim: Claim, back: GiveBack) -> None:
        """To wait for another attempt."""

        def write() -> bool:
            with self._unit_of_work.single() as tx:
                error = Failure.of(back.error)
                return tx.claims.give_back(claim, delay=back.delay, error=error, counted=back.counted)

        log.info("analysis_given_back", code=back.error.code, delay=round(back.delay, 3), counted=back.counted)
        self._write(claim, write)

    def conclude(self, claim: Claim, conclusion: Conclusion) -> None:
        """To its end."""
        ended: list[Swept] = []

        def write() -> bool:
            with self._unit_of_work.single() as tx:
                concluded = tx.claims.conclude(claim, conclusion)
            ended.extend(concluded.followers if concluded else ())
            return concluded is not None

        if self._write(claim, write):
            self._tell(claim, conclusion)
            for follower in ended:
                telemetry.count_follower(follower)

    def _write(self, claim: Claim, write: Callable[[], bool]) -> bool:
        """False when the claim was no longer ours. Raises `StorageUnavailable` when the database stays away."""
        for tried in range(1, _WRITE_TRIES):
            try:
                return self._checked(claim, write())
            except StorageUnavailable:
                self._clock.sleep(self._retries.jitter(tried))
        return self._checked(claim, write())

    @staticmethod
    def _checked(claim: Claim, ours: bool) -> bool:
        if not ours:
            log.warning("write_refused", epoch=claim.epoch)
        return ours

    def _tell(self, claim: Claim, conclusion: Conclusion) -> None:
        seconds = max(0.0, (self._clock.now() - claim.created_at).total_seconds())
        provider = conclusion.provider or claim.provider
        telemetry.count_analysis(
            status=conclusion.status,
            source=claim.source,
            provider=provider,
            degraded=conclusion.degraded,
            seconds=seconds,
        )
        if conclusion.status is Status.FAILED and conclusion.error is not None:
            telemetry.count_error(conclusion.error.code, where=claim.stage)
        log.info(
            "analysis_concluded",
            status=conclusion.status,
            provider=provider,
            degraded=conclusion.degraded,
            seconds=round(seconds, 3),
        )
