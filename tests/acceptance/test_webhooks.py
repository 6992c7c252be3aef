"""A result that is sent instead of asked for: through the real processes."""

from collections.abc import Iterator

import pytest

from app.client.errors import ApiError
from app.domain.analyses import Status
from app.publishers import signing
from tests.support.receivers import KEY, Receiver, say
from tests.support.sample_logs import OOM
from tests.support.stacks import Running
from tests.support.waiting import until


@pytest.fixture(scope="module")
def bifrost(everyday) -> Running:
    return everyday


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def test_a_result_is_sent_signed_and_is_the_one_that_is_read(bifrost, receiver):
    receiver.script(say(503), say(500))
    found = bifrost.answered(OOM, source="rules", webhook_url=receiver.url)
    assert found.status is Status.COMPLETED
    until(lambda: len(receiver.received) == 3, what="the third attempt")
    last = receiver.received[-1]
    stamp = int(last.headers["webhook-timestamp"])
    assert signing.headers(last.event_id, last.body, timestamp=stamp, keys=[KEY]).items() <= last.headers.items()
    event = last.event
    assert event.pop("type") == "analysis.completed"
    assert event.pop("timestamp")
    assert event == bifrost.client.get(found.id).raw
    assert len({one.event_id for one in receiver.received}) == 1


def test_an_answer_from_the_cache_is_sent_as_well(bifrost):
    first = bifrost.answered(f"{OOM}once more\n", source="rules", cache="exact")
    with Receiver() as receiver:
        again = bifrost.answered(f"{OOM}once more\n", source="rules", cache="exact", webhook_url=receiver.url)
        assert again.cached
        until(lambda: receiver.received, what="the event")
        assert (receiver.received[0].event["id"], receiver.received[0].event["cached_from"]) == (again.id, first.id)


def test_a_webhook_to_the_inside_is_refused(bifrost):
    with pytest.raises(ApiError) as raised:
        bifrost.submit(OOM, webhook_url="http://169.254.169.254/latest/meta-data/")
    assert raised.value.code == "webhook_url_refused"


def test_what_ended_is_counted(bifrost):
    before = bifrost.client.statistics(1)["total"]["completed"]
    bifrost.answered(OOM, source="rules")
    until(lambda: bifrost.client.statistics(1)["total"]["completed"] > before, what="the next count")


def test_deliveries_are_told_to_prometheus(bifrost, receiver):
    import requests

    bifrost.answered(OOM, source="rules", webhook_url=receiver.url)
    name = 'deliveries_total{outcome="published",publisher="webhook"}'
    until(lambda: name in requests.get(f"{bifrost.stack.state.url}/metrics/prometheus", timeout=5).text)


def test_what_was_given_up_is_listed_and_sent_again(bifrost, receiver):
    receiver.otherwise(say(500))
    found = bifrost.answered(OOM, source="rules", webhook_url=receiver.url, webhook_format="slack")
    webhooks = bifrost.client.webhooks
    wanted = {"analysis_id": str(found.id), "status": "given_up"}
    until(lambda: list(webhooks.list(wanted)), what="the end of the schedule")
    (dead,) = webhooks.list(wanted)
    assert (dead.attempts, dead.error.code) == (4, "delivery_failed")
    receiver.otherwise(say(200))
    assert webhooks.redeliver(dead.id).status == "waiting"
    until(lambda: list(webhooks.list({**wanted, "status": "delivered"})), what="the delivery")
    assert {one.event_id for one in receiver.received} == {dead.id}
    assert "OOMKilled" in receiver.received[-1].event["text"]
