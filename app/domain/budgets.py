"""What a project may spend in a month, and what it has spent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """Calls of a model, their tokens in both directions, their cost in millionths of a US dollar."""

    requests: int = 0
    tokens: int = 0
    cost_micro_usd: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """The most of each in a month of UTC. None: any number."""

    requests: int | None = None
    tokens: int | None = None
    cost_micro_usd: int | None = None

    @property
    def bounds(self) -> bool:
        """Whether it bounds anything at all."""
        return any(value is not None for value in asdict(self).values())

    def short_of(self, used: Spending, more: Spending) -> tuple[str, ...]:
        """What there is too little of for `more`, by name."""
        limits, before, wanted = (asdict(one) for one in (self, used, more))
        return tuple(
            name for name, limit in limits.items() if limit is not None and before[name] + wanted[name] > limit
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetState:
    """A project's budget and what was spent of it in `month` (its first day). Running calls count with their most."""

    project: str
    month: date
    budget: Budget = field(default_factory=Budget)
    used: Spending = field(default_factory=Spending)

    @property
    def left(self) -> Mapping[str, int | None]:
        """By name; never below 0, None for any number."""
        limits, used = asdict(self.budget), asdict(self.used)
        return {name: None if limit is None else max(0, limit - used[name]) for name, limit in limits.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """The right to one call, for at most `most`. `month` None: the project has no budget, nothing was noted down."""

    project_id: int
    month: date | None
    most: Spending


class Budgets(Protocol):
    """Budgets in the store. The database's clock decides which month it is."""

    def project(self, name: str) -> int | None:
        """Its id; None when there is none of this name."""

    def set(self, project_id: int, budget: Budget) -> None:
        """From now on; one that bounds nothing is none."""

    def state(self, project_id: int) -> BudgetState:
        """Of this month."""

    def states(self) -> tuple[BudgetState, ...]:
        """Of every project with a budget, by name."""

    def reserve(self, project_id: int, most: Spending) -> Reservation | None:
        """Note down what a call may need. None: there is less left, and nothing was noted down."""

    def settle(self, reservation: Reservation, used: Spending) -> None:
        """What the call really needed stands in place of what was reserved."""
