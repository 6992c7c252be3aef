"""Events for Kafka: many at a time, in order for each key, each with one owner."""

import pytest

from app.domain.analyses import Failure
from app.domain.records import Event, EventOutcome

pytestmark = pytest.mark.integration

AWAY = Failure(code="delivery_failed", detail="Kafka: \0 away", retryable=True)


def ended(store, key: str) -> int:
    """The id of an analysis whose end is to be told under a key."""
    number = store.added(request_id="r", correlation_id="c", callback={"kind": "kafka", "topic": "t", "key": key})
    assert store.conclude(store.claimed(number))
    return number


def claim(store, owner: str = "a", *, limit: int = 100) -> list[Event]:
    with store.unit_of_work() as tx:
        return list(tx.events.claim(owner=owner, lease=60, limit=limit))


def settle(store, *outcomes: EventOutcome, owner: str = "a") -> int:
    with store.unit_of_work() as tx:
        return tx.events.settle(outcomes, owner=owner)


def told(events: list[Event]) -> list[int]:
    return [event.answer.analysis_id for event in events]


def test_several_of_a_key_are_claimed_at_a_time_in_their_order(store):
    numbers = [ended(store, key) for key in ("x", "y", "x", "x")]
    found = claim(store)
    assert told(found) == numbers
    assert [event.attempt for event in found] == [1, 1, 1, 1]
    assert found[0].answer.summary == "The container ran out of memory."


def test_what_follows_a_held_event_of_its_key_stays(store):
    first, _ = ended(store, "x"), ended(store, "x")
    other = ended(store, "y")
    assert told(claim(store, limit=1)) == [first]
    assert told(claim(store, "b")) == [other]


def test_what_follows_a_waiting_event_of_its_key_waits_too(store):
    first, _ = ended(store, "x"), ended(store, "x")
    [event] = claim(store, limit=1)
    assert settle(store, EventOutcome(event=event, error=AWAY, delay=60)) == 1
    assert claim(store) == []
    store.run("UPDATE outbox SET next_attempt_at = now()")
    assert told(claim(store))[0] == first


def test_what_is_given_up_holds_up_nobody(store):
    _, second = ended(store, "x"), ended(store, "x")
    [event] = claim(store, limit=1)
    settle(store, EventOutcome(event=event, error=AWAY, delay=None))
    assert told(claim(store)) == [second]
    with store.unit_of_work() as tx:
        assert tx.events.waiting() == (1, 1)


def test_a_claim_that_was_taken_over_marks_nothing(store):
    ended(store, "x")
    [event] = claim(store, "a")
    store.run("UPDATE outbox SET claimed_until = now() - interval '1 second'")
    [again] = claim(store, "b")
    assert settle(store, EventOutcome(event=event), owner="a") == 0
    assert again.attempt == 2
    assert settle(store, EventOutcome(event=again), owner="b") == 1
    assert claim(store) == []


def test_what_was_put_back_is_due_at_once_and_its_attempt_does_not_count(store):
    ended(store, "x")
    with store.unit_of_work() as tx:
        tx.events.release(tx.events.claim(owner="a", lease=60, limit=5), owner="a")
    assert [event.attempt for event in claim(store, "b")] == [1]


def test_the_relay_of_the_webhooks_never_takes_them(store):
    ended(store, "x")
    with store.unit_of_work() as tx:
        assert tx.outbox.claim(["webhook", "kafka"], owner="k", lease=60, limit=5) == []
