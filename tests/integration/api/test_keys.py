"""Keys, limits, budgets and the audit log over HTTP."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from app.clock import SystemClock
from app.container import Container, build
from app.domain.keys import UNLIMITED, KeyLimits, Scope
from app.settings import Settings
from app.web import create_app
from tests.support.model_server import closed_port

KEYS, ANALYSES = "/api/v1/api-keys", "/api/v1/analyses"
LOG = {"log_content": "log", "source": "rules"}


def limited(container: Container, **limits: int) -> dict[str, str]:
    made = container.keys.create(name="limited", project="default", scopes=frozenset(Scope), limits=KeyLimits(**limits))
    return {"X-API-Key": made.token}


@pytest.mark.parametrize("path", [KEYS, "/api-keys"])
def test_a_key_is_made_shown_once_and_opens(api, path):
    made = api.post(path, json={"name": "ci", "scopes": ["read"], "reads_per_hour": 5})
    assert made.status_code == 201
    token = made.json["token"]
    assert (made.json["project"], made.json["scopes"], made.json["state"]) == ("default", ["read"], "valid")
    assert (made.json["submits_per_hour"], made.json["reads_per_hour"]) == (None, 5)
    listed = api.get(path)
    assert [key["name"] for key in listed.json["items"]] == ["ci", "test"]
    assert token.rpartition("_")[2] not in listed.text
    assert api.get(ANALYSES, headers={"X-API-Key": token}).headers["RateLimit-Policy"] == '"read";q=5;w=3600'


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "x", "submits_per_hour": -1},
        {"name": "x", "submits_per_hour": 1.5},
        {"name": "x", "submits_per_hour": True},
        {"name": "x", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "project": "other"},
        {"name": "\x1b[31mred"},
    ],
)
def test_a_key_that_is_not_valid_is_a_problem(api, body):
    answer = api.post(KEYS, json=body)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_input")
    assert len(api.get(KEYS).json["items"]) == 1


def test_a_key_is_rotated_and_then_revoked(api):
    expires = (SystemClock().now() + timedelta(days=9)).isoformat()
    made = api.post(KEYS, json={"name": "ci", "expires_at": expires}).json
    answer = api.post(f"{KEYS}/{made['prefix']}/rotate", json={"overlap_seconds": 60})
    assert answer.status_code == 201
    new, old = answer.json["created"], answer.json["replaced"]
    assert (old["prefix"], old["replaced_by"], old["state"]) == (made["prefix"], new["prefix"], "valid")
    assert old["expires_at"] < expires < new["expires_at"]
    for token in (made["token"], new["token"]):
        assert api.get(ANALYSES, headers={"X-API-Key": token}).status_code == 200
    again = api.post(f"{KEYS}/{made['prefix']}/rotate", json={})
    assert (again.status_code, again.json["code"]) == (409, "key_replaced")
    assert api.post(f"{KEYS}/{made['prefix']}/revoke").json["state"] == "revoked"
    assert api.get(ANALYSES, headers={"X-API-Key": made["token"]}).status_code == 401
    assert api.get(ANALYSES, headers={"X-API-Key": new["token"]}).status_code == 200


@pytest.mark.parametrize("prefix", ["00000000", "x", "bf_00000000", "%00", "'"])
@pytest.mark.parametrize(("method", "end"), [("patch", ""), ("post", "/rotate"), ("post", "/revoke")])
def test_an_unknown_key_is_a_problem(api, prefix, method, end):
    body = None if end == "/revoke" else {}
    answer = api.open(f"{KEYS}/{prefix}{end}", method=method, json=body)
    assert (answer.status_code, answer.json["code"]) == (404, "key_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", KEYS), ("post", KEYS), ("get", "/api-keys"), ("get", "/api/v1/audit-log"), ("put", "/api/v1/budget")],
)
def test_administration_needs_its_scope(api, container, method, path):
    scopes = frozenset({Scope.READ, Scope.SUBMIT})
    key = container.keys.create(name="k", project="default", scopes=scopes, limits=UNLIMITED).token
    answer = api.open(path, method=method, json={}, headers={"X-API-Key": key})
    assert (answer.status_code, answer.json["code"]) == (403, "scope_missing")


def test_submissions_beyond_the_limit_are_told_when_to_come_back(api, container):
    key = limited(container, submits_per_hour=2, reads_per_hour=0)
    for left in (1, 0):
        accepted = api.post(ANALYSES, json=LOG, headers=key)
        assert accepted.status_code == 202
        assert accepted.headers["RateLimit-Policy"] == '"submit";q=2;w=3600'
        assert accepted.headers["RateLimit"].startswith(f'"submit";r={left};t=36')
    refused = api.post(ANALYSES, json=LOG, headers=key)
    assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
    assert 3540 < int(refused.headers["Retry-After"]) <= 3660
    assert refused.headers["RateLimit"].startswith('"submit";r=0;t=')
    looked = api.get(ANALYSES, headers=key)
    assert (looked.status_code, len(looked.json["items"])) == (200, 2)
    assert "RateLimit" not in looked.headers
    assert 'errors_total{code="rate_limited",where="api"}' in api.get("/metrics/prometheus").text


def test_cancelling_is_no_submission(api, container):
    key = limited(container, submits_per_hour=1)
    place = api.post(ANALYSES, json=LOG, headers=key).headers["Location"]
    cancelled = api.post(f"{place}/cancel", headers=key)
    assert (cancelled.status_code, cancelled.headers["RateLimit-Policy"]) == (202, '"read";q=3600;w=3600')
    assert api.post(f"{place}/retry", headers=key).status_code == 429


def test_a_limit_is_counted_by_all_processes_and_changed_for_all(api, container):
    key = limited(container, submits_per_hour=3)
    elsewhere = build(container.settings)
    try:
        clients = (api, create_app(elsewhere).test_client())
        found = [clients[number % 2].post(ANALYSES, json=LOG, headers=key).status_code for number in range(5)]
        assert found == [202, 202, 202, 429, 429]
    finally:
        elsewhere.close()
    changed = api.patch(f"{KEYS}/{key['X-API-Key'].split('_')[1]}", json={"submits_per_hour": 4})
    assert (changed.json["submits_per_hour"], changed.json["reads_per_hour"]) == (4, None)
    assert [api.post(ANALYSES, json=LOG, headers=key).status_code for _ in range(2)] == [202, 429]


def test_without_redis_nothing_is_limited(database_url):
    settings = {"database": {"url": database_url}, "redis": {"url": f"redis://127.0.0.1:{closed_port()}/0"}}
    container = build(Settings.model_validate(settings))
    try:
        client = create_app(container).test_client()
        key = limited(container, submits_per_hour=1)
        found = [client.post(ANALYSES, json=LOG, headers=key) for _ in range(3)]
        assert [answer.status_code for answer in found] == [202, 202, 202]
        assert "RateLimit" not in found[0].headers
    finally:
        container.close()


def test_a_key_that_says_nothing_has_the_limits_of_the_settings(api, container):
    answer = api.post(ANALYSES, json=LOG, headers=limited(container))
    assert answer.headers["RateLimit-Policy"] == '"submit";q=100;w=3600'


def test_a_budget_is_set_shown_and_refuses_what_wants_a_model(api: FlaskClient):
    nothing = {"requests": None, "tokens": None, "cost_usd": None}
    assert api.get("/api/v1/budget").json["budget"] == nothing
    answer = api.put("/api/v1/budget", json={"tokens": 0, "cost_usd": 2.5})
    assert answer.status_code == 200
    assert answer.json["budget"] == {"requests": None, "tokens": 0, "cost_usd": 2.5}
    assert answer.json["left"] == {"requests": None, "tokens": 0, "cost_usd": 2.5}
    assert api.get("/api/v1/budget").json == answer.json
    refused = api.post(ANALYSES, json={"log_content": "log", "source": "local"})
    assert (refused.status_code, refused.json["code"]) == (402, "budget_exhausted")
    assert "0 of 0 tokens" in refused.json["detail"]
    assert "Retry-After" not in refused.headers
    assert api.post(ANALYSES, json=LOG).status_code == 202
    assert 'budget_used_ratio{of="tokens"} 1.0' in api.get("/metrics/prometheus").text
    assert api.put("/api/v1/budget", json={}).json["budget"] == nothing
    assert api.post(ANALYSES, json={"log_content": "log", "source": "local"}).status_code == 202


@pytest.mark.parametrize("body", [{"tokens": -1}, {"tokens": 1.5}, {"cost_usd": "1"}, {"cost_usd": -1}, {"euros": 1}])
def test_a_budget_that_is_not_valid_is_a_problem(api, body):
    assert api.put("/api/v1/budget", json=body).json["code"] == "invalid_input"


def test_every_administrative_call_is_in_the_audit_log(api, token):
    key = api.post(KEYS, json={"name": "ci"}).json["prefix"]
    api.patch(f"{KEYS}/{key}", json={"reads_per_hour": 1})
    new = api.post(f"{KEYS}/{key}/rotate", json={}).json["created"]["prefix"]
    api.post(f"{KEYS}/{new}/revoke")
    api.put("/api/v1/budget", json={"tokens": 1000})
    prompt = "/api/v1/prompts"
    assert api.post(prompt, json={"name": "mine", "texts": {"en": "Read."}, "labels": ["a"]}).status_code == 201
    api.put(f"{prompt}/mine/labels/production", json={"version": 1})
    api.put(f"{prompt}/mine/split", json={"labels": {"a": 1, "production": 1}})
    api.delete(f"{prompt}/mine/split")
    api.delete(f"{prompt}/mine/labels/a")
    api.delete(f"{prompt}/mine")
    found = api.get("/api/v1/audit-log").json
    assert [(entry["act"], entry["subject"]) for entry in found["items"]][::-1][1:] == [
        ("key.create", key),
        ("key.limit", key),
        ("key.rotate", key),
        ("key.revoke", new),
        ("budget.set", "default"),
        ("prompt.create", "mine"),
        ("prompt.label", "mine"),
        ("prompt.split", "mine"),
        ("prompt.unsplit", "mine"),
        ("prompt.unlabel", "mine"),
        ("prompt.delete", "mine"),
    ]
    assert {entry["actor"] for entry in found["items"][:-1]} == {token.split("_")[1]}
    assert found["items"][-1]["actor"] == "operator"
    one = api.get("/api/v1/audit-log?act=prompt.split&limit=1").json
    assert [entry["details"] for entry in one["items"]] == [{"weights": {"a": 1, "production": 1}}]
    page = api.get("/api/v1/audit-log?limit=1").json
    assert (
        api.get(f"/api/v1/audit-log?limit=1&cursor={page['next_cursor']}").json["items"][0]["act"] == "prompt.unlabel"
    )


@pytest.mark.parametrize("query", ["act=nothing", "since=yesterday", "cursor=x", "limit=0", "project=other"])
def test_a_wrong_question_to_the_audit_log_is_a_problem(api, query):
    assert api.get(f"/api/v1/audit-log?{query}").status_code == 422
