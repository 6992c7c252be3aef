import pytest

from app.domain.analyses import Failure, Source, Status
from tests.support.parts import READER, STRANGER, SUBMITTER
from tests.unit.api.test_analyses import DIAGNOSIS

pytestmark = pytest.mark.unit

LOG = {"log_content": "OOMKilled", "source": "local"}


def answered(parts, **changes):
    """Whoever waits finds it so."""
    whole = {"status": Status.COMPLETED, "response": "## Out of memory.", "duration_seconds": 0.5} | changes
    parts.waiting.meanwhile = lambda number: parts.analyses.put(number, **whole)


def test_one_call_waits_for_the_answer(keyed, parts):
    answered(parts, model="mistral")
    answer = keyed.post("/analyze", json=LOG)
    assert (answer.status_code, answer.json) == (
        200,
        {"id": 1, "response": "## Out of memory.", "duration_seconds": 0.5, "model": "mistral", "cached": False},
    )
    assert parts.waiting.waited == 30
    assert parts.analyses.submissions[0].source is Source.LOCAL


def test_what_is_not_finished_in_time_has_a_place_to_look(keyed, parts):
    answer = keyed.post("/analyze?wait=0.5", json=LOG)
    assert (answer.status_code, answer.json["status"]) == (202, "queued")
    assert answer.headers["Location"] == answer.json["links"]["self"] == "/api/v1/analyses/1"
    assert parts.waiting.waited == 0.5


def test_the_wait_may_stand_beside_the_fields_of_a_plain_log(keyed, parts):
    answer = keyed.post("/analyze?wait=0&service_name=api", data=b"OOMKilled", content_type="text/plain")
    assert answer.status_code == 202
    assert parts.analyses.submissions[0].service_name == "api"


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "nan", "", "1e1"])
def test_a_wait_that_is_none_is_refused_before_anything_is_stored(keyed, parts, wait):
    answer = keyed.post(f"/analyze?wait={wait}", json=LOG)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "wait")
    assert parts.analyses.submissions == []
    assert keyed.get(f"/api/v1/analyses/1?wait={wait}").status_code == 422


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": Status.FAILED, "error": Failure(code="x", detail="No model.", retryable=False)}, "No model."),
        ({"status": Status.CANCELLED}, "cancelled"),
    ],
)
def test_an_analysis_without_an_answer_is_a_problem(keyed, parts, changes, says):
    answered(parts, **changes)
    answer = keyed.post("/analyze", json=LOG)
    assert (answer.status_code, answer.json["code"]) == (502, "analysis_unsuccessful")
    assert says in answer.json["detail"]


def test_the_same_key_waits_for_the_same_analysis(keyed, parts):
    headers = {"Idempotency-Key": "build-7"}
    first, second = (keyed.post("/analyze?wait=0", json=LOG, headers=headers) for _ in range(2))
    assert first.json["id"] == second.json["id"] == 1
    assert len(parts.analyses.submissions) == 1


def test_history_is_listed_by_number(keyed, parts):
    for number in range(3):
        keyed.post("/api/v1/analyses", json={"log_content": f"log {number}"})
    found = keyed.post("/history", json={"limit": 2, "offset": 1, "status": None, "service_name": "api"})
    assert [one["id"] for one in found.json] == [2, 1]
    wanted = parts.analyses.wanted
    assert (wanted.offset, wanted.service_name, wanted.status) == (1, "api", None)
    keyed.post("/history", json={})
    assert (parts.analyses.wanted.limit, parts.analyses.wanted.offset) == (50, 0)


@pytest.mark.parametrize("body", [{"offset": 10_001}, {"offset": -1}, {"limit": 501}, {"status": "done"}, {"x": 1}])
def test_a_history_that_cannot_be_listed_is_refused(keyed, body):
    answer = keyed.post("/history", json=body)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, next(iter(body)))


def test_an_entry_of_the_history_is_the_analysis(keyed):
    keyed.post("/api/v1/analyses", json=LOG)
    assert keyed.get("/history/1").json == keyed.get("/api/v1/analyses/1").json
    assert keyed.get("/history/1?include=log_content").json["log_content"] == "OOMKilled"
    assert keyed.get("/history/x").json["code"] == "analysis_not_found"


def test_heimdall_asks_and_reads_in_its_own_words(keyed, parts):
    body = {"log_content": "OOMKilled", "service_name": "api", "environment": "prod", "priority": "HIGH"}
    accepted = keyed.post("/api/v1/analysis/request", json=body)
    assert accepted.status_code == 202
    assert (accepted.json["analysis_id"], accepted.json["status"]) == (1, "ACCEPTED")
    assert accepted.headers["Location"] in accepted.json["message"]
    waiting = keyed.get(accepted.headers["Location"])
    assert (waiting.json["status"], waiting.json["analysis_result"]) == ("QUEUED", None)
    assert waiting.headers["Retry-After"] == "1"
    parts.analyses.put(1, status=Status.COMPLETED, diagnosis=DIAGNOSIS)
    found = keyed.get(accepted.headers["Location"])
    assert found.json["analysis_result"] == {
        "summary": "Out of memory.",
        "root_cause": "The limit is too low.",
        "recommendation": "Raise it.",
        "severity": "HIGH",
        "confidence": 0.9,
    }
    assert "Retry-After" not in found.headers
    assert keyed.get("/api/v1/analysis/result/77").json["code"] == "analysis_not_found"


def test_a_look_may_wait(keyed, parts):
    keyed.post("/api/v1/analyses", json=LOG)
    answered(parts)
    answer = keyed.get("/api/v1/analyses/1?wait=2&include=log_content")
    assert (answer.json["status"], answer.json["log_content"], parts.waiting.waited) == ("completed", "OOMKilled", 2)


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("POST", "/analyze", READER, 403),
        ("POST", "/history", SUBMITTER, 403),
        ("GET", "/history/1", STRANGER, 404),
        ("POST", "/api/v1/analysis/request", READER, 403),
        ("GET", "/api/v1/analysis/result/1", STRANGER, 404),
        ("GET", "/api/v1/models", SUBMITTER, 403),
        ("POST", "/analyze", "", 401),
    ],
)
def test_every_shortcut_needs_a_key_of_the_project_with_the_scope(keyed, parts, method, path, key, status):
    keyed.post("/api/v1/analyses", json=LOG)
    answer = keyed.open(path, method=method, json=LOG if method == "POST" else None, headers={"X-API-Key": key})
    assert answer.status_code == status
