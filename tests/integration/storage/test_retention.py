"""What is old enough goes, and only that; what it told stays."""

import pytest
from sqlalchemy import text

from app.domain.analyses import Conclusion, Failure, Status
from app.domain.errors import WorkerLost
from app.services.retention import Retention, RetentionPolicy
from app.services.statistics import Statistics
from app.storage.turns import RETENTION
from tests.support.stores import OLLAMA, Store

FAILED = Conclusion(status=Status.FAILED, error=Failure.of(WorkerLost()))
TOLD = """callback = '{"kind": "webhook", "url": "u", "lane": "l"}'"""


def ended(store: Store, days: float, **changes) -> int:
    """A completed analysis, as if it had ended so many days ago."""
    analysis_id = store.completed(**changes)
    age(store, analysis_id, days)
    return analysis_id


def age(store: Store, analysis_id: int, days: float) -> None:
    store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
    store.set(analysis_id, f"finished_at = now() - interval '{days} days', created_at = now() - interval '{days} days'")
    store.run("ALTER TABLE analysis_results ENABLE TRIGGER ended_is_ended")


def retention(store: Store, *, days: float = 90, log_days: float = 0, batch: int = 500) -> Retention:
    return Retention(store.unit_of_work, RetentionPolicy(days=days, log_days=log_days, batch=batch))


def count(store: Store) -> None:
    statistics = Statistics(store.unit_of_work, priced=lambda *_: True)
    while statistics.refresh():
        pass


def kept(store: Store) -> list[int]:
    return [row[0] for row in store.rows("SELECT id FROM analysis_results ORDER BY id")]


def test_what_is_old_enough_is_deleted_with_all_that_belongs_to_it(store):
    old, young = ended(store, 91), ended(store, 89)
    count(store)
    assert not retention(store).delete_batch()
    assert kept(store) == [young]
    assert store.ask("SELECT count(*) FROM analysis_attempts WHERE analysis_id = :id", id=old) == 0


def test_statistics_outlive_what_they_count(store):
    for days in (100, 95, 91, 1):
        ended(store, days)
    count(store)
    before = Statistics(store.unit_of_work, priced=lambda *_: True).summary(store.project, 24 * 365)
    retention(store).delete_batch()
    count(store)
    assert len(kept(store)) == 1
    after = Statistics(store.unit_of_work, priced=lambda *_: True).summary(store.project, 24 * 365)
    assert after == before
    assert (after.total.analyses, after.total.prompt_tokens) == (4, 1600)


def test_what_is_not_counted_for_good_is_not_deleted(store):
    ended(store, 100)
    retention(store).delete_batch()
    assert len(kept(store)) == 1
    recent = ended(store, 0.0001)
    count(store)
    retention(store, days=0.00001).delete_batch()
    assert kept(store) == [recent], "its hour is not over"


@pytest.mark.parametrize("prepare", ["queued", "retrying", "running", "infer"])
def test_what_has_not_ended_is_never_deleted_however_old(store, prepare):
    analysis_id = store.added(route=OLLAMA)
    if prepare == "retrying":
        store.give_back(store.claimed(analysis_id), delay=0)
    if prepare == "running":
        store.claimed(analysis_id)
    if prepare == "infer":
        store.store_prepared(store.claimed(analysis_id))
    store.set(analysis_id, "created_at = now() - interval '1000 days', run_at = now() - interval '1000 days'")
    ended(store, 91)
    count(store)
    retention(store, log_days=1).delete_batch()
    assert kept(store) == [analysis_id]
    assert store.column(analysis_id, "log_content IS NOT NULL")


def test_what_is_still_to_be_told_stays_until_it_is_told_or_given_up(store):
    ids = [store.added() for _ in range(3)]
    for analysis_id in ids:
        store.set(analysis_id, TOLD)
        store.conclude(store.claimed(analysis_id))
        age(store, analysis_id, 91)
    waiting, told, dead = ids
    store.run("UPDATE outbox SET published_at = now() WHERE analysis_id = :id", id=told)
    store.run("UPDATE outbox SET dead_at = now() WHERE analysis_id = :id", id=dead)
    count(store)
    retention(store).delete_batch()
    assert kept(store) == [waiting]
    assert store.ask("SELECT count(*) FROM outbox") == 1


def test_a_batch_is_a_batch(store):
    for _ in range(5):
        ended(store, 91)
    count(store)
    two = retention(store, batch=2)
    assert [two.delete_batch() for _ in range(3)] == [True, True, False]
    assert kept(store) == []


def test_zero_days_are_for_ever(store):
    ended(store, 10_000)
    count(store)
    assert not retention(store, days=0).delete_batch()
    assert len(kept(store)) == 1


def test_logs_may_go_before_their_analyses(store):
    long = "a line that is rather long, to be compressed\n" * 100
    old, big, young = ended(store, 8), ended(store, 8, log=long), ended(store, 6)
    retention(store, log_days=7).delete_batch()
    for analysis_id in (old, big):
        found = store.get(analysis_id, with_log=True)
        assert (found.log_content, found.log_deleted, found.status) == (None, True, Status.COMPLETED)
        assert found.diagnosis is not None
        assert not store.get(analysis_id).log_deleted, "nobody asked"
    found = store.get(young, with_log=True)
    assert (found.log_content, found.log_deleted) == ("started\nOOMKilled\n", False)


def test_logs_that_are_gone_are_not_looked_at_again_and_none_is_forgotten(store):
    for days in (12, 11, 10, 9, 8):
        ended(store, days)
    two = retention(store, log_days=7, batch=2)
    assert [two.delete_batch() for _ in range(3)] == [True, True, False]
    store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
    store.run("UPDATE analysis_results SET finished_at = finished_at - interval '1 day'")
    late = ended(store, 7.5)
    assert not two.delete_batch()
    assert store.get(late, with_log=True).log_deleted
    assert store.ask("SELECT count(*) FROM analysis_results WHERE log_content IS NOT NULL") == 0


def test_failed_and_cancelled_ones_go_as_well(store):
    failed, cancelled = store.claimed(store.added()).analysis_id, store.added()
    store.cancel(cancelled)
    store.set(failed, "lease_until = now() - interval '1 second'")
    store.expire_leases(max_attempts=1)
    for analysis_id in (failed, cancelled):
        age(store, analysis_id, 91)
    count(store)
    retention(store).delete_batch()
    assert kept(store) == []


def test_one_at_a_time_deletes_and_nobody_waits(store):
    ended(store, 91)
    count(store)
    with store.engine.begin() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": RETENTION})
        assert not retention(store, log_days=1).delete_batch()
    assert len(kept(store)) == 1


def test_what_somebody_holds_is_passed_over(store):
    held, free = ended(store, 92), ended(store, 91)
    count(store)
    with store.engine.begin() as other:
        other.execute(text("SELECT 1 FROM analysis_results WHERE id = :id FOR UPDATE"), {"id": held})
        retention(store).delete_batch()
        assert kept(store) == [held]
    retention(store).delete_batch()
    assert kept(store) == []
    assert free


def test_a_batch_goes_with_the_first_of_its_analyses(store):
    old, young, other = ended(store, 91), ended(store, 89), ended(store, 1)
    for name, ids in (("mixed", (old, young)), ("young", (young, other))):
        add = "INSERT INTO batches (project_id, total, request_hash) VALUES (:project, 2, :name) RETURNING id"
        batch = store.ask(add, project=store.project, name=name)
        for position, number in enumerate(ids):
            store.run(
                "INSERT INTO batch_items VALUES (:batch, :position, 'x', :number)",
                batch=batch,
                position=position,
                number=number,
            )
    count(store)
    assert not retention(store).delete_batch()
    assert kept(store) == [young, other]
    assert store.rows("SELECT request_hash, total FROM batches") == [("young", 2)]
    assert store.ask("SELECT count(*) FROM batch_items") == 2
