import pytest

from app import telemetry
from app.domain.errors import BrokerUnavailable, StorageUnavailable
from app.domain.guards import Load, Rest
from app.domain.ports import Health
from app.domain.storage_ports import QueueDepth
from tests.support.parts import failing

pytestmark = pytest.mark.unit
ROUTES = ("/api/v1/analyses/<analysis_id>", "unknown")


@pytest.mark.parametrize("path", ["/health", "/health/live"])
def test_a_process_that_answers_is_alive(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/ready", "/health/ready"])
def test_everything_there_is_ready(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json["status"]) == (200, "ready")
    assert answer.json["checks"] == [{"name": "database", "ok": True, "needed": True, "detail": "answers"}]


def test_a_provider_that_is_away_only_degrades(client, parts):
    parts.health.wished = (Health(name="ollama", ok=False, detail="start it"),)
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert answer.json["checks"][1] == {"name": "ollama", "ok": False, "needed": False, "detail": "start it"}


def test_a_needed_part_that_is_away_is_unavailable(client, parts):
    parts.health.parts = (Health(name="database", ok=False, detail="away"),)
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")


def samples(answer):
    assert answer.status_code == 200
    return dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))


def test_the_queues_are_told_at_each_scrape(client, parts):
    parts.health.queues = lambda: (QueueDepth(queue="prepare", waiting=3, running=2, oldest_seconds=1.5),)
    found = samples(client.get("/metrics/prometheus"))
    assert found['queue_depth{queue="prepare"}'] == "3.0"
    assert found['in_progress{queue="prepare"}'] == "2.0"
    assert found['queue_oldest_seconds{queue="prepare"}'] == "1.5"


def test_the_providers_loads_are_told_at_each_scrape(client, parts):
    rest = Rest(model="tiny", place="here", seconds=3, cause="provider_timeout")
    parts.health.guarded = lambda: (Load(provider="ollama", calls=1, limit=2, rests=(rest,)),)
    found = samples(client.get("/metrics/prometheus"))
    assert found['provider_calls{provider="ollama"}'] == "1.0"
    assert found['provider_calls_limit{provider="ollama"}'] == "2.0"
    assert found['provider_resting{provider="ollama"}'] == "1.0"


def test_without_redis_the_rest_is_still_told(client, parts):
    parts.health.guarded = failing(BrokerUnavailable())
    assert "python_info" in client.get("/metrics/prometheus").text


def test_without_the_database_the_rest_is_still_told(client, parts):
    parts.health.queues = failing(StorageUnavailable())
    assert "python_info" in client.get("/metrics/prometheus").text


def test_what_is_counted_is_told(client):
    before = samples(client.get("/metrics/prometheus"))
    telemetry.count_cache_lookup("exact", "hit")
    telemetry.count_error("provider_timeout", where="infer")
    telemetry.count_rest("ollama")
    telemetry.count_calls(8, provider="ollama")
    after = samples(client.get("/metrics/prometheus"))
    for name in (
        'cache_lookups_total{kind="exact",outcome="hit"}',
        'errors_total{code="provider_timeout",where="infer"}',
        'provider_rests_total{provider="ollama"}',
        'analysis_model_calls_count{provider="ollama"}',
    ):
        assert float(after[name]) == float(before.get(name, 0)) + 1


def test_requests_are_counted_by_route_not_by_path(keyed):
    def counted() -> list[float]:
        told = samples(keyed.get("/metrics/prometheus"))
        assert "wp-admin" not in str(told)
        counts = (
            f'flask_http_request_duration_seconds_count{{method="GET",route="{one}",status="404"}}' for one in ROUTES
        )
        return [float(told.get(name, 0)) for name in counts]

    before = counted()
    keyed.get("/api/v1/analyses/7")
    keyed.get("/wp-admin/setup.php")
    assert counted() == [count + 1 for count in before]


def test_problems_are_counted_by_code(keyed):
    name = 'errors_total{code="analysis_not_found",where="api"}'
    before = float(samples(keyed.get("/metrics/prometheus")).get(name, 0))
    keyed.get("/api/v1/analyses/7")
    assert float(samples(keyed.get("/metrics/prometheus"))[name]) == before + 1
