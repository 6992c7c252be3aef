"""Deliveries of webhooks over HTTP, on the real database, with real receivers."""

from collections.abc import Iterator

import pytest

from app.domain.analyses import Failure
from app.domain.announcements import Outcome
from app.domain.errors import DeliveryFailed
from app.domain.keys import Scope
from app.web import create_app
from tests.support.receivers import Receiver, say

pytestmark = pytest.mark.integration

URL = "/api/v1/webhooks"
ANALYSES = "/api/v1/analyses"
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def cancelled(api, receiver):
    """The id of an analysis that was cancelled, with somebody to tell."""

    def one(url: str | None = None, **more) -> int:
        wanted = {"log_content": "log", "cache": "off", "webhook_url": url or receiver.url} | more
        analysis_id = api.post(ANALYSES, json=wanted).json["id"]
        assert api.post(f"{ANALYSES}/{analysis_id}/cancel").status_code == 202
        return analysis_id

    return one


@pytest.fixture
def relay(container):
    """Send what is due, once; what became of each."""

    def once() -> list[Outcome]:
        claims = container.announcing.claim("test", limit=100)
        return [container.announcing.publish(claim, owner="test") for claim in claims]

    return once


@pytest.fixture
def stranger(container):
    """A client with a key for everything, of another project."""
    client = create_app(container).test_client()
    token = container.keys.create(name="stranger", project="other", scopes=frozenset(Scope)).token
    client.environ_base["HTTP_X_API_KEY"] = token
    return client


def only(api, query: str = "") -> dict:
    (found,) = api.get(f"{URL}{query}").json["items"]
    return found


def test_a_delivery_is_listed_before_it_is_tried_and_after_it_arrived(api, cancelled, relay, receiver):
    analysis_id = cancelled()
    waits = only(api)
    assert (waits["status"], waits["attempts"], waits["error"]) == ("waiting", 0, None)
    assert waits["next_attempt_at"]
    assert (waits["type"], waits["analysis_id"], waits["format"]) == ("analysis.cancelled", analysis_id, "standard")
    assert relay() == [Outcome.PUBLISHED]
    came = only(api)
    assert (came["status"], came["attempts"], came["next_attempt_at"]) == ("delivered", 1, None)
    assert came["delivered_at"]
    assert came["id"] == receiver.received[0].event_id
    assert api.get(came["links"]["analysis"]).json["id"] == analysis_id


def test_what_of_the_address_may_be_a_secret_is_not_shown(api, cancelled, receiver):
    cancelled(f"http://127.0.0.1:{receiver.port}/services/T0/B0/of-the-channel?token=x")
    answer = api.get(URL)
    assert answer.json["items"][0]["receiver"] == f"http://127.0.0.1:{receiver.port}"
    assert "of-the-channel" not in answer.text
    assert "token" not in answer.text


def test_a_failed_attempt_says_why_and_when_the_next_one_is(api, cancelled, relay, receiver):
    receiver.script(say(503))
    cancelled()
    assert relay() == [Outcome.FAILED]
    found = only(api, "?status=waiting")
    assert (found["attempts"], found["error"]["code"]) == (1, "delivery_failed")
    assert "503" in found["error"]["detail"]
    assert found["next_attempt_at"] > found["created_at"]


def test_deliveries_are_paged_and_filtered(api, cancelled, relay, receiver):
    receiver.script(say(204), say(410))
    ids = [cancelled() for _ in range(2)]
    relay()
    ids.append(cancelled(receiver.url + "&another=1"))
    seen, query = [], "?limit=2"
    while query:
        page = api.get(URL + query).json
        assert len(page["items"]) <= 2
        seen += [item["analysis_id"] for item in page["items"]]
        query = f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == ids[::-1]
    for query, found in (
        ("status=delivered", [ids[0]]),
        ("status=given_up", [ids[1]]),
        ("status=waiting", [ids[2]]),
        (f"analysis_id={ids[1]}", [ids[1]]),
        ("since=2100-01-01T00:00:00Z", []),
        ("until=2100-01-01T00:00:00Z&status=delivered", [ids[0]]),
    ):
        assert [item["analysis_id"] for item in api.get(f"{URL}?{query}").json["items"]] == found, query


@pytest.mark.parametrize("query", ["status=lost", "analysis_id=0", "analysis_id=x", "cursor=x", "url=x", "limit=0"])
def test_a_filter_that_is_none_is_a_problem(api, query):
    assert api.get(f"{URL}?{query}").status_code == 422


def test_what_was_given_up_is_sent_again_under_its_id(api, cancelled, relay, receiver):
    receiver.script(say(410))
    cancelled()
    assert relay() == [Outcome.DEAD]
    dead = only(api, "?status=given_up")
    assert (dead["error"]["code"], dead["next_attempt_at"]) == ("receiver_gone", None)
    answer = api.post(dead["links"]["redeliver"])
    assert (answer.status_code, answer.json["status"], answer.json["id"]) == (202, "waiting", dead["id"])
    assert relay() == [Outcome.PUBLISHED]
    assert [one.event_id for one in receiver.received] == [dead["id"]] * 2
    assert (only(api)["status"], only(api)["attempts"], only(api)["error"]) == ("delivered", 2, None)


def test_what_arrived_is_sent_again_when_somebody_asks(api, cancelled, relay, receiver):
    cancelled()
    relay()
    assert api.post(only(api)["links"]["redeliver"]).status_code == 202
    assert relay() == [Outcome.PUBLISHED]
    assert len(receiver.received) == 2


def test_what_is_sent_again_has_its_whole_schedule(api, cancelled, relay, container, receiver):
    schedule = container.settings.webhooks.schedule
    receiver.otherwise(say(500))
    cancelled()
    with container.announcing._unit_of_work() as tx:
        for _ in schedule:
            (claim,) = tx.outbox.claim(["webhook"], owner="x", lease=60, limit=1)
            assert tx.outbox.failed(claim, Failure.of(DeliveryFailed()), owner="x", delay=0)
    assert relay() == [Outcome.DEAD]
    api.post(only(api)["links"]["redeliver"])
    assert relay() == [Outcome.FAILED]
    assert only(api)["attempts"] == len(schedule) + 2


def test_what_is_being_sent_goes_on_and_is_not_sent_twice(api, cancelled, container, receiver):
    cancelled()
    (claim,) = container.announcing.claim("test", limit=1)
    answer = api.post(f"{URL}/{claim.event_id}/redeliver")
    assert (answer.status_code, answer.json["status"]) == (202, "waiting")
    assert container.announcing.claim("another", limit=1) == []
    assert container.announcing.publish(claim, owner="test") is Outcome.PUBLISHED


def test_a_receiver_that_is_gone_is_not_sent_to_any_more_until_somebody_asks(api, cancelled, relay, receiver):
    receiver.script(say(410))
    first = cancelled()
    relay()
    second = cancelled()
    assert relay() == [Outcome.DEAD]
    assert len(receiver.received) == 1, "nothing was sent to it"
    refused = only(api, f"?analysis_id={second}")
    assert (refused["status"], refused["error"]["code"]) == ("given_up", "receiver_disabled")
    assert "410" in refused["error"]["detail"]
    api.post(only(api, f"?analysis_id={first}")["links"]["redeliver"])
    third = cancelled()
    assert relay() == [Outcome.PUBLISHED] * 2
    assert only(api, f"?analysis_id={third}")["status"] == "delivered"


def test_gone_is_one_address_of_one_project(api, cancelled, relay, receiver, stranger):
    receiver.script(say(410))
    cancelled()
    relay()
    cancelled(receiver.url + "&another=1")
    theirs = stranger.post(ANALYSES, json={"log_content": "log", "webhook_url": receiver.url}).json["id"]
    stranger.post(f"{ANALYSES}/{theirs}/cancel")
    assert relay() == [Outcome.PUBLISHED] * 2


def test_a_project_sees_and_sends_its_own_deliveries_only(api, cancelled, relay, receiver, stranger):
    cancelled()
    relay()
    mine = only(api)
    assert stranger.get(URL).json == {"items": [], "next_cursor": None}
    answer = stranger.post(mine["links"]["redeliver"])
    nobody = stranger.post(f"{URL}/{NOBODY}/redeliver")
    assert (answer.status_code, answer.json["code"]) == (404, "delivery_not_found")
    assert {**answer.json, "request_id": 0, "instance": 0} == {**nobody.json, "request_id": 0, "instance": 0}
    assert relay() == []


@pytest.mark.parametrize("identity", [NOBODY, "1", "x", "%00", NOBODY.upper().replace("0", "A")])
def test_what_is_no_delivery_is_not_sent_again(api, identity):
    assert api.post(f"{URL}/{identity}/redeliver").json["code"] == "delivery_not_found"


def test_a_key_that_may_only_read_sends_nothing_again(api, cancelled, container):
    cancelled()
    place = only(api)["links"]["redeliver"]
    api.environ_base["HTTP_X_API_KEY"] = container.keys.create(
        name="reader", project="default", scopes=frozenset({Scope.READ, Scope.SUBMIT})
    ).token
    assert api.get(URL).status_code == 200
    assert api.post(place).json["code"] == "scope_missing"


def test_a_message_for_slack_is_sent_to_who_wanted_one(api, cancelled, relay, receiver):
    cancelled(webhook_format="slack")
    assert only(api)["format"] == "slack"
    assert relay() == [Outcome.PUBLISHED]
    (came,) = receiver.received
    assert "*cancelled*" in came.event["text"]
    assert came.headers["webhook-signature"].startswith("v1,")


def test_a_format_without_an_address_is_a_mistake(api):
    answer = api.post(ANALYSES, json={"log_content": "log", "webhook_format": "slack"})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "webhook_format"
    answer = api.post(
        ANALYSES, json={"log_content": "log", "webhook_url": "https://example.com", "webhook_format": "x"}
    )
    assert answer.json["errors"][0]["field"] == "webhook_format"
