"""Retries and dead letters over HTTP, on the real database."""

import pytest

from app.domain.keys import Scope

pytestmark = pytest.mark.integration

URL = "/api/v1/dead-letters"
ANALYSES = "/api/v1/analyses"


@pytest.fixture
def fail(api, container):
    """Submit one that fails by its deadline; its id."""

    def one(**more) -> int:
        analysis_id = api.post(ANALYSES, json={"log_content": "log", "deadline_seconds": 0.000001} | more).json["id"]
        container.dispatching.sweep()
        assert api.get(f"{ANALYSES}/{analysis_id}").json["error"]["code"] == "deadline_exceeded"
        return analysis_id

    return one


def test_a_failed_analysis_goes_again(api, fail):
    place = f"{ANALYSES}/{fail()}"
    answer = api.post(f"{place}/retry")
    assert (answer.status_code, answer.json["status"], answer.json["replays"]) == (202, "queued", 1)
    assert answer.headers["Retry-After"] == "1"
    assert api.get(place).json["error"] is None
    again = api.post(f"{place}/retry")
    assert (again.status_code, again.json["code"]) == (409, "analysis_unfinished")


def test_a_cancelled_analysis_goes_again(api):
    place = api.post(ANALYSES, json={"log_content": "log"}).headers["Location"]
    api.post(f"{place}/cancel")
    assert api.post(f"{place}/retry").json["status"] == "queued"


def test_a_completed_analysis_does_not_go_again(api, container):
    place = api.post(ANALYSES, json={"log_content": "ERROR log", "source": "rules"}).headers["Location"]
    container.execution.prepare(int(place.rpartition("/")[2]), owner="test")
    answer = api.post(f"{place}/retry")
    assert (answer.status_code, answer.json["code"]) == (409, "analysis_finished")


def test_what_has_lost_its_log_does_not_go_again_and_says_why(api, fail, container):
    analysis_id = fail()
    with container.announcing._unit_of_work() as tx:
        assert tx.retention.delete_logs(older_than=0, limit=5, after=None).count == 1
    for place in (f"{ANALYSES}/{analysis_id}/retry", f"{URL}/analysis-{analysis_id}/replay"):
        answer = api.post(place)
        assert (answer.status_code, answer.json["code"]) == (409, "log_deleted")


@pytest.mark.parametrize("identity", ["0", "x", "9223372036854775808", "12345"])
def test_what_is_not_there_does_not_go_again(api, identity):
    assert api.post(f"{ANALYSES}/{identity}/retry").json["code"] == "analysis_not_found"


def test_what_failed_is_a_dead_letter_with_its_story(api, fail):
    analysis_id = fail(service_name="api")
    [letter] = api.get(URL).json["items"]
    assert letter["id"] == f"analysis-{analysis_id}"
    assert (letter["origin"], letter["analysis_id"]) == ("analysis", analysis_id)
    assert (letter["error"]["code"], letter["service_name"], letter["replays"]) == ("deadline_exceeded", "api", 0)
    shown = api.get(letter["links"]["self"]).json
    assert shown == {"letter": letter, "attempts": [], "record": None}
    assert api.get(letter["links"]["analysis"]).json["id"] == analysis_id


def test_dead_letters_are_paged_and_filtered(api, fail):
    ids = [f"analysis-{fail(service_name=name)}" for name in ("a", "b", "a")]
    seen, query = [], "?limit=2"
    while query:
        page = api.get(URL + query).json
        seen += [item["id"] for item in page["items"]]
        query = f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == ids[::-1]
    for query, found in (
        ("service_name=a", [ids[2], ids[0]]),
        ("code=worker_lost", []),
        ("code=deadline_exceeded&service_name=b", [ids[1]]),
        ("since=2100-01-01T00:00:00Z", []),
        ("until=2100-01-01T00:00:00Z", ids[::-1]),
    ):
        assert [item["id"] for item in api.get(f"{URL}?{query}").json["items"]] == found


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "code=a b", "since=yesterday", "cursor=x", "who=knows"])
def test_a_wrong_filter_is_refused(api, query):
    assert api.get(f"{URL}?{query}").status_code == 422


def test_one_is_replayed(api, fail):
    analysis_id = fail()
    answer = api.post(f"{URL}/analysis-{analysis_id}/replay")
    assert (answer.status_code, answer.json["id"], answer.json["replays"]) == (202, analysis_id, 1)
    assert answer.headers["Location"] == f"{ANALYSES}/{analysis_id}"
    assert api.get(URL).json["items"] == []
    assert api.post(f"{URL}/analysis-{analysis_id}/replay").json["code"] == "dead_letter_not_found"


def test_many_are_replayed_by_filter_up_to_the_limit(api, fail):
    for name in ("a", "b", "a", "a"):
        fail(service_name=name)
    for body, replayed, more in (
        ({"service_name": "a", "limit": 2}, 2, True),
        ({"service_name": "a"}, 1, False),
        ({"code": "worker_lost"}, 0, False),
        ({}, 1, False),
    ):
        answer = api.post(f"{URL}/replay", json=body)
        assert (answer.status_code, answer.json) == (202, {"replayed": replayed, "more": more})


@pytest.mark.parametrize("body", [{"limit": 1001}, {"limit": 0}, {"ids": [1]}, {"since": 3}, []])
def test_a_wrong_replay_is_refused_and_replays_nothing(api, fail, body):
    fail()
    assert api.post(f"{URL}/replay", json=body).status_code in {400, 422}
    assert len(api.get(URL).json["items"]) == 1


def test_a_discarded_one_is_gone_from_the_list_and_not_from_the_history(api, fail):
    analysis_id = fail()
    answer = api.delete(f"{URL}/analysis-{analysis_id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert api.get(URL).json["items"] == []
    assert api.delete(f"{URL}/analysis-{analysis_id}").json["code"] == "dead_letter_not_found"
    assert api.get(f"{ANALYSES}/{analysis_id}").json["status"] == "failed"


def test_replaying_and_discarding_are_in_the_audit_log(api, fail, token):
    first, second, third = fail(), fail(), fail(service_name="shop")
    api.post(f"{URL}/analysis-{first}/replay")
    api.delete(f"{URL}/analysis-{second}")
    api.delete(f"{URL}/analysis-{second}")
    api.post(f"{URL}/replay", json={"service_name": "nobody"})
    api.post(f"{URL}/replay", json={"service_name": "shop"})
    assert third
    found = [entry for entry in api.get("/api/v1/audit-log").json["items"] if entry["actor"] == token.split("_")[1]]
    assert [(entry["act"], entry["subject"]) for entry in found] == [
        ("dead_letter.replay", "all"),
        ("dead_letter.discard", f"analysis-{second}"),
        ("dead_letter.replay", f"analysis-{first}"),
    ]
    assert (found[0]["details"]["count"], found[0]["details"]["service_name"]) == (1, "shop")


@pytest.mark.parametrize("identity", ["1", "analysis-0", "kafka-1", "analysis-9223372036854775808", "analysis-77", "x"])
def test_what_is_no_dead_letter_is_only_unknown(api, identity):
    for answer in (api.get(f"{URL}/{identity}"), api.delete(f"{URL}/{identity}"), api.post(f"{URL}/{identity}/replay")):
        assert (answer.status_code, answer.json["code"]) == (404, "dead_letter_not_found")


def test_looking_needs_read_and_changing_needs_admin(api, container, fail):
    place = f"{URL}/analysis-{fail()}"

    def key(*scopes: Scope) -> dict[str, str]:
        return {"X-API-Key": container.keys.create(name="t", project="default", scopes=frozenset(scopes)).token}

    reader, submitter = key(Scope.READ), key(Scope.SUBMIT)
    assert api.get(place, headers=reader).status_code == 200
    assert api.get(URL, headers=submitter).status_code == 403
    for headers in (reader, submitter):
        assert api.post(f"{place}/replay", headers=headers).json["code"] == "scope_missing"
        assert api.post(f"{URL}/replay", json={}, headers=headers).json["code"] == "scope_missing"
        assert api.delete(place, headers=headers).json["code"] == "scope_missing"
    assert api.post(f"{place}/replay", headers=key(Scope.ADMIN)).status_code == 202


def test_another_project_sees_and_replays_nothing(api, container, fail):
    place = f"{URL}/analysis-{fail()}"
    other = {"X-API-Key": container.keys.create(name="o", project="other", scopes=frozenset(Scope)).token}
    assert api.get(URL, headers=other).json["items"] == []
    assert api.get(place, headers=other).status_code == 404
    assert api.post(f"{place}/replay", headers=other).status_code == 404
    assert api.delete(place, headers=other).status_code == 404
    assert api.post(f"{URL}/replay", json={}, headers=other).json == {"replayed": 0, "more": False}
    assert len(api.get(URL).json["items"]) == 1
