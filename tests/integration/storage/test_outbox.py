"""Claims of events: in order per key, one publisher at a time, marked by their holder only."""

import random

import pytest
from sqlalchemy import text

from app.domain.analyses import Failure
from app.domain.announcements import Announcement
from app.domain.errors import DeliveryFailed
from app.storage.outbox import _CLAIM
from tests.support.stores import Store, at_once

CALLBACK = """{"kind": "webhook", "url": "https://example.com/", "lane": "example.com:443"}"""
FAILURE = Failure.of(DeliveryFailed())


def ended(store: Store, callback: str = CALLBACK, **changes) -> int:
    """The id of a cancelled analysis that somebody wants to be told of."""
    analysis_id = store.added(**changes)
    store.run("UPDATE analysis_results SET callback = CAST(:c AS jsonb) WHERE id = :id", c=callback, id=analysis_id)
    store.cancel(analysis_id)
    return analysis_id


def more(store: Store, analysis_id: int, key: str | None = None, count: int = 1) -> None:
    """Further events of one key."""
    store.run(
        """INSERT INTO outbox (analysis_id, kind, callback, key)
        SELECT :id, 'analysis.cancelled', CAST(:callback AS jsonb), :key FROM generate_series(1, :count)""",
        id=analysis_id,
        callback=CALLBACK,
        key=key or str(analysis_id),
        count=count,
    )


def claim(store: Store, owner: str = "a", *, limit: int = 100, lease: float = 60, full=()) -> list[Announcement]:
    with store.unit_of_work() as tx:
        return list(tx.outbox.claim(["webhook"], owner=owner, lease=lease, limit=limit, full=full))


def published(store: Store, one: Announcement, owner: str = "a") -> bool:
    with store.unit_of_work() as tx:
        return tx.outbox.published(one, owner=owner)


def failed(store: Store, one: Announcement, *, delay: float | None, owner: str = "a") -> bool:
    with store.unit_of_work() as tx:
        return tx.outbox.failed(one, FAILURE, owner=owner, delay=delay)


def expire(store: Store) -> None:
    """As if every holder had been silent for longer than his lease."""
    store.run("UPDATE outbox SET claimed_until = now() - interval '1 second' WHERE claimed_until IS NOT NULL")


def test_a_claim_says_all_that_is_needed_to_publish(store):
    analysis_id = ended(store)
    (found,) = claim(store)
    assert (found.kind, found.analysis_id, found.project_id) == ("analysis.cancelled", analysis_id, store.project)
    assert (found.key, found.attempt) == (str(analysis_id), 1)
    assert (found.publisher, found.lane) == ("webhook", "example.com:443")
    assert found.event_id == str(store.ask("SELECT event_id FROM outbox"))


def test_what_is_claimed_is_nobody_elses(store):
    ended(store)
    assert len(claim(store, "a")) == 1
    assert claim(store, "b") == []
    assert claim(store, "a") == []


def test_the_event_of_a_publisher_that_died_is_claimed_again_under_its_id(store):
    ended(store)
    (first,) = claim(store, "a")
    expire(store)
    (second,) = claim(store, "b")
    assert (second.event_id, second.attempt) == (first.event_id, 2)
    assert not published(store, first, "a")
    assert not failed(store, first, delay=None, owner="a")
    assert published(store, second, "b")
    assert claim(store, "c") == []


def test_a_claim_that_is_extended_lasts(store):
    ended(store)
    held = claim(store, lease=0.001)
    with store.unit_of_work() as tx:
        tx.outbox.extend(held, owner="a", lease=60)
    assert claim(store, "b") == []
    assert published(store, held[0])


def test_nobody_extends_what_is_not_his_any_more(store):
    ended(store)
    held = claim(store, "a")
    expire(store)
    (mine,) = claim(store, "b", lease=0.001)
    with store.unit_of_work() as tx:
        tx.outbox.extend(held, owner="a", lease=600)
        tx.outbox.release(held, owner="a")
    assert store.ask("SELECT claimed_until < now() + interval '1 minute' FROM outbox")
    assert published(store, mine, "b")


def test_what_was_not_tried_is_due_at_once_and_has_lost_no_attempt(store):
    ended(store)
    held = claim(store, "a")
    with store.unit_of_work() as tx:
        tx.outbox.release(held, owner="a")
    assert claim(store, "b")[0].attempt == 1


def test_what_failed_waits_with_its_reason_and_what_is_given_up_stays_so(store):
    ended(store)
    (first,) = claim(store)
    assert failed(store, first, delay=100)
    assert claim(store) == []
    assert store.ask("SELECT error->>'code' FROM outbox") == "delivery_failed"
    store.run("UPDATE outbox SET next_attempt_at = now()")
    (second,) = claim(store)
    assert second.attempt == 2
    assert failed(store, second, delay=None)
    assert store.ask("SELECT dead_at IS NOT NULL AND published_at IS NULL FROM outbox")
    store.run("UPDATE outbox SET next_attempt_at = now()")
    assert claim(store) == []


def test_what_was_acknowledged_has_no_error_left(store):
    ended(store)
    failed(store, claim(store)[0], delay=0)
    assert published(store, claim(store)[0])
    assert store.rows("SELECT error, published_at IS NOT NULL, attempts FROM outbox") == [(None, True, 2)]


def test_events_of_one_key_come_one_after_the_other_whatever_holds_up_the_first(store):
    analysis_id = ended(store)
    more(store, analysis_id, count=2)
    (first,) = claim(store, "a")
    assert claim(store, "b") == [], "the first one is being published"
    failed(store, first, delay=100)
    assert claim(store, "b") == [], "the first one waits for its next attempt"
    store.run("UPDATE outbox SET next_attempt_at = now()")
    (first,) = claim(store, "a")
    published(store, first, "a")
    (second,) = claim(store, "b")
    assert second.id > first.id
    failed(store, second, delay=None, owner="b")
    (third,) = claim(store, "b")
    assert third.id > second.id, "one that was given up holds up nobody"


def test_an_event_that_became_visible_late_is_not_passed_over(store):
    """Ids are given before commits: a relay that remembers the last id would lose this one."""
    with store.engine.connect() as late:
        analysis_id = ended(store)
        late.execute(
            text("""INSERT INTO outbox (analysis_id, kind, callback, key)
            VALUES (:id, 'analysis.cancelled', CAST(:callback AS jsonb), 'late')"""),
            {"id": analysis_id, "callback": CALLBACK},
        )
        ended(store, log="another")
        for one in claim(store):
            assert published(store, one)
        late.commit()
    (found,) = claim(store)
    assert found.key == "late"


def test_what_no_publisher_here_can_tell_waits_for_one_that_can(store):
    ended(store, """{"kind": "pager", "topic": "results"}""")
    assert claim(store) == []
    with store.unit_of_work() as tx:
        assert len(tx.outbox.claim(["pager"], owner="k", lease=60, limit=5)) == 1


def test_a_receiver_that_is_full_is_passed_over(store):
    ended(store)
    other = ended(store, CALLBACK.replace("example.com:443", "example.org:443"))
    assert [one.analysis_id for one in claim(store, full=["example.com:443"])] == [other]


def test_many_relays_at_once_claim_each_event_once_and_in_order(store):
    """Ten keys of eight events, four relays that fail now and then."""
    analysis_id = ended(store)
    store.run("DELETE FROM outbox")
    for number in range(80):
        more(store, analysis_id, key=f"key {number % 10}")
    seen: list[tuple[str, int, str]] = []

    def relay(number: int) -> None:
        chance = random.Random(number)
        owner = f"relay {number}"
        while store.ask("SELECT count(*) FROM outbox WHERE published_at IS NULL"):
            for one in claim(store, owner, limit=3):
                if chance.random() < 0.2:
                    assert failed(store, one, delay=0, owner=owner)
                    continue
                seen.append((one.key, one.id, one.event_id))
                assert published(store, one, owner)

    assert at_once(4, relay) == [None] * 4
    assert len({event_id for _, _, event_id in seen}) == len(seen) == 80
    for key in {key for key, _, _ in seen}:
        ids = [id_ for other, id_, _ in seen if other == key]
        assert ids == sorted(ids)


def test_depths_tell_what_waits_and_for_how_long_it_has_been_due(store):
    for number in range(3):
        ended(store, log=f"log {number}")
    ended(store, """{"kind": "pager"}""")
    store.run("UPDATE outbox SET next_attempt_at = now() - interval '30 seconds' WHERE callback->>'kind' = 'webhook'")
    first, second, third = claim(store)
    published(store, first)
    failed(store, second, delay=1000)
    with store.unit_of_work() as tx:
        pager, webhook = tx.outbox.depths()
    assert (pager.publisher, pager.waiting, webhook.publisher, webhook.waiting) == ("pager", 1, "webhook", 2)
    assert webhook.oldest_seconds == 0, "one is being published, the other is not due"
    expire(store)
    with store.unit_of_work() as tx:
        assert tx.outbox.depths()[1].oldest_seconds == pytest.approx(30, abs=10)
    assert third.attempt == 1


def test_an_answer_from_the_cache_is_announced_too(store):
    store.completed()
    callback = {"kind": "webhook", "url": "u", "lane": "l"}
    accepted = store.from_cache(callback=callback)
    assert accepted
    rows = store.rows("SELECT analysis_id, kind, key, callback FROM outbox")
    assert rows == [(accepted.analysis_id, "analysis.completed", str(accepted.analysis_id), callback)]


def test_a_known_key_is_not_announced_again_by_the_cache(store):
    store.completed()
    callback = {"kind": "webhook", "url": "u", "lane": "l"}
    first = store.from_cache(callback=callback, idempotency_key="k")
    assert first
    assert store.from_cache(callback=callback, idempotency_key="k") is None
    assert store.ask("SELECT count(*) FROM outbox") == 1


def test_a_callback_may_name_another_key(store):
    ended(store, """{"kind": "pager", "key": "log 7"}""")
    assert store.ask("SELECT key FROM outbox") == "log 7"


def test_looking_for_work_follows_the_open_events_not_the_published_ones(store):
    """10,000 published events and 1,000 open ones of one receiver that is full."""
    analysis_id = ended(store)
    store.run("DELETE FROM outbox")
    more(store, analysis_id, count=10_000)
    store.run("UPDATE outbox SET published_at = now()")
    store.run(
        """INSERT INTO outbox (analysis_id, kind, callback, key)
        SELECT :id, 'x', CAST(:callback AS jsonb), CAST(n AS text) FROM generate_series(1, 1000) n""",
        id=analysis_id,
        callback=CALLBACK,
    )
    store.run("ANALYZE outbox")
    with store.engine.begin() as connection:
        values = {"publishers": ["webhook"], "owner": "a", "lease": 60, "limit": 16}
        explain = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {_CLAIM.text}")
        for full, rows in (([], 16), (["example.com:443"], 0)):
            plan = connection.execute(explain, values | {"full": full}).scalar()[0]
            assert plan["Plan"]["Actual Rows"] == rows
            assert "outbox_due" in str(plan)
            assert plan["Execution Time"] < 50
