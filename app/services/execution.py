"""What a worker does with one analysis: claim it, prepare or answer it, conclude it. Fenced at every write."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from app import telemetry
from app.domain.analyses import Claim, Conclusion, Failure, Stage, Status
from app.domain.errors import (
    BifrostError,
    CancelRequested,
    Interrupted,
    LeaseLost,
    ProviderError,
    ProviderThrottled,
    ShuttingDown,
    StorageUnavailable,
)
from app.domain.logs import PreparedLog
from app.domain.ports import Clock, Provider, UnitOfWork
from app.pipeline.preparation import PreparationLimits, prepare
from app.services.asking import Asking, Asked
from app.services.routing import RULES, Routing, infer_queue
from app.services.watching import CallWatch, Watches

log = structlog.get_logger(__name__)

#: Tries to write a result while the database is away: the answer is paid for, its lease still runs.
_WRITE_TRIES = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionPolicy:
    """Durations in seconds. See `app.settings.Worker` for meaning and defaults."""

    lease: float
    max_attempts: int
    max_throttles: int
    backoff_base: float
    backoff_cap: float
    retry_after_cap: float
    token_budget: int
    preparation: PreparationLimits


class _GiveBack(Exception):
    """The attempt failed in a way that a later one may not."""

    def __init__(self, error: BifrostError, *, delay: float, counted: bool) -> None:
        super().__init__(error.detail)
        self.error = error
        self.delay = delay
        self.counted = counted


class Execution:
    """Prepare, infer, extend leases, shut down."""

    def __init__(
        self, unit_of_work: UnitOfWork, routing: Routing, asking: Asking, *, policy: ExecutionPolicy, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._routing = routing
        self._asking = asking
        self._policy = policy
        self._clock = clock
        self._watches = Watches(clock)

    def prepare(self, analysis_id: int, *, owner: str) -> None:
        """First stage: read the log. The rules need no model and answer at once."""
        self._run(analysis_id, Stage.PREPARE, owner, self._prepare)

    def infer(self, analysis_id: int, *, owner: str) -> None:
        """Second stage: ask the chain of providers."""
        self._run(analysis_id, Stage.INFER, owner, self._infer)

    def extend_leases(self) -> None:
        """Tell the database that this process lives; stop the calls it does not want any more."""
        running = self._watches.running()
        if not running:
            return
        with self._unit_of_work() as tx:
            answers = tx.claims.extend(list(running), lease=self._policy.lease)
        alive = {(answer.analysis_id, answer.epoch): answer for answer in answers}
        for key, watch in running.items():
            if key not in alive:
                watch.stop(LeaseLost())
            elif alive[key].cancel_requested:
                watch.stop(CancelRequested())

    def shut_down(self) -> None:
        """Take nothing more and hand back what runs."""
        self._watches.close(ShuttingDown())

    def _run(
        self, analysis_id: int, stage: Stage, owner: str, work: Callable[[Claim, CallWatch], Conclusion | None]
    ) -> None:
        if self._watches.closed:
            return
        with self._unit_of_work() as tx:
            claim = tx.claims.claim(analysis_id, stage=stage, owner=owner, lease=self._policy.lease)
        if claim is None:
            log.debug("claim_refused", analysis_id=analysis_id, stage=stage)
            return
        with (
            telemetry.bound(analysis_id=analysis_id, request_id=claim.request_id),
            self._watches.watching(claim) as watch,
        ):
            log.info("analysis_claimed", stage=stage, attempt=claim.attempt, provider=claim.provider)
            try:
                conclusion = work(claim, watch)
            except BaseException as error:  # noqa: BLE001 - also SystemExit: the work is handed back before the end
                self._interrupted(claim, error)
            else:
                if conclusion is not None:
                    self._conclude(claim, conclusion)

    def _interrupted(self, claim: Claim, error: BaseException) -> None:
        """The work ended without a conclusion: decide what becomes of the analysis."""
        match error:
            case LeaseLost():
                log.warning("lease_lost", epoch=claim.epoch)
            case ShuttingDown():
                self._give_back(claim, _GiveBack(error, delay=0, counted=False))
            case CancelRequested():
                self._conclude(claim, Conclusion(status=Status.CANCELLED))
            case Interrupted():
                self._conclude(claim, Conclusion(status=Status.FAILED, error=Failure.of(error)))
            case _GiveBack():
                self._give_back(claim, error)
            case StorageUnavailable():
                # the lease will run out, and the analysis waits again
                log.warning("storage_lost_midway", epoch=claim.epoch)
                raise error
            case Exception():
                self._unexpected(claim, error)
            case _:
                self._give_back(claim, _GiveBack(ShuttingDown(), delay=0, counted=False))
                raise error

    def _prepare(self, claim: Claim, watch: CallWatch) -> Conclusion | None:
        with self._unit_of_work() as tx:
            text = tx.claims.log_of(claim)
        chain = self._routing.chain(claim.source)
        prepared = self._read(text, claim, budget=min(self._policy.token_budget, chain[0].token_budget))
        if claim.provider == RULES:
            return self._conclusion(claim, self._asking.ask(chain[-1], claim, prepared, watch), error=None)
        queue = infer_queue(claim.provider)
        watch.check()
        self._write(claim, lambda: self._store_prepared(claim, prepared, queue))
        return None

    def _infer(self, claim: Claim, watch: CallWatch) -> Conclusion:
        with self._unit_of_work() as tx:
            prepared = tx.claims.prepared_of(claim)
            text = tx.claims.log_of(claim) if prepared is None else ""
        if prepared is None:
            prepared = self._read(text, claim, budget=self._policy.token_budget)
        return self._answer(claim, prepared, watch)

    def _answer(self, claim: Claim, prepared: PreparedLog, watch: CallWatch) -> Conclusion:
        """Ask along the chain. Only the first provider is retried: the user waits, and the next one may answer now."""
        failure: Failure | None = None
        chain = self._routing.chain(claim.source)
        for provider in chain:
            try:
                asked = self._ask(provider, claim, prepared, watch)
            except ProviderError as error:
                telemetry.count_error(error.code, where=provider.name)
                log.warning("provider_failed", provider=provider.name, code=error.code, detail=error.detail)
                if provider is chain[0] and provider.name != RULES:
                    self._retry_later(claim, error)
                failure = Failure.of(error)
                continue
            return self._conclusion(claim, asked, error=failure)
        # the rules never fail by a ProviderError: they were the last of the chain
        raise AssertionError("no provider answered")

    def _ask(self, provider: Provider, claim: Claim, prepared: PreparedLog, watch: CallWatch) -> Asked:
        def smaller() -> PreparedLog:
            with self._unit_of_work() as tx:
                text = tx.claims.log_of(claim)
            return self._read(text, claim, budget=max(500, prepared.coverage.token_budget // 2))

        return self._asking.ask(provider, claim, prepared, watch, smaller=smaller)

    def _retry_later(self, claim: Claim, error: ProviderError) -> None:
        """Raise `_GiveBack` when the same provider deserves another try."""
        policy = self._policy
        if isinstance(error, ProviderThrottled):
            if claim.throttles < policy.max_throttles:
                hint = min(error.retry_after or 0.0, policy.retry_after_cap)
                raise _GiveBack(error, delay=max(hint, self._jitter(claim.throttles + 1)), counted=False) from error
        elif error.retryable and claim.attempt < policy.max_attempts:
            raise _GiveBack(error, delay=self._jitter(claim.attempt), counted=True) from error

    def _jitter(self, attempt: int) -> float:
        """Full jitter: anywhere up to base · 2^(n-1), capped.

        Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
        """
        longest = min(self._policy.backoff_cap, self._policy.backoff_base * 2 ** (attempt - 1))
        return random.uniform(0, longest)  # noqa: S311 - spreads load, guards nothing

    def _read(self, text: str, claim: Claim, *, budget: int) -> PreparedLog:
        return prepare(text, limits=self._policy.preparation, token_budget=budget, bytes_replaced=claim.bytes_replaced)

    @staticmethod
    def _conclusion(claim: Claim, asked: Asked, *, error: Failure | None) -> Conclusion:
        return Conclusion(
            status=Status.COMPLETED,
            provider=asked.provider,
            model=asked.model,
            degraded=asked.provider == RULES and claim.source != RULES,
            diagnosis=asked.diagnosis,
            response=asked.response,
            coverage=asked.coverage,
            usage=asked.usage,
            error=error,
        )

    def _unexpected(self, claim: Claim, error: Exception) -> None:
        """A mistake of ours. It is tried again, since it may pass, but not for ever."""
        log.error("analysis_crashed", epoch=claim.epoch, exc_info=error)
        failure = error if isinstance(error, BifrostError) else BifrostError("Bifrost made a mistake; see its log.")
        if claim.attempt < self._policy.max_attempts:
            self._give_back(claim, _GiveBack(failure, delay=self._jitter(claim.attempt), counted=True))
        else:
            self._conclude(claim, Conclusion(status=Status.FAILED, error=Failure.of(failure)))

    def _give_back(self, claim: Claim, back: _GiveBack) -> None:
        log.info("analysis_given_back", code=back.error.code, delay=round(back.delay, 3), counted=back.counted)
        self._write(claim, lambda: self._store_back(claim, back))

    def _conclude(self, claim: Claim, conclusion: Conclusion) -> None:
        if not self._write(claim, lambda: self._store_conclusion(claim, conclusion)):
            return
        seconds = (self._clock.now() - claim.created_at).total_seconds()
        provider = conclusion.provider or claim.provider
        telemetry.count_analysis(
            status=conclusion.status,
            source=claim.source,
            provider=provider,
            degraded=conclusion.degraded,
            seconds=max(0.0, seconds),
        )
        if conclusion.error is not None and conclusion.status is Status.FAILED:
            telemetry.count_error(conclusion.error.code, where=claim.stage)
        log.info(
            "analysis_concluded",
            status=conclusion.status,
            provider=provider,
            degraded=conclusion.degraded,
            seconds=round(seconds, 3),
        )

    def _write(self, claim: Claim, write: Callable[[], bool]) -> bool:
        """Write, again if the database is away for a moment; False when the claim was no longer ours."""
        for tried in range(1, _WRITE_TRIES + 1):
            try:
                ours = write()
            except StorageUnavailable:
                if tried == _WRITE_TRIES:
                    raise
                self._clock.sleep(self._jitter(tried))
                continue
            if not ours:
                log.warning("write_refused", epoch=claim.epoch)
            return ours
        return False

    def _store_prepared(self, claim: Claim, prepared: PreparedLog, queue: str) -> bool:
        with self._unit_of_work() as tx:
            return tx.claims.store_prepared(claim, prepared, queue=queue)

    def _store_back(self, claim: Claim, back: _GiveBack) -> bool:
        with self._unit_of_work() as tx:
            return tx.claims.give_back(claim, delay=back.delay, error=Failure.of(back.error), counted=back.counted)

    def _store_conclusion(self, claim: Claim, conclusion: Conclusion) -> bool:
        with self._unit_of_work() as tx:
            return tx.claims.conclude(claim, conclusion)
