import pytest

from app.domain.keys import Scope

pytestmark = pytest.mark.integration

URL = "/api/v1/analyses"


def test_what_is_accepted_can_be_read(api):
    body = {
        "log_content": "first\nERROR second\n",
        "source": "rules",
        "service_name": "api",
        "environment": "prod",
        "priority": "HIGH",
        "tags": ["a", "b"],
        "language": "ko",
        "metadata": {"build": {"number": 7}},
    }
    accepted = api.post(URL, json=body, headers={"X-Request-ID": "r-1"})
    assert accepted.status_code == 202
    shown = api.get(accepted.headers["Location"] + "?include=log_content").json
    for name in ("source", "service_name", "environment", "priority", "tags", "language", "metadata", "log_content"):
        assert shown[name] == body[name]
    assert (shown["status"], shown["request_id"]) == ("queued", "r-1")


def test_a_log_of_any_characters_is_stored(api):
    raw = b'{"log_content": "NUL \\u0000, lone \\ud800, byte \xff, \xed\x95\x9c\xea\xb8\x80, \\ud83d\\ude00"}'
    accepted = api.post(URL, data=raw, content_type="application/json")
    assert accepted.status_code == 202
    log = api.get(accepted.headers["Location"] + "?include=log_content").json["log_content"]
    assert log == "NUL , lone \ufffd, byte \ufffd, 한글, 😀"


def test_a_large_log_comes_back_as_it_was(api):
    log = "".join(f"2026-01-31 line {number}\n" for number in range(40_000))
    accepted = api.post(URL, data=log.encode(), content_type="text/plain")
    assert accepted.status_code == 202
    assert api.get(accepted.headers["Location"] + "?include=log_content").json["log_content"] == log


def test_a_log_over_the_limit_is_refused_with_the_limit(api):
    answer = api.post(URL, json={"log_content": "x" * 1_000_001})
    assert (answer.status_code, answer.json["limit_bytes"]) == (413, 1_000_000)


def test_the_same_key_gives_the_same_analysis_again(api):
    headers = {"Idempotency-Key": "build 7"}
    first = api.post(URL, json={"log_content": "log"}, headers=headers)
    second = api.post(URL, json={"log_content": "log"}, headers={**headers, "X-Request-ID": "another"})
    assert (second.status_code, second.json["id"]) == (202, first.json["id"])
    assert second.headers["Idempotency-Replayed"] == "true"
    other = api.post(URL, json={"log_content": "log", "tags": ["x"]}, headers=headers)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_conflict")


def test_a_source_that_is_not_configured_is_refused(api):
    answer = api.post(URL, json={"log_content": "log", "source": "cloud"})
    assert (answer.status_code, answer.json["code"]) == (422, "provider_not_configured")


def test_pages_are_whole_and_in_order_while_more_comes_in(api):
    ids = [api.post(URL, json={"log_content": f"log {number}"}).json["id"] for number in range(7)]
    seen, query = [], "?limit=3"
    while query:
        page = api.get(URL + query).json
        seen += [item["id"] for item in page["items"]]
        api.post(URL, json={"log_content": "later"})
        query = f"?limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("service_name=api", [1, 3]),
        ("tag=red", [1, 2]),
        ("tag=red&service_name=api", [1]),
        ("environment=prod", [2]),
        ("source=rules", [3]),
        ("status=queued", [1, 2, 3]),
        ("status=completed", []),
        ("severity=HIGH", []),
        ("since=2100-01-01T00:00:00Z", []),
        ("until=2100-01-01T00:00:00Z", [1, 2, 3]),
        ("since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z", [1, 2, 3]),
        ("model=nobody", []),
    ],
)
def test_filters_find_what_they_say(api, query, found):
    numbers = {}
    for number, more in enumerate(
        (
            {"service_name": "api", "tags": ["red", "big"]},
            {"service_name": "web", "tags": ["red"], "environment": "prod"},
            {"service_name": "api", "source": "rules"},
        ),
        1,
    ):
        numbers[api.post(URL, json={"log_content": f"log {number}", **more}).json["id"]] = number
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 200
    assert sorted(numbers[item["id"]] for item in answer.json["items"]) == found


def test_a_waiting_analysis_is_cancelled_once_and_for_all(api):
    place = api.post(URL, json={"log_content": "log"}).headers["Location"]
    assert api.post(f"{place}/cancel").json["status"] == "cancelled"
    shown = api.get(place)
    assert shown.json["status"] == "cancelled"
    assert "Retry-After" not in shown.headers


@pytest.mark.parametrize("identity", ["9223372036854775807", "9223372036854775808", "0"])
def test_an_id_of_any_size_is_only_unknown(api, identity):
    assert api.get(f"{URL}/{identity}").json["code"] == "analysis_not_found"


def test_another_project_sees_nothing(api, container):
    place = api.post(URL, json={"log_content": "log"}).headers["Location"]
    other = container.keys.create(name="other", project="other", scopes=frozenset(Scope)).token
    headers = {"X-API-Key": other}
    assert api.get(place, headers=headers).status_code == 404
    assert api.post(f"{place}/cancel", headers=headers).status_code == 404
    assert api.get(URL, headers=headers).json["items"] == []


def test_a_revoked_key_is_refused(api, container):
    created = container.keys.create(name="short", project="default", scopes=frozenset(Scope))
    container.keys.revoke(created.key.prefix)
    answer = api.get(URL, headers={"X-API-Key": created.token})
    assert (answer.status_code, answer.json["code"]) == (401, "key_invalid")


def test_everything_there_is_ready_and_named(api):
    answer = api.get("/ready")
    assert answer.status_code == 200
    assert {"database", "migrations", "broker"} <= {check["name"] for check in answer.json["checks"]}


def test_waiting_work_is_told_to_prometheus(api):
    for number in range(3):
        api.post(URL, json={"log_content": f"log {number}"})
    assert 'queue_depth{queue="prepare"} 3.0' in api.get("/metrics/prometheus").text


def test_a_webhook_is_stored_and_only_its_address_counts_for_the_key(api, container):
    headers = {"Idempotency-Key": "k"}
    body = {"log_content": "log", "webhook_url": "https://example.com/hook"}
    first = api.post(URL, json=body, headers=headers)
    assert first.status_code == 202
    assert "webhook_url" not in first.json
    assert api.post(URL, json=body, headers=headers).headers["Idempotency-Replayed"] == "true"
    for other in ({}, {"webhook_url": "https://example.com/other"}):
        answer = api.post(URL, json={"log_content": "log", **other}, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (422, "idempotency_conflict")
    api.post(f"{first.headers['Location']}/cancel")
    (found,) = container.announcing.claim("test", limit=5)
    assert (found.analysis_id, found.kind) == (first.json["id"], "analysis.cancelled")
    assert found.callback["url"] == "https://example.com/hook"


@pytest.mark.parametrize(
    "url", ["", "ftp://example.com/", "http://localhost/", "http://169.254.169.254/latest/", "http://2130706433/", "x"]
)
def test_a_webhook_to_the_inside_is_refused_at_once(api, url):
    answer = api.post(URL, json={"log_content": "log", "webhook_url": url})
    assert (answer.status_code, answer.json["code"]) == (422, "webhook_url_refused")
    assert api.get(URL).json["items"] == []


def test_a_webhook_may_stand_in_the_query_of_a_plain_log(api, container):
    answer = api.post(f"{URL}?webhook_url=https%3A%2F%2Fexample.com%2F", data=b"log", content_type="text/plain")
    api.post(f"{answer.headers['Location']}/cancel")
    assert container.announcing.claim("test", limit=5)[0].callback["url"] == "https://example.com/"


def test_a_log_that_retention_has_deleted_is_told_as_such(api, container):
    place = api.post(URL, json={"log_content": "log"}).headers["Location"]
    api.post(f"{place}/cancel")
    with container.announcing._unit_of_work() as tx:
        assert tx.retention.delete_logs(older_than=0, limit=5, after=None).count == 1
    shown = api.get(f"{place}?include=log_content").json
    assert (shown["log_content"], shown["log_deleted"]) == (None, True)
    assert "log_deleted" not in api.get(place).json


def test_what_ended_is_counted_and_told(api, container):
    place = api.post(URL, json={"log_content": "log", "source": "rules"}).headers["Location"]
    container.execution.prepare(int(place.rsplit("/", 1)[1]), owner="test")
    container.statistics.refresh()
    found = api.get("/api/v1/stats?hours=1").json
    assert (found["total"]["completed"], found["models"][0]["provider"]) == (1, "rules")
    short = api.get("/metrics").json
    assert (short["total_analyses"], short["model_stats"][0]["count"]) == (1, 1)


def test_events_that_wait_are_told_to_prometheus(api):
    body = {"log_content": "log", "webhook_url": "https://example.com/hook"}
    api.post(f"{api.post(URL, json=body).headers['Location']}/cancel")
    text = api.get("/metrics/prometheus").text
    assert 'outbox_depth{publisher="webhook"} 1.0' in text
    assert 'outbox_oldest_seconds{publisher="webhook"}' in text
