import gzip
import json

import pytest

from app.domain.keys import Scope

pytestmark = pytest.mark.integration

URL = "/api/v1/batches"


def items(count, **changes):
    return [{"custom_id": f"log {n}", "log_content": f"started {n}\nOOMKilled"} | changes for n in range(count)]


def wrong(answer):
    assert answer.status_code == 422, answer.json
    return {error["field"]: error["message"] for error in answer.json["errors"]}


def test_a_batch_is_accepted_looked_at_read_and_cancelled(api):
    body = {"items": items(3), "defaults": {"source": "rules", "tags": ["nightly"], "priority": "LOW"}}
    body["items"][1] |= {"priority": "HIGH", "tags": []}
    accepted = api.post(URL, json=body, headers={"X-Request-ID": "r-7"})
    place = accepted.headers["Location"]
    assert (accepted.status_code, accepted.json["status"], accepted.json["total"]) == (202, "running", 3)
    assert accepted.json["links"] == {"self": place, "results": f"{place}/results"}
    found = api.get("/api/v1/analyses").json["items"]
    assert [(one["priority"], one["tags"], one["source"], one["request_id"]) for one in found] == [
        ("LOW", ["nightly"], "rules", "r-7"),
        ("HIGH", [], "rules", "r-7"),
        ("LOW", ["nightly"], "rules", "r-7"),
    ]
    api.post(f"/api/v1/analyses/{found[1]['id']}/cancel")
    shown = api.get(place)
    assert shown.json["counts"] == {
        "queued": 2, "running": 0, "retrying": 0, "completed": 0, "failed": 0, "cancelled": 1,
    }  # fmt: skip
    assert shown.headers["Retry-After"] == "2"
    (line,) = api.get(f"{place}/results").text.splitlines()
    result = json.loads(line)
    assert (result["custom_id"], result["position"], result["analysis"]["status"]) == ("log 1", 1, "cancelled")
    cancelled = api.post(f"{place}/cancel")
    assert (cancelled.status_code, cancelled.json["status"]) == (202, "cancelled")
    assert "Retry-After" not in cancelled.headers
    lines = api.get(f"{place}/results").text.splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == ["log 0", "log 1", "log 2"]


def test_the_same_key_gives_the_same_batch_again(api):
    headers = {"Idempotency-Key": "nightly 7"}
    first, again = (api.post(URL, json={"items": items(2)}, headers=headers) for _ in range(2))
    assert first.json["id"] == again.json["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    other = api.post(URL, json={"items": items(3)}, headers=headers)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_conflict")


def test_every_bad_item_is_named_and_nothing_is_stored(api):
    bad = items(6)
    bad[1]["log_content"] = "  "
    bad[3]["source"] = "cloud"
    bad[4]["prompt"] = "nobody"
    assert wrong(api.post(URL, json={"items": bad})).keys() == {"items.1.log_content", "items.3.source"}
    bad = items(5)
    bad[0]["tags"] = [7]
    bad[1]["colour"] = "red"
    bad[2]["custom_id"] = bad[4]["custom_id"] = "twice"
    del bad[3]["log_content"]
    told = wrong(api.post(URL, json={"items": bad}))
    assert told.keys() == {"items.0.tags.0", "items.1.colour", "items.3.log_content"}
    twice = items(2)
    twice[1]["custom_id"] = "log 0"
    assert wrong(api.post(URL, json={"items": twice})).keys() == {"items.1.custom_id"}
    prompts = items(2)
    prompts[1] |= {"prompt": "nobody", "source": "local"}
    assert wrong(api.post(URL, json={"items": prompts})).keys() == {"items.1.prompt"}
    assert api.get("/api/v1/analyses").json["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": items(501)}, "items"),
        ({"items": {}}, "items"),
        ({"items": ["log"]}, "items.0"),
        ({"items": items(1, custom_id="x" * 256)}, "items.0.custom_id"),
        ({"items": items(1, idempotency_key="é")}, "items.0.idempotency_key"),
        ({"items": [{f"x{n}": 1 for n in range(5000)}]}, "items.0"),
        ({"items": items(1), "defaults": {"log_content": "x"}}, "defaults.log_content"),
        ({"items": items(1), "more": 1}, "more"),
    ],
)
def test_what_is_no_batch_is_refused(api, body, field):
    assert field in wrong(api.post(URL, json=body))


def test_a_batch_may_be_compressed_and_nothing_but_json(api):
    body = gzip.compress(json.dumps({"items": items(2)}).encode())
    answer = api.post(URL, data=body, content_type="application/json", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 202
    assert api.post(URL, data=b"log", content_type="text/plain").status_code == 415


def test_bytes_that_are_no_text_are_counted_with_their_item(api):
    raw = b'{"items": [{"custom_id": "a", "log_content": "fine"}, {"custom_id": "b", "log_content": "\xff\xfe bad"}]}'
    accepted = api.post(URL, data=raw, content_type="application/json")
    assert accepted.status_code == 202
    logs = [
        api.get(f"/history/{one['id']}?include=log_content").json["log_content"]
        for one in api.get("/api/v1/analyses").json["items"]
    ]
    assert logs == ["\ufffd\ufffd bad", "fine"]


def test_nobody_else_sees_a_batch(api, container):
    place = api.post(URL, json={"items": items(1)}).headers["Location"]
    stranger = container.keys.create(name="s", project="other", scopes=frozenset(Scope)).token
    reader = container.keys.create(name="r", project="default", scopes=frozenset({Scope.READ})).token
    for method, path in (("GET", place), ("GET", f"{place}/results"), ("POST", f"{place}/cancel")):
        answer = api.open(path, method=method, headers={"X-API-Key": stranger})
        assert (answer.status_code, answer.json["code"]) == (404, "batch_not_found")
    assert api.get(place, headers={"X-API-Key": reader}).status_code == 200
    for path in (URL, f"{place}/cancel"):
        assert api.post(path, json={"items": items(1)}, headers={"X-API-Key": reader}).status_code == 403
    assert api.get(f"{URL}/x").json["code"] == "batch_not_found"


def test_a_batch_of_too_many_bytes_is_refused(api, container):
    body = {"items": items(40, log_content="x" * 999_000)}
    assert container.settings.limits.max_batch_bytes < 40 * 999_000
    answer = api.post(URL, json=body)
    assert (answer.status_code, answer.json["code"]) == (413, "batch_too_large")
