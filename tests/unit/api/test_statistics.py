from dataclasses import replace

import pytest

from app.domain.analyses import Status
from app.domain.statistics import BOUNDS, Counts
from tests.support.parts import SUBMITTER

pytestmark = pytest.mark.unit

COUNTS = Counts(
    provider="ollama",
    model="mistral",
    status=Status.COMPLETED,
    analyses=4,
    degraded=1,
    cache_hits=2,
    duration_sum=3.0,
    duration_histogram=tuple(2 if bound == 2.5 else 0 for bound in (*BOUNDS, 0)),
    prompt_tokens=400,
    completion_tokens=80,
    cost_micro_usd=1_500_000,
)


def test_the_last_day_is_told_unless_asked_otherwise(keyed, parts):
    parts.statistics.counts = (COUNTS,)
    found = keyed.get("/api/v1/stats").json
    assert parts.statistics.asked == (1, 24)
    total = {
        "analyses": 4,
        "completed": 4,
        "failed": 0,
        "cancelled": 0,
        "degraded": 1,
        "cache_hits": 2,
        "prompt_tokens": 400,
        "completion_tokens": 80,
        "cost_usd": 1.5,
    }
    assert found["models"] == [{"provider": "ollama", "model": "mistral", "tally": found["total"], "cost_known": True}]
    assert found["total"].pop("duration_seconds") == pytest.approx({"average": 1.5, "p50": 1.75, "p95": 2.425})
    assert found["total"] == total
    assert keyed.get("/api/v1/stats?hours=3").json["hours"] == 3
    assert parts.statistics.asked == (1, 3)


def test_the_short_form_is_told_at_metrics(keyed, parts):
    parts.statistics.counts = (COUNTS,)
    assert keyed.get("/metrics?hours=2").json == {
        "total_analyses": 4,
        "avg_duration_seconds": 1.5,
        "model_stats": [{"model": "mistral", "count": 4, "avg_duration": 1.5}],
    }
    assert parts.statistics.asked == (1, 2)


def test_a_cost_that_nobody_knows_is_said(keyed, parts):
    parts.statistics.counts = (replace(COUNTS, model="ours", cost_micro_usd=0), COUNTS)
    parts.statistics.unpriced = {"ours"}
    found = keyed.get("/api/v1/stats").json
    assert [one["cost_known"] for one in found["models"]] == [False, True]
    assert not found["cost_known"]


def test_nothing_yet_is_an_answer(keyed):
    found = keyed.get("/api/v1/stats").json
    assert (found["total"]["analyses"], found["models"]) == (0, [])
    assert found["total"]["duration_seconds"] == {"average": None, "p50": None, "p95": None}
    expected = {"total_analyses": 0, "avg_duration_seconds": None, "model_stats": []}
    assert keyed.get("/metrics").json == expected


@pytest.mark.parametrize("path", ["/api/v1/stats", "/metrics"])
@pytest.mark.parametrize("hours", ["0", "-1", "1.5", "a", "", "87601", "1_0", "9" * 5000])
def test_a_period_that_makes_no_sense_is_refused(keyed, path, hours):
    answer = keyed.get(path, query_string={"hours": hours})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "hours")


@pytest.mark.parametrize("path", ["/api/v1/stats", "/metrics"])
def test_a_key_that_may_read_is_needed(client, path):
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"X-API-Key": SUBMITTER}).status_code == 403
