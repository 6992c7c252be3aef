"""How many analyses ended, how, and how long they took: hour by hour, also when they are long deleted."""

from collections import defaultdict
from collections.abc import Callable

from app.domain.statistics import Counts, ModelTally, Summary, Tally, tally
from app.domain.storage_ports import UnitOfWork

#: Counted in one transaction: an hour of a busy server is enough for one, a history of months is not.
_HOURS_AT_ONCE = 24
#: An end is dated when its transaction begins: this long after an hour, the last of its transactions is over.
_GRACE_SECONDS = 600.0


class Statistics:
    """Refresh and summarize."""

    def __init__(self, unit_of_work: UnitOfWork, *, priced: Callable[[str, str], bool]) -> None:
        """`priced`: has this model of this provider a price?"""
        self._unit_of_work = unit_of_work
        self._priced = priced

    def refresh(self) -> bool:
        """Count what ended lately. True: there are more hours to count. Raises `StorageUnavailable`."""
        with self._unit_of_work() as tx:
            return tx.statistics.refresh(hours=_HOURS_AT_ONCE, grace=_GRACE_SECONDS)

    def summary(self, project_id: int, hours: int) -> Summary:
        """The last hours of a project, the begun one and the one before all of them included whole."""
        with self._unit_of_work() as tx:
            since, counts = tx.statistics.counts(project_id, hours=hours)
        groups: defaultdict[tuple[str, str], list[Counts]] = defaultdict(list)
        for one in counts:
            groups[one.provider, one.model].append(one)
        models = [self._model(provider, model, tally(group)) for (provider, model), group in groups.items()]
        return Summary(
            hours=hours,
            since=since,
            total=tally(counts),
            models=tuple(sorted(models, key=lambda one: (-one.tally.analyses, one.provider, one.model))),
        )

    def _model(self, provider: str, model: str, found: Tally) -> ModelTally:
        spent = found.prompt_tokens + found.completion_tokens > 0
        known = not spent or self._priced(provider, model)
        return ModelTally(provider=provider, model=model, tally=found, cost_known=known)
