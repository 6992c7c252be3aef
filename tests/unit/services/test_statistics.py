"""Which models' cost is known."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from app.domain.analyses import Status
from app.domain.statistics import BOUNDS, Counts
from app.services.statistics import Statistics

pytestmark = pytest.mark.unit


def counts(model, tokens):
    return Counts(
        provider="openai_compatible",
        model=model,
        status=Status.COMPLETED,
        analyses=1,
        degraded=0,
        cache_hits=0,
        duration_sum=1.0,
        duration_histogram=(1, *(0 for _ in BOUNDS)),
        prompt_tokens=tokens,
        completion_tokens=0,
        cost_micro_usd=0,
    )


def test_the_cost_of_a_model_without_a_price_is_unknown_once_it_was_asked():
    found = [counts("listed", 10), counts("ours", 10), counts("never-asked", 0)]
    store = SimpleNamespace(counts=lambda _project, hours: (datetime(2026, 1, 31, hours, tzinfo=UTC), found))
    service = Statistics(
        lambda: nullcontext(SimpleNamespace(statistics=store)), priced=lambda _, model: model == "listed"
    )
    summary = service.summary(1, 2)
    assert {one.model: one.cost_known for one in summary.models} == {
        "listed": True,
        "ours": False,
        "never-asked": True,
    }
    assert not summary.cost_known
