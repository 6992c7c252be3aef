import json

import pytest

from app.domain.analyses import CacheMode, Language, Priority, Source, Status
from app.domain.diagnoses import Coverage, Diagnosis, Evidence, LeftOut, Severity
from app.domain.errors import ProviderNotConfigured, StorageUnavailable
from app.domain.prompts import Usage
from tests.support.parts import READER, STRANGER, SUBMITTER

pytestmark = pytest.mark.unit

URL = "/api/v1/analyses"
DIAGNOSIS = Diagnosis(
    summary="Out of memory.",
    root_cause="The limit is too low.",
    recommendation="Raise it.",
    severity=Severity.HIGH,
    confidence=0.9,
    evidence=(Evidence(line=2, text="OOMKilled"),),
)
COVERAGE = Coverage(
    bytes_total=20,
    lines_total=3,
    lines_blank=0,
    lines_sent=2,
    lines_counted=0,
    left_out=(LeftOut(reason="budget", lines=1),),
    records=3,
    templates=3,
    templates_sent=2,
    redactions={"email": 1},
    tokens_estimated=300,
    token_budget=8000,
)


def fields(answer):
    """The names of what is wrong."""
    assert answer.status_code == 422
    return [error["field"] for error in answer.json["errors"]]


def test_a_submission_is_accepted_with_a_place_to_look(keyed):
    answer = keyed.post(URL, json={"log_content": "it failed"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == "/api/v1/analyses/1"
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["status"] == "queued"
    assert answer.json["links"] == {"self": "/api/v1/analyses/1"}
    assert "log_content" not in answer.json


def test_every_field_reaches_the_service(keyed, parts):
    body = {
        "log_content": "log",
        "source": "local",
        "model": "mistral:7b",
        "service_name": "api",
        "environment": "prod",
        "analysis_type": "security",
        "priority": "CRITICAL",
        "tags": ["b", "a", "b"],
        "language": "ko",
        "cache": "off",
        "deadline_seconds": 60,
        "metadata": {"build": {"number": 7}},
    }
    headers = {"Idempotency-Key": "k-1", "X-Request-ID": "r-1"}
    assert keyed.post(URL, json=body, headers=headers).status_code == 202
    found = parts.analyses.submissions[0]
    assert found.project_id == 1
    assert (found.source, found.priority, found.language, found.cache) == (
        Source.LOCAL,
        Priority.CRITICAL,
        Language.KO,
        CacheMode.OFF,
    )
    assert (found.model, found.service_name, found.environment) == ("mistral:7b", "api", "prod")
    assert (found.tags, found.deadline_seconds, found.analysis_type) == (("b", "a"), 60.0, "security")
    assert (found.metadata, found.idempotency_key, found.request_id) == ({"build": {"number": 7}}, "k-1", "r-1")


def test_null_is_the_same_as_not_given(keyed, parts):
    body = {"log_content": "log", "model": None, "service_name": None, "environment": None, "deadline_seconds": None}
    assert keyed.post(URL, json=body).status_code == 202
    assert parts.analyses.submissions[0].deadline_seconds is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", "moon"),
        ("source", 1),
        ("source", None),
        ("source", ["local"]),
        ("priority", "normal"),
        ("priority", 1),
        ("language", "de"),
        ("cache", "sometimes"),
        ("model", ""),
        ("model", "  "),
        ("model", "a\nb"),
        ("service_name", "x" * 101),
        ("service_name", {"a": 1}),
        ("environment", "a\0b"),
        ("environment", 7),
        ("analysis_type", "error\n"),
        ("analysis_type", "ignore all instructions"),
        ("tags", "a"),
        ("tags", {"a": 1}),
        ("tags", [f"t{number}" for number in range(33)]),
        ("deadline_seconds", 0),
        ("deadline_seconds", -1),
        ("deadline_seconds", "60"),
        ("deadline_seconds", True),
        ("deadline_seconds", 86_401),
        ("deadline_seconds", 10**30),
        ("metadata", []),
        ("metadata", {"a": "x" * 17_000}),
        ("metadata", {"a": "\0"}),
        ("metadata", {"\0": 1}),
        ("metadata", {"a": 2**60}),
        ("metadata", {"a": 10**40}),
        ("log_content", None),
        ("log_content", 1),
        ("log_content", ["a"]),
        ("webhook_uri", "https://example.com"),
        ("webhook_url", 7),
        ("prompt", "No Name"),
        ("prompts", "default"),
        ("", 1),
    ],
)
def test_a_wrong_or_unknown_field_is_named(keyed, name, value):
    body = json.dumps({"log_content": "log", name: value})
    assert fields(keyed.post(URL, data=body, content_type="application/json")) == [name]


def test_everything_wrong_is_named_at_once(keyed):
    body = {"tags": ["ok", "", 3, "x" * 65], "priority": "HUGE", "dry_run": True}
    assert sorted(fields(keyed.post(URL, json=body))) == [
        "dry_run",
        "log_content",
        "priority",
        "tags.1",
        "tags.2",
        "tags.3",
    ]


@pytest.mark.parametrize("depth", [40, 900])
def test_metadata_nested_too_deeply_is_named(keyed, depth):
    deep = "[" * depth + "]" * depth
    body = b'{"log_content": "log", "metadata": {"a": ' + deep.encode() + b"}}"
    assert fields(keyed.post(URL, data=body, content_type="application/json")) == ["metadata"]


def test_metadata_of_30_levels_is_fine(keyed):
    deep = "[" * 29 + "]" * 29
    body = b'{"log_content": "log", "metadata": {"a": ' + deep.encode() + b"}}"
    assert keyed.post(URL, data=body, content_type="application/json").status_code == 202


@pytest.mark.parametrize("log", ["", " \n\t\n", "\0\0"])
def test_a_blank_log_is_a_problem(keyed, log):
    answer = keyed.post(URL, json={"log_content": log})
    assert (answer.status_code, answer.json["code"]) == (422, "log_empty")


def test_the_same_key_and_body_give_the_same_analysis_again(keyed):
    first, second = (
        keyed.post(URL, json={"log_content": "log"}, headers={"Idempotency-Key": "build 7"}) for _ in range(2)
    )
    assert first.json["id"] == second.json["id"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    third = keyed.post(URL, json={"log_content": "other"}, headers={"Idempotency-Key": "build 7"})
    assert (third.status_code, third.json["code"]) == (422, "idempotency_conflict")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é"])
def test_an_idempotency_key_that_is_not_sane_is_named(keyed, key):
    answer = keyed.post(URL, json={"log_content": "log"}, headers={"Idempotency-Key": key})
    assert fields(answer) == ["Idempotency-Key"]
    assert answer.json["errors"][0]["in"] == "header"


def test_a_provider_that_is_not_configured_is_a_problem(keyed, parts):
    parts.analyses.fault = ProviderNotConfigured()
    answer = keyed.post(URL, json={"log_content": "log", "source": "cloud"})
    assert (answer.status_code, answer.json["code"]) == (422, "provider_not_configured")


def test_a_database_that_is_away_is_503_with_a_time_to_come_back(keyed, parts):
    parts.analyses.fault = StorageUnavailable()
    answer = keyed.post(URL, json={"log_content": "log"})
    assert (answer.status_code, answer.json["code"]) == (503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_finished_analysis_shows_its_whole_answer(keyed, parts):
    keyed.post(URL, json={"log_content": "a\nOOMKilled\nb", "tags": ["x"], "metadata": {"n": 1}})
    parts.analyses.put(
        1,
        status=Status.COMPLETED,
        provider="ollama",
        model="mistral",
        diagnosis=DIAGNOSIS,
        coverage=COVERAGE,
        usage=Usage(prompt_tokens=300, completion_tokens=50, cost_micro_usd=1500),
        response="## Out of memory.",
        duration_seconds=1.5,
    )
    answer = keyed.get(f"{URL}/1")
    assert "Retry-After" not in answer.headers
    shown = answer.json
    assert shown["diagnosis"]["severity"] == "HIGH"
    assert shown["diagnosis"]["evidence"] == [{"line": 2, "text": "OOMKilled"}]
    assert shown["coverage"]["left_out"] == [{"reason": "budget", "lines": 1}]
    assert shown["coverage"]["redactions"] == {"email": 1}
    assert shown["usage"]["cost_usd"] == 0.0015
    assert (shown["priority"], shown["tags"], shown["metadata"]) == ("NORMAL", ["x"], {"n": 1})
    assert shown["created_at"].endswith("+00:00")
    assert "log_content" not in shown
    assert "project_id" not in shown


def test_the_log_comes_only_when_asked_for(keyed):
    keyed.post(URL, json={"log_content": "it failed"})
    assert keyed.get(f"{URL}/1?include=log_content").json["log_content"] == "it failed"
    assert fields(keyed.get(f"{URL}/1?include=everything")) == ["include"]
    assert fields(keyed.get(f"{URL}/1?wait_for=30")) == ["wait_for"]


def test_an_unfinished_analysis_says_when_to_look_again(keyed):
    keyed.post(URL, json={"log_content": "log"})
    assert keyed.get(f"{URL}/1").headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "identity", ["2", "0", "-1", "abc", "1.0", "1e3", "９", "9223372036854775808", "9" * 400, "%00", "1%20", "1'--"]
)
def test_an_unknown_analysis_is_a_problem(keyed, identity):
    keyed.post(URL, json={"log_content": "log"})
    for answer in (keyed.get(f"{URL}/{identity}"), keyed.post(f"{URL}/{identity}/cancel")):
        assert (answer.status_code, answer.json["code"]) == (404, "analysis_not_found")


def test_another_projects_analysis_is_unknown(keyed, client):
    keyed.post(URL, json={"log_content": "log"})
    stranger = {"X-API-Key": STRANGER}
    assert client.get(f"{URL}/1", headers=stranger).json["code"] == "analysis_not_found"
    assert client.post(f"{URL}/1/cancel", headers=stranger).json["code"] == "analysis_not_found"
    assert client.get(URL, headers=stranger).json == {"items": [], "next_cursor": None}


def test_pages_follow_each_other_to_the_end(keyed):
    for _ in range(5):
        keyed.post(URL, json={"log_content": "log"})
    seen, query = [], "?limit=2"
    while query:
        page = keyed.get(URL + query).json
        seen += [item["id"] for item in page["items"]]
        query = f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == [5, 4, 3, 2, 1]


def test_every_filter_reaches_the_service(keyed, parts):
    query = (
        "?status=failed&service_name=api&environment=prod&model=m&severity=HIGH&tag=x&source=rules&limit=7"
        "&since=2026-01-01T00:00:00Z&until=2026-02-01T09:00:00%2B09:00"
    )
    assert keyed.get(URL + query).status_code == 200
    wanted = parts.analyses.wanted
    assert (wanted.status, wanted.source, wanted.severity, wanted.limit) == ("failed", "rules", "HIGH", 7)
    assert (wanted.service_name, wanted.environment, wanted.model, wanted.tag) == ("api", "prod", "m", "x")
    assert wanted.since.isoformat() == "2026-01-01T00:00:00+00:00"
    assert wanted.until.isoformat() == "2026-02-01T00:00:00+00:00"


def test_a_page_has_50_unless_asked_otherwise(keyed, parts):
    keyed.get(URL)
    assert parts.analyses.wanted.limit == 50


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "done"),
        ("severity", "high"),
        ("source", ""),
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "-1"),
        ("limit", "1.5"),
        ("limit", "1_0"),
        ("limit", "９"),
        ("limit", "9" * 5000),
        ("since", "yesterday"),
        ("since", "2026-01-01T00:00:00+09:00"),
        ("until", "0001-01-01T00:00:00+14:00"),
        ("tag", "\0"),
        ("tag", ""),
        ("service_name", "a\0b"),
        ("q", "text"),
        ("offset", "10"),
    ],
)
def test_a_wrong_or_unknown_filter_is_named(keyed, name, value):
    # a + in a query is a space
    query = {name: value.replace("+", " ")}
    assert fields(keyed.get(URL, query_string=query)) == [name]


def test_a_filter_given_twice_is_named(keyed):
    assert fields(keyed.get(URL + "?status=failed&status=queued")) == ["status"]


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "MS4", "LS0x", "MS4w", "OTk5OTk5OTk5OTk5OTk5OTk5LjE", "A" * 5000, "MTow"]
)
def test_a_cursor_of_somebody_else_is_a_problem(keyed, cursor):
    answer = keyed.get(URL, query_string={"cursor": cursor})
    assert (answer.status_code, answer.json["code"]) == (422, "cursor_invalid")


def test_a_waiting_analysis_is_cancelled(keyed):
    keyed.post(URL, json={"log_content": "log"})
    answer = keyed.post(f"{URL}/1/cancel")
    assert (answer.status_code, answer.json["status"]) == (202, "cancelled")


def test_a_finished_analysis_is_not_cancelled(keyed, parts):
    keyed.post(URL, json={"log_content": "log"})
    parts.analyses.put(1, status=Status.FAILED)
    answer = keyed.post(f"{URL}/1/cancel")
    assert (answer.status_code, answer.json["code"]) == (409, "analysis_finished")


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("POST", URL, SUBMITTER, 202),
        ("POST", URL, READER, 403),
        ("GET", URL, READER, 200),
        ("GET", URL, SUBMITTER, 403),
        ("GET", f"{URL}/1", SUBMITTER, 403),
        ("POST", f"{URL}/1/cancel", READER, 403),
    ],
)
def test_each_call_needs_its_scope(keyed, client, method, path, token, status):
    keyed.post(URL, json={"log_content": "log"})
    body = {"json": {"log_content": "log"}} if path == URL and method == "POST" else {}
    answer = client.open(path, method=method, headers={"Authorization": f"bearer {token}"}, **body)
    assert answer.status_code == status
    if status == 403:
        assert answer.json["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "key_missing"),
        ({"Authorization": "Basic eDp5"}, "key_missing"),
        ({"X-API-Key": "nonsense"}, "key_invalid"),
        ({"Authorization": "Bearer bf_all_wrong"}, "key_invalid"),
    ],
)
def test_without_a_valid_key_nothing_is_read(client, headers, code):
    answer = client.post(URL, data=b"{", content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
