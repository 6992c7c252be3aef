import statistics
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.analyses import Status
from app.domain.statistics import BOUNDS, Counts, Durations, percentile, tally

pytestmark = pytest.mark.unit

ONE = Counts(
    provider="ollama",
    model="mistral",
    status=Status.COMPLETED,
    analyses=1,
    degraded=0,
    cache_hits=0,
    duration_sum=0.04,
    duration_histogram=(0, 0, 1, *[0] * (len(BOUNDS) - 2)),
    prompt_tokens=400,
    completion_tokens=80,
    cost_micro_usd=12,
)


def histogram(values: list[float]) -> list[int]:
    edges = (-1.0, *BOUNDS, float("inf"))
    return [sum(low < value <= high for value in values) for low, high in pairwise(edges)]


def test_nothing_adds_up_to_nothing():
    found = tally([])
    assert (found.analyses, found.durations) == (0, Durations(average=None, p50=None, p95=None))


def test_each_status_counts_for_itself_and_only_completed_ones_took_their_time():
    failed = replace(ONE, status=Status.FAILED, analyses=3, duration_sum=3000.0)
    found = tally([replace(ONE, analyses=2, cache_hits=1), failed, replace(ONE, status=Status.CANCELLED)])
    assert (found.analyses, found.completed, found.failed, found.cancelled, found.cache_hits) == (6, 2, 3, 1, 1)
    assert found.durations.average == pytest.approx(0.04), "the one from the cache is not measured"
    assert (found.prompt_tokens, found.completion_tokens, found.cost_micro_usd) == (1200, 240, 36)


def test_only_answers_from_the_cache_have_no_duration():
    cached = replace(ONE, cache_hits=1, duration_sum=0.0, duration_histogram=(0,) * (len(BOUNDS) + 1))
    assert tally([cached]).durations == Durations(average=None, p50=None, p95=None)


def test_beyond_the_last_bound_the_bound_is_the_answer():
    assert percentile(histogram([10**6]), 0.5) == BOUNDS[-1]


@given(st.lists(st.floats(0.001, 3600), min_size=1), st.sampled_from([0.5, 0.95]))
def test_a_percentile_is_right_to_the_width_of_its_bucket(values, fraction):
    estimated = percentile(histogram(values), fraction)
    exact = sorted(values)[max(0, -(-len(values) * int(fraction * 100) // 100) - 1)]
    low = max((bound for bound in (0.0, *BOUNDS) if bound < exact), default=0.0)
    high = min(bound for bound in BOUNDS if bound >= exact)
    assert low <= estimated <= high


def test_the_middle_of_many_is_about_the_middle():
    values = [number / 100 for number in range(1, 1000)]
    assert percentile(histogram(values), 0.5) == pytest.approx(statistics.median(values), rel=0.05)
