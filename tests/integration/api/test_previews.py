"""Dry runs, filters and reports over HTTP, on the real database."""

import pytest

from app.container import build
from app.settings import Settings

pytestmark = pytest.mark.integration

ANALYSES = "/api/v1/analyses"
LOG = "2026-01-31T09:00:00Z INFO ready\n2026-01-31T09:00:05Z ERROR cannot read orders\n"
PRICES = 'openai_compatible:\n  "ours*": [1_000_000, 2_000_000]\n'


@pytest.fixture
def container(database_url, redis_url, tmp_path):
    """With a model configured that nobody asks here, and a price for it."""
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICES)
    settings = {
        "database": {"url": database_url},
        "redis": {"url": redis_url},
        "openai_compatible": {"url": "http://127.0.0.1:1/v1", "model": "ours-7b"},
        "ai": {"chain": ["openai_compatible"], "prices": str(prices)},
    }
    made = build(Settings.model_validate(settings))
    yield made
    made.close()


def plan(api, **fields):
    answer = api.post(f"{ANALYSES}?dry_run=true", json={"log_content": LOG} | fields)
    assert answer.status_code == 200, answer.json
    return answer.json


def test_a_dry_run_counts_by_the_operators_prices_and_stores_nothing(api):
    found = plan(api)
    assert (found["provider"], found["model"]) == ("openai_compatible", "ours-7b")
    cost = found["prompt_tokens"] + 2 * found["max_completion_tokens"]
    assert found["max_cost_usd"] == pytest.approx(cost / 1e6)
    assert plan(api, model="unheard-of")["max_cost_usd"] is None
    assert api.get(ANALYSES).json["items"] == []


def test_a_dry_run_takes_the_stored_prompt_that_a_submission_would(api):
    made = api.post(
        "/api/v1/prompts",
        json={"name": "triage", "texts": {"en": "You diagnose logs."}, "max_output_tokens": 300},
    )
    assert made.status_code == 201, made.json
    chosen = plan(api, prompt="triage@1")
    assert chosen["prompt_tokens"] < plan(api)["prompt_tokens"]
    assert chosen["max_completion_tokens"] == 300
    unknown = api.post(f"{ANALYSES}?dry_run=true", json={"log_content": LOG, "prompt": "nobody"})
    assert (unknown.status_code, unknown.json["code"]) == (422, "prompt_unknown")


def test_a_stored_log_is_filtered_as_it_was_sent(api):
    large = LOG + "2026-01-31T09:01:00Z INFO x\n" * 5000
    accepted = api.post(ANALYSES, data=large.encode(), content_type="text/plain")
    found = api.get(f"{accepted.headers['Location']}/log?severity=ERROR").json
    assert [record["line"] for record in found["items"]] == [2]
    assert (found["total"], found["matched"]) == (5002, 1)
    counted = api.get(f"{accepted.headers['Location']}/log/statistics").json
    assert counted["levels"] == {"ERROR": 1, "INFO": 5001}
    assert api.get(f"{accepted.headers['Location']}/report").json["code"] == "analysis_unfinished"
