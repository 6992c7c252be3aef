"""How far the projects are with their budgets, asked of the store at each scrape."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from app.domain.budgets import BudgetState

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


class BudgetMetrics:
    """A collector. It names no project: whoever scrapes needs no key, and shall not learn who there is."""

    def __init__(self, states: Callable[[], Sequence[BudgetState]]) -> None:
        self._states = states

    def collect(self) -> "Iterable[Metric]":
        """For each thing that some budget bounds, the project that has used most of it."""
        from prometheus_client.core import GaugeMetricFamily

        most: dict[str, float] = {}
        for state in self._states():
            spent = asdict(state.used)
            for name, limit in asdict(state.budget).items():
                if limit is not None:
                    most[name] = max(most.get(name, 0.0), spent[name] / limit if limit else 1.0)
        used = GaugeMetricFamily(
            "budget_used_ratio", "Part of this month's budget that the furthest project has used.", labels=("of",)
        )
        for name, part in most.items():
            used.add_metric((name,), part)
        return (used,)
