"""Calls of a model within a project's budget: reserved before each call, settled after it.

What a call may need at most is noted down as spent before it begins, in one statement that refuses when there is less
left; what it really needed replaces that afterwards. So N calls at the same time cannot spend more than the budget,
and a worker that dies in between leaves its call counted with its most: it was probably paid for.
"""

from collections.abc import Callable

import structlog

from app.domain.budgets import Reservation, Spending
from app.domain.errors import (
    PromptTooLong,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderUnavailable,
    StorageUnavailable,
)
from app.domain.ports import Health, Provider, Watch
from app.domain.prompts import Completion, Prompt
from app.domain.storage_ports import UnitOfWork
from app.services.budgets import exhausted

log = structlog.get_logger(__name__)

#: Ends of a call that no provider asks money for: it was refused, or nobody was there. Whatever else ends one, a
#: timeout or a cancel, may have been paid for and stays counted with its most.
_FREE = (ProviderThrottled, ProviderUnavailable, ProviderMisconfigured, PromptTooLong)

#: A provider's name, a model's, tokens in and out -> micro-dollars, rounded up; None when nobody knows the price.
Cost = Callable[[str, str, tuple[int, int]], int | None]


class Metering:
    """Makes providers of a project pay from its budget."""

    def __init__(self, unit_of_work: UnitOfWork, cost: Cost) -> None:
        self._unit_of_work = unit_of_work
        self._cost = cost

    def __call__(self, provider: Provider, project_id: int) -> Provider:
        """The same provider; its `complete` raises `BudgetExhausted`, too."""
        return _Metered(provider, project_id, self)

    def reserve(self, project_id: int, most: Spending) -> Reservation:
        """Raises `BudgetExhausted`."""
        with self._unit_of_work.single() as tx:
            reservation = tx.budgets.reserve(project_id, most)
            if reservation is None:
                raise exhausted(tx.budgets.state(project_id))
        return reservation

    def settle(self, reservation: Reservation, used: Spending) -> None:
        """While the database is away, what was reserved stays counted: the answer is not lost for it."""
        if reservation.month is None:
            return
        try:
            with self._unit_of_work.single() as tx:
                tx.budgets.settle(reservation, used)
        except StorageUnavailable:
            log.warning("budget_not_settled", project_id=reservation.project_id)

    def most(self, provider: str, model: str, prompt: Prompt) -> Spending:
        """What a call may need: the prompt, estimated on the high side, and the longest answer it asks for."""
        tokens = (prompt.tokens_estimated, prompt.max_output_tokens)
        return Spending(
            requests=1,
            tokens=sum(tokens),
            cost_micro_usd=self._cost(provider, model, tokens) or 0,
        )


class _Metered:
    """A provider that pays."""

    def __init__(self, provider: Provider, project_id: int, metering: Metering) -> None:
        self._provider = provider
        self._project_id = project_id
        self._metering = metering
        self.name, self.model, self.token_budget = provider.name, provider.model, provider.token_budget
        self.health: Callable[[], Health] = provider.health

    def complete(self, prompt: Prompt, watch: Watch) -> Completion:
        most = self._metering.most(self.name, prompt.model or self.model, prompt)
        reservation = self._metering.reserve(self._project_id, most)
        try:
            completion = self._provider.complete(prompt, watch)
        except _FREE:
            self._metering.settle(reservation, Spending())
            raise
        usage = completion.usage
        spent = Spending(
            requests=1,
            tokens=usage.prompt_tokens + usage.completion_tokens,
            cost_micro_usd=usage.cost_micro_usd or 0,
        )
        self._metering.settle(reservation, spent)
        return completion


def unmetered(provider: Provider, project_id: int) -> Provider:  # noqa: ARG001 - as `Metering.__call__`
    """The provider of a server without budgets."""
    return provider
