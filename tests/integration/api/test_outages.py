import pytest

from app.container import build
from app.embedded.servers import free_port
from app.settings import Settings
from app.web import create_app

pytestmark = pytest.mark.integration

URL = "/api/v1/analyses"


@pytest.fixture
def alone():
    """An application whose database and broker are not there."""
    nowhere = f"127.0.0.1:{free_port()}"
    database = {"url": f"postgresql://nobody:hunter2@{nowhere}/nothing", "connect_timeout": 1}
    container = build(Settings.model_validate({"database": database, "redis": {"url": f"redis://{nowhere}/0"}}))
    yield create_app(container).test_client()
    container.close()


@pytest.mark.parametrize(
    ("method", "path"), [("POST", URL), ("GET", URL), ("GET", f"{URL}/1"), ("POST", f"{URL}/1/cancel")]
)
def test_without_the_database_a_caller_is_told_when_to_come_back(alone, method, path):
    answer = alone.open(path, method=method, json={"log_content": "log"}, headers={"X-API-Key": "bf_1a2b_secret"})
    assert (answer.status_code, answer.json["code"]) == (503, "storage_unavailable")
    assert answer.content_type == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert "hunter2" not in answer.text


def test_without_the_database_the_process_lives_but_is_not_ready(alone):
    assert alone.get("/health/live").status_code == 200
    answer = alone.get("/ready")
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    assert {check["name"] for check in answer.json["checks"] if not check["ok"]} >= {"database"}
    assert "hunter2" not in answer.text


def test_without_the_database_metrics_are_still_told(alone):
    assert 'errors_total{code="storage_unavailable",where="api"}' in alone.get("/metrics/prometheus").text
