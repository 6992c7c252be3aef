"""Counts of ended analyses, hour by hour, and what they tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.analyses import Status

#: Upper bounds of the duration histogram, in seconds; what took longer than the last falls into one more bucket.
#: Stored counts were made with these: a change needs a migration.
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Some analyses that ended alike, added up."""

    provider: str
    model: str
    status: Status
    analyses: int
    degraded: int
    cache_hits: int
    #: Of those that were worked on: answers from the cache take no time and would hide how long the others take.
    duration_sum: float
    #: One count for each of `BOUNDS`, and one for what took longer.
    duration_histogram: tuple[int, ...]
    prompt_tokens: int
    completion_tokens: int
    cost_micro_usd: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Durations:
    """Seconds from acceptance to the end, of completed analyses that were worked on. None when there is none.

    The percentiles are estimated from the histogram: right to the width of a bucket.
    """

    average: float | None
    p50: float | None
    p95: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Counts of a group, or of everything."""

    analyses: int
    completed: int
    failed: int
    cancelled: int
    degraded: int
    cache_hits: int
    durations: Durations
    prompt_tokens: int
    completion_tokens: int
    cost_micro_usd: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTally:
    """What one model of one provider did."""

    provider: str
    model: str
    tally: Tally
    #: False: the model has no price, and its calls are missing in the cost.
    cost_known: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A project's last hours. `since` is the beginning of an hour: hours are counted whole."""

    hours: int
    since: datetime
    total: Tally
    #: Most analyses first.
    models: tuple[ModelTally, ...]

    @property
    def cost_known(self) -> bool:
        """False: the cost of some model is missing in the total."""
        return all(one.cost_known for one in self.models)


def tally(counts: Iterable[Counts]) -> Tally:
    """All of these together."""
    found = tuple(counts)
    by_status = {status: sum(one.analyses for one in found if one.status is status) for status in Status}
    return Tally(
        analyses=sum(one.analyses for one in found),
        completed=by_status[Status.COMPLETED],
        failed=by_status[Status.FAILED],
        cancelled=by_status[Status.CANCELLED],
        degraded=sum(one.degraded for one in found),
        cache_hits=sum(one.cache_hits for one in found),
        durations=durations([one for one in found if one.status is Status.COMPLETED]),
        prompt_tokens=sum(one.prompt_tokens for one in found),
        completion_tokens=sum(one.completion_tokens for one in found),
        cost_micro_usd=sum(one.cost_micro_usd for one in found),
    )


def durations(counts: Sequence[Counts]) -> Durations:
    """How long these took."""
    histogram = [sum(bucket) for bucket in zip(*(one.duration_histogram for one in counts), strict=True)]
    measured = sum(histogram)
    if not measured:
        return Durations(average=None, p50=None, p95=None)
    return Durations(
        average=sum(one.duration_sum for one in counts) / measured,
        p50=percentile(histogram, 0.5),
        p95=percentile(histogram, 0.95),
    )


def percentile(histogram: Sequence[int], fraction: float) -> float:
    """Seconds within which this fraction ended; straight lines inside the buckets. At least one must be counted.

    Beyond the last bound nothing is known but that: the bound itself is the answer.
    """
    wanted = fraction * sum(histogram)
    lower, passed = 0.0, 0
    for count, upper in zip(histogram, BOUNDS, strict=False):
        if count and passed + count >= wanted:
            return lower + (upper - lower) * max(0.0, wanted - passed) / count
        lower, passed = upper, passed + count
    return float(BOUNDS[-1])
