"""Budgets of projects: shown, set, and asked before an analysis is accepted."""

import structlog

from app.domain.audit import OPERATOR, Act
from app.domain.budgets import Budget, BudgetState, Spending
from app.domain.errors import BudgetExhausted, InvalidInput, NotFound
from app.domain.ports import Clock
from app.domain.storage_ports import Transaction, UnitOfWork
from app.services.auditing import note

log = structlog.get_logger(__name__)

#: Submissions look at a budget once in this many seconds; calls of a model look at it each time.
_REMEMBER_SECONDS = 1.0
_REMEMBER_PROJECTS = 1000
#: What fits the columns with room to add to.
_MOST = 10**15


class Budgets:
    """Show, set, ask."""

    def __init__(self, unit_of_work: UnitOfWork, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._remembered: dict[int, tuple[float, BudgetState]] = {}

    def state(self, project_id: int) -> BudgetState:
        """Of this month."""
        with self._unit_of_work() as tx:
            return tx.budgets.state(project_id)

    def states(self) -> tuple[BudgetState, ...]:
        """Of every project with a budget, by name."""
        with self._unit_of_work.single() as tx:
            return tx.budgets.states()

    def project(self, name: str) -> int:
        """Its id. Raises `NotFound`."""
        with self._unit_of_work() as tx:
            found = tx.budgets.project(name)
        if found is None:
            raise NotFound(
                f"There is no project {name}; its first key makes it: bifrost-cli keys create NAME --project …"
            )
        return found

    def set(self, project_id: int, budget: Budget, *, actor: str = OPERATOR) -> BudgetState:
        """From now on. Raises `InvalidInput`."""
        limits = {"requests": budget.requests, "tokens": budget.tokens, "cost_micro_usd": budget.cost_micro_usd}
        if any(value is not None and not 0 <= value <= _MOST for value in limits.values()):
            raise InvalidInput(f"A budget is from 0 to {_MOST:,} requests, tokens and micro-dollars.")
        with self._unit_of_work() as tx:
            tx.budgets.set(project_id, budget)
            state = tx.budgets.state(project_id)
            note(tx, Act.BUDGET_SET, state.project, project_id=project_id, actor=actor, **limits)
        self._remembered.pop(project_id, None)
        log.info("budget_set", project=state.project, **limits)
        return state

    def check(self, tx: Transaction, project_id: int) -> None:
        """Raises `BudgetExhausted` when nothing is left for a call of a model."""
        now = self._clock.monotonic()
        remembered = self._remembered.get(project_id)
        if remembered is None or now - remembered[0] >= _REMEMBER_SECONDS:
            if len(self._remembered) >= _REMEMBER_PROJECTS:
                self._remembered.clear()
            remembered = self._remembered[project_id] = (now, tx.budgets.state(project_id))
        state = remembered[1]
        if state.budget.short_of(state.used, Spending(requests=1, tokens=1)) or state.left["cost_micro_usd"] == 0:
            raise exhausted(state)


def exhausted(state: BudgetState) -> BudgetExhausted:
    """What to tell whoever meets it."""
    used, budget = state.used, state.budget
    told = [
        f"{spent:,} of {limit:,} {name}"
        for spent, limit, name in (
            (used.requests, budget.requests, "requests"),
            (used.tokens, budget.tokens, "tokens"),
        )
        if limit is not None
    ]
    if budget.cost_micro_usd is not None:
        told.append(f"{used.cost_micro_usd / 1e6:,.2f} of {budget.cost_micro_usd / 1e6:,.2f} US dollars")
    return BudgetExhausted(
        f"The project's budget for {state.month:%Y-%m} has too little left for a call of a model: "
        f"{', '.join(told)} are used or reserved by calls that run. `source: rules` needs none; an administrator can "
        "raise it: PUT /api/v1/budget"
    )
