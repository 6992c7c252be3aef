"""What a worker does with one analysis: claim it, prepare or answer it, settle it."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from app import telemetry
from app.domain.analyses import Claim, Conclusion, Failure, Source, Stage, Status
from app.domain.errors import (
    BifrostError,
    CancelRequested,
    Interrupted,
    LeaseLost,
    ProviderBusy,
    ProviderError,
    ProviderResting,
    ShuttingDown,
    StorageUnavailable,
)
from app.domain.logs import PreparedLog
from app.domain.ports import Clock, StopRequest
from app.domain.readings import Progress
from app.domain.storage_ports import UnitOfWork
from app.pipeline.likeness import likeness_of
from app.pipeline.preparation import PreparationLimits, prepare
from app.pipeline.windows import WindowLimits
from app.services.asking import Asked
from app.services.guarding import Guarding
from app.services.recalling import Recalling, RecallPolicy
from app.services.routing import RULES, Routing, infer_queue
from app.services.settling import GiveBack, RetryPolicy, Settling
from app.services.watching import CallWatch, Watches
from app.services.windowing import Course, Windowing

log = structlog.get_logger(__name__)

#: A prompt that a provider finds too long is tried once more with half the budget, but never below this.
_LEAST_BUDGET = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionPolicy:
    """`lease` in seconds, `token_budget` in tokens. See `app.settings` for meaning and defaults."""

    lease: float
    token_budget: int
    preparation: PreparationLimits
    retries: RetryPolicy
    recall: RecallPolicy


class Execution:
    """Prepare, infer, extend leases, shut down."""

    def __init__(
        self, unit_of_work: UnitOfWork, routing: Routing, asking: Guarding, *, policy: ExecutionPolicy, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._routing = routing
        self._asking = asking
        self._policy = policy
        self._settling = Settling(unit_of_work, retries=policy.retries, clock=clock)
        self._windowing = Windowing(asking, limits=policy.preparation.windows, clock=clock)
        self._recalling = Recalling(unit_of_work, policy.recall)
        self._watches = Watches(clock)

    def prepare(self, analysis_id: int, *, owner: str) -> None:
        """First stage: read the log. The rules need no model and answer at once."""
        self._run(analysis_id, Stage.PREPARE, owner, self._prepare)

    def infer(self, analysis_id: int, *, owner: str, alone: bool = False) -> None:
        """Second stage: ask the chain of providers. `alone`: nothing else runs in this process meanwhile."""
        self._run(analysis_id, Stage.INFER, owner, self._infer, alone=alone)

    def warm_up(self) -> None:
        """Load what the first analysis would wait for: the pipeline's patterns and the rules' catalog."""
        prepare("", limits=self._policy.preparation, token_budget=self._policy.token_budget)
        self._routing.chain(Source.RULES)[0].health()

    def extend_leases(self) -> None:
        """Tell the database that this process lives; stop the calls it does not want any more."""
        running = self._watches.running()
        if not running:
            return
        self._asking.renew()
        with self._unit_of_work.single() as tx:
            answers = tx.claims.extend(list(running), lease=self._policy.lease)
        alive = {(answer.analysis_id, answer.epoch): answer for answer in answers}
        for key, watch in running.items():
            if key not in alive:
                watch.stop(LeaseLost())
            elif alive[key].cancel_requested:
                watch.stop(CancelRequested())

    def stop(self, requests: Iterable[StopRequest]) -> None:
        """Somebody cancelled these: end at once what of them runs here."""
        for request in requests:
            self._watches.stop((request.analysis_id, request.epoch), CancelRequested())

    def shut_down(self) -> None:
        """Take nothing more and hand back what runs."""
        self._watches.close(ShuttingDown())

    def bury(self, analysis_id: int, *, is_dead: Callable[[str], bool]) -> None:
        """Whoever had the message about it is dead: end the lease it may hold, else ring again at once.

        `is_dead` tells by a lease's owner; the message may have come twice, and the other one may live.
        """
        with self._unit_of_work() as tx:
            owner = tx.claims.owner_of(analysis_id)
            if owner is None:
                tx.dispatch.unring(analysis_id)
            elif is_dead(owner):
                tx.claims.end_lease(analysis_id, owner)

    def release(self, owner: str, *, fetched: Iterable[int] = ()) -> int:
        """Hand back what is still held by workers whose name begins so; how many. Raises `StorageUnavailable`.

        `fetched`: whose messages they have; those not begun are rung for again.
        """
        with self._unit_of_work() as tx:
            released = tx.claims.release(owner)
            for analysis_id in fetched:
                tx.dispatch.unring(analysis_id)
        return len(released)

    def _run(
        self,
        analysis_id: int,
        stage: Stage,
        owner: str,
        work: Callable[[Claim, CallWatch], Conclusion | None],
        *,
        alone: bool = False,
    ) -> None:
        if self._watches.closed:
            self._decline(analysis_id)
            return
        with self._unit_of_work.single() as tx:
            claim = tx.claims.claim(analysis_id, stage=stage, owner=owner, lease=self._policy.lease, alone=alone)
        if claim is None:
            # not due, not there, or somebody else's: the message came twice or too late, and that is fine
            log.debug("claim_refused", analysis_id=analysis_id, stage=stage)
            return
        with (
            telemetry.bound(analysis_id=analysis_id, request_id=claim.request_id),
            self._watches.watching(claim) as watch,
        ):
            log.info("analysis_claimed", stage=stage, attempt=claim.attempt, provider=claim.provider)
            try:
                conclusion = work(claim, watch)
            except Exception as error:  # noqa: BLE001 - each kind has its end
                # a read that we closed fails in a way of its own: what counts is why we closed it
                self._interrupted(claim, watch.reason or error)
            except BaseException:  # SystemExit, KeyboardInterrupt: the work is handed back before the end
                with suppress(BifrostError):  # the end comes all the same
                    self._settling.give_back(claim, GiveBack(ShuttingDown(), delay=0, counted=False))
                raise
            else:
                if conclusion is not None:
                    self._settling.conclude(claim, conclusion)

    def _decline(self, analysis_id: int) -> None:
        """The message came too late: another worker shall hear of it at once, not when its silence is noticed."""
        with self._unit_of_work.single() as tx:
            tx.dispatch.unring(analysis_id)
        log.debug("message_declined", analysis_id=analysis_id)

    def _prepare(self, claim: Claim, watch: CallWatch) -> Conclusion | None:
        chain = self._routing.available(claim.source)
        by_rules = chain[0].name == RULES
        budget = min(self._policy.token_budget, chain[0].token_budget)
        prepared = self._read(claim, budget=budget, windows=not by_rules)
        if by_rules:
            missing = self._routing.missing(claim.source)
            asked = self._asking.ask(chain[0], claim, prepared, watch)
            return _conclusion(claim, asked, prepared, error=Failure.of(missing) if missing else None)
        watch.check()
        if recalled := self._recalling.recall(claim, prepared):
            return recalled
        self._settling.hand_on(claim, prepared, queue=infer_queue(chain[0].name))
        return None

    def _infer(self, claim: Claim, watch: CallWatch) -> Conclusion:
        with self._unit_of_work.single() as tx:
            progress = tx.claims.progress_of(claim)
        progress = progress or Progress(prepared=self._read(claim, budget=self._policy.token_budget))
        return self._answer(claim, progress, watch)

    def _answer(self, claim: Claim, progress: Progress, watch: CallWatch) -> Conclusion:
        """Ask along the chain. Only the first provider is retried: somebody waits, and the next one may answer now."""
        failure: Failure | None = None
        failed: list[ProviderError] = []
        first, *rest = self._routing.available(claim.source)
        for provider in (first, *rest):
            if provider.name == RULES and (back := self._asking.patience.after(failed, claim)):
                raise back
            try:
                # the model somebody named is the first provider's; another one would not know it
                asking = claim if provider is first else replace(claim, model=None)
                course = self._course(asking, progress, retried=provider is first)
                asked = self._windowing.ask(provider, asking, progress, watch, course=course)
            except ProviderError as error:
                telemetry.count_error(error.code, where=provider.name)
                log.warning("provider_failed", provider=provider.name, code=error.code, detail=error.detail)
                if provider is first and (back := self._back(error, claim)):
                    raise back from error
                failed.append(error)
                failure = Failure.of(error)
                continue
            return _conclusion(claim, asked, progress.prepared, error=asked.shortfall or failure)
        # the rules come last and raise no ProviderError
        raise AssertionError("no provider answered")

    def _back(self, error: ProviderError, claim: Claim) -> GiveBack | None:
        """Whether the first provider deserves another try. One that rests does not, if there is another one to ask."""
        match error:
            case ProviderResting():
                return None
            case ProviderBusy():
                return self._asking.patience.after([error], claim)
            case _:
                return self._policy.retries.after(error, claim)

    def _course(self, claim: Claim, progress: Progress, *, retried: bool) -> Course:
        def smaller() -> PreparedLog:
            return self._read(claim, budget=max(_LEAST_BUDGET, progress.prepared.coverage.token_budget // 2))

        def again(error: ProviderError) -> GiveBack | None:
            # what was answered so far is kept: a provider that rests is worth waiting for
            if isinstance(error, ProviderResting):
                return self._asking.patience.after([error], claim)
            return self._back(error, claim) if retried else None

        def keep(reached: Progress) -> None:
            self._settling.keep(claim, reached)

        return Course(smaller=smaller, again=again, keep=keep)

    def _read(self, claim: Claim, *, budget: int, windows: bool = True) -> PreparedLog:
        text = claim.log
        if text is None:
            with self._unit_of_work.single() as tx:
                text = tx.claims.log_of(claim)
        limits = self._policy.preparation if windows else replace(self._policy.preparation, windows=WindowLimits())
        return prepare(
            text,
            limits=limits,
            token_budget=budget,
            bytes_replaced=claim.bytes_replaced,
            text=claim.prompt_text,
        )

    def _interrupted(self, claim: Claim, error: Exception) -> None:
        """The work ended without a conclusion: decide what becomes of the analysis."""
        match error:
            case LeaseLost():
                log.warning("lease_lost", epoch=claim.epoch)
            case ShuttingDown():
                self._settling.give_back(claim, GiveBack(error, delay=0, counted=False))
            case CancelRequested():
                self._settling.conclude(claim, Conclusion(status=Status.CANCELLED))
            case Interrupted():
                self._settling.conclude(claim, Conclusion(status=Status.FAILED, error=Failure.of(error)))
            case GiveBack():
                self._settling.give_back(claim, error)
            case StorageUnavailable():
                # the lease will run out, and the analysis waits again
                log.warning("storage_lost_midway", epoch=claim.epoch)
                raise error
            case _:
                self._unexpected(claim, error)

    def _unexpected(self, claim: Claim, error: Exception) -> None:
        """A mistake of ours. It is tried again, since it may pass, but not for ever."""
        log.error("analysis_crashed", epoch=claim.epoch, exc_info=error)
        known = error if isinstance(error, BifrostError) else BifrostError("Bifrost made a mistake; see its log.")
        back = self._policy.retries.after(known, claim)
        if back:
            self._settling.give_back(claim, back)
        else:
            self._settling.conclude(claim, Conclusion(status=Status.FAILED, error=Failure.of(known)))


def _conclusion(claim: Claim, asked: Asked, prepared: PreparedLog, *, error: Failure | None) -> Conclusion:
    """Completed. Degraded: a model was wanted, and the rules answered; `error` tells why."""
    return Conclusion(
        status=Status.COMPLETED,
        provider=asked.provider,
        model=asked.model,
        degraded=asked.provider == RULES and claim.source is not Source.RULES,
        diagnosis=asked.diagnosis,
        response=asked.response,
        coverage=asked.coverage,
        usage=asked.usage,
        error=error,
        likeness=likeness_of(asked.diagnosis.evidence, prepared),
    )
