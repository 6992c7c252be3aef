"""The work on a claimed analysis: read its log, ask along the chain of providers, end with an answer."""

from dataclasses import dataclass, replace

import structlog

from app import telemetry
from app.domain.analyses import Claim, Conclusion, Failure, Source, Status
from app.domain.errors import ProviderBusy, ProviderError, ProviderResting
from app.domain.logs import PreparedLog
from app.domain.ports import Clock
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
from app.services.watching import CallWatch
from app.services.windowing import Course, Windowing

log = structlog.get_logger(__name__)

#: A prompt that a provider finds too long is tried once more with half the budget, but never below this.
_LEAST_BUDGET = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerPolicy:
    """`token_budget` in tokens. See `app.settings` for meaning and defaults."""

    token_budget: int
    preparation: PreparationLimits
    retries: RetryPolicy
    recall: RecallPolicy


class Answering:
    """`prepare` and `infer`, each for a claim. What they raise decides what becomes of the analysis."""

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        routing: Routing,
        asking: Guarding,
        settling: Settling,
        *,
        policy: AnswerPolicy,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._routing = routing
        self._asking = asking
        self._settling = settling
        self._policy = policy
        self._windowing = Windowing(asking, limits=policy.preparation.windows, clock=clock)
        self._recalling = Recalling(unit_of_work, policy.recall)

    def warm_up(self) -> None:
        """Load what the first analysis would wait for: the pipeline's patterns and the rules' catalog."""
        prepare("", limits=self._policy.preparation, token_budget=self._policy.token_budget)
        self._routing.chain(Source.RULES)[0].health()

    def prepare(self, claim: Claim, watch: CallWatch) -> Conclusion | None:
        """The first stage. None: it was handed on to the second one."""
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

    def infer(self, claim: Claim, watch: CallWatch) -> Conclusion:
        """The second stage, from where an attempt before it has come."""
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
            mask=claim.mask,
            text=claim.prompt_text,
        )


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
