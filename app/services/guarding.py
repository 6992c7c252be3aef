"""Asks a provider through its guard, and decides who waits for one that must not be asked now, and for how long."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.analyses import ALONE_QUEUE, Claim
from app.domain.errors import (
    AnswerMalformed,
    AnswerRefused,
    AnswerTruncated,
    BrokerUnavailable,
    PromptTooLong,
    ProviderBusy,
    ProviderError,
    ProviderMisconfigured,
    ProviderResting,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from app.domain.guards import Rest, Verdict
from app.domain.logs import PreparedLog
from app.domain.ports import Guard, Provider, Watch
from app.services.asking import Asked, Asking
from app.services.metering import unmetered
from app.services.routing import RULES, Routing, infer_queue
from app.services.settling import GiveBack

#: What a failed call tells about its provider. An answer that we cannot use is an answer.
_VERDICTS: Mapping[type[ProviderError], Verdict] = {
    ProviderUnavailable: Verdict.FAILED,
    ProviderTimeout: Verdict.FAILED,
    ProviderMisconfigured: Verdict.REFUSED,
    ProviderThrottled: Verdict.THROTTLED,
    AnswerTruncated: Verdict.ANSWERED,
    AnswerMalformed: Verdict.ANSWERED,
    AnswerRefused: Verdict.ANSWERED,
    PromptTooLong: Verdict.ANSWERED,
}


def verdict_of(error: BaseException) -> Verdict:
    """Whatever is not the provider's doing tells nothing."""
    return next((told for kind, told in _VERDICTS.items() if isinstance(error, kind)), Verdict.NOTHING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """Seconds an analysis waits for a provider that rests, and for one without room. See `app.settings.Guards`."""

    resting: float
    busy: float
    longest_pause: float

    def after(self, errors: Sequence[ProviderError], claim: Claim) -> GiveBack | None:
        """When to try again, if some of these providers may be asked while there is still patience and time."""
        found = [(error.retry_after or 1.0, self._left(error, claim), error) for error in errors]
        worth = [(hint, left, error) for hint, left, error in found if hint <= left]
        if not worth:
            return None
        hint, left, error = min(worth, key=lambda one: one[0])
        # who has waited long looks less often; and not all at the same moment
        pause = max(hint, min(claim.waited / 4, self.longest_pause)) * random.uniform(1, 1.25)  # noqa: S311 - spreads load
        return GiveBack(error, delay=min(pause, left), counted=False)

    def _left(self, error: ProviderError, claim: Claim) -> float:
        """Seconds this error may still be waited for. An answer by the rules is better than a missed deadline."""
        patience = {ProviderResting: self.resting, ProviderBusy: self.busy}.get(type(error), 0.0)
        deadline = math.inf if claim.seconds_left is None else claim.seconds_left
        return min(patience - claim.waited, deadline)


class Guarding:
    """`Asking` through the guard. The rules need none."""

    def __init__(
        self,
        asking: Asking,
        guard: Guard,
        *,
        patience: Patience,
        meter: Callable[[Provider, int], Provider] = unmetered,
    ) -> None:
        """`meter` makes a provider pay from a project's budget."""
        self._asking = asking
        self._guard = guard
        self._meter = meter
        self.patience = patience

    def ask(
        self,
        provider: Provider,
        claim: Claim,
        prepared: PreparedLog,
        watch: Watch,
        *,
        smaller: Callable[[], PreparedLog] | None = None,
    ) -> Asked:
        """As `Asking.ask`; raises `ProviderResting` or `ProviderBusy` when it must not be asked now."""
        if provider.name == RULES:
            return self._asking.ask(provider, claim, prepared, watch)
        watch.check()
        ticket = self._guard.admit(provider.name, claim.model or provider.model)
        verdict, problem = Verdict.NOTHING, None
        try:
            paying = self._meter(provider, claim.project_id)
            asked = self._asking.ask(paying, claim, prepared, watch, smaller=smaller)
        except ProviderError as error:
            # a call that we cut fails in a way of its own, and that is not its provider's fault
            watch.check()
            verdict, problem = verdict_of(error), error
            raise
        else:
            verdict = Verdict.ANSWERED
            return asked
        finally:
            self._guard.settle(ticket, verdict, problem)

    def renew(self) -> None:
        """This process lives, and so do its calls."""
        self._guard.renew()


class Limits:
    """How many analyses of a queue may run: as many as its provider takes calls, so that none occupies a worker."""

    def __init__(self, guard: Guard, routing: Routing, limits: Mapping[str, int], *, alone: int) -> None:
        """`limits`: name of a provider -> calls at a time, 0 for any number. `alone`: of those that are made alone."""
        self._guard = guard
        self._behind = {infer_queue(name): found for name, found in routing.providers.items() if limits.get(name)}
        self._limits = limits
        self._alone = alone

    def of(self, queue: str) -> int | None:
        """None: any number. A provider that rests is not asked, so its queue is let through to who comes next."""
        if queue == ALONE_QUEUE:
            return self._alone
        provider = self._behind.get(queue)
        if provider is None:
            return None
        try:
            loads = {load.provider: load for load in self._guard.loads()}
        except BrokerUnavailable:
            loads = {}
        resting = provider.name in loads and any(broken(rest, provider) for rest in loads[provider.name].rests)
        return None if resting else self._limits[provider.name]


def broken(rest: Rest, provider: Provider) -> bool:
    """Nobody asks this provider for its own model. (Models that callers named may rest by themselves.)"""
    return rest.model == provider.model and rest.cause != ProviderThrottled.code
