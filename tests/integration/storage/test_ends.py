"""Cancels, deadlines, announcements, and that the end is the end."""

import pytest
from sqlalchemy.exc import DBAPIError

from app.domain.analyses import Conclusion, Failure, Stage, Status
from app.domain.errors import WorkerLost
from tests.support.stores import OLLAMA

FAILED = Conclusion(status=Status.FAILED, error=Failure.of(WorkerLost()))


def queued(store) -> int:
    return store.added(deadline_seconds=100)


def retrying(store) -> int:
    analysis_id = queued(store)
    store.give_back(store.claimed(analysis_id), delay=60)
    return analysis_id


def running(store) -> int:
    return store.claimed(queued(store)).analysis_id


def test_the_waiting_are_cancelled_at_once(store):
    for make in (queued, retrying):
        analysis_id = make(store)
        assert store.cancel(analysis_id) is Status.CANCELLED
        found = store.get(analysis_id)
        assert found.status is Status.CANCELLED
        assert found.finished_at is not None
        assert found.duration_seconds is not None


def test_the_running_is_asked_to_end(store):
    analysis_id = running(store)
    assert store.cancel(analysis_id) is Status.RUNNING
    assert store.column(analysis_id, "cancel_requested_at IS NOT NULL")


def test_the_ended_stay_as_they_are(store):
    completed = store.completed()
    failed = store.claimed(store.added())
    store.conclude(failed, FAILED)
    assert store.cancel(completed) is Status.COMPLETED
    assert store.cancel(failed.analysis_id) is Status.FAILED
    assert store.column(completed, "cancel_requested_at IS NULL")


def test_cancelling_twice_is_cancelling_once(store):
    analysis_id = running(store)
    store.cancel(analysis_id)
    asked = store.column(analysis_id, "cancel_requested_at")
    store.cancel(analysis_id)
    assert store.column(analysis_id, "cancel_requested_at") == asked


def test_an_unknown_one_cannot_be_cancelled(store):
    assert store.cancel(10**12) is None


@pytest.mark.parametrize("counted", [True, False])
def test_a_worker_that_gives_back_what_should_be_cancelled_ends_it(store, counted):
    claim = store.claimed(store.added())
    store.cancel(claim.analysis_id)
    assert store.give_back(claim, counted=counted)
    assert store.status(claim.analysis_id) is Status.CANCELLED


def test_a_worker_that_hands_on_what_should_be_cancelled_ends_it(store):
    claim = store.claimed(store.added(route=OLLAMA))
    store.cancel(claim.analysis_id)
    assert store.store_prepared(claim)
    assert store.status(claim.analysis_id) is Status.CANCELLED
    assert store.ask("SELECT count(*) FROM analysis_preparations") == 0


def test_a_result_that_was_there_before_the_cancel_was_heard_counts(store):
    claim = store.claimed(store.added())
    store.cancel(claim.analysis_id)
    assert store.conclude(claim)
    assert store.status(claim.analysis_id) is Status.COMPLETED


@pytest.mark.parametrize("make", [queued, retrying, running])
def test_a_deadline_fails_whatever_is_open(store, make):
    analysis_id = make(store)
    assert store.expire_deadlines() == 0
    store.set(analysis_id, "deadline_at = now() - interval '1 second'")
    assert store.expire_deadlines() == 1
    found = store.get(analysis_id)
    assert (found.status, found.error.code) == (Status.FAILED, "deadline_exceeded")
    assert found.finished_at is not None
    assert store.ask("SELECT count(*) FROM analysis_attempts WHERE ended_at IS NULL") == 0


def test_a_late_workers_result_is_refused(store):
    analysis_id = queued(store)
    claim = store.claimed(analysis_id)
    store.set(analysis_id, "deadline_at = now() - interval '1 second'")
    store.expire_deadlines()
    assert not store.conclude(claim)
    assert store.status(analysis_id) is Status.FAILED


def test_a_deadline_does_not_touch_what_has_ended(store):
    analysis_id = store.completed(deadline_seconds=1)
    store.run("UPDATE analysis_results SET deadline_at = now() - interval '1 second'")
    assert store.expire_deadlines() == 0
    assert store.status(analysis_id) is Status.COMPLETED


# every way to an end, each from a fresh queued analysis with a deadline


def _complete(store, analysis_id):
    store.conclude(store.claimed(analysis_id))


def _fail(store, analysis_id):
    store.conclude(store.claimed(analysis_id), FAILED)


def _lose(store, analysis_id):
    store.claimed(analysis_id)
    store.lose_worker(analysis_id)
    store.expire_leases(max_attempts=1)


def _be_late(store, analysis_id):
    store.set(analysis_id, "deadline_at = now() - interval '1 second'")
    store.expire_deadlines()


def _cancel(store, analysis_id):
    store.cancel(analysis_id)


def _cancel_given_back(store, analysis_id):
    claim = store.claimed(analysis_id)
    store.cancel(analysis_id)
    store.give_back(claim)


def _cancel_handed_on(store, analysis_id):
    claim = store.claimed(analysis_id)
    store.cancel(analysis_id)
    store.store_prepared(claim)


def _cancel_lost(store, analysis_id):
    store.claimed(analysis_id)
    store.cancel(analysis_id)
    store.lose_worker(analysis_id)
    store.expire_leases()


def _cancel_late(store, analysis_id):
    store.claimed(analysis_id)
    store.cancel(analysis_id)
    _be_late(store, analysis_id)


WAYS = {
    _complete: "completed",
    _fail: "failed",
    _lose: "failed",
    _be_late: "failed",
    _cancel: "cancelled",
    _cancel_given_back: "cancelled",
    _cancel_handed_on: "cancelled",
    _cancel_lost: "cancelled",
    _cancel_late: "failed",
}


@pytest.mark.parametrize("end", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_whoever_wants_to_be_told_is_told_of_every_end_once(store, end):
    told, untold = queued(store), queued(store)
    store.set(told, """callback = '{"kafka": "analysis.result"}'""")
    for analysis_id in (told, untold):
        end(store, analysis_id)
        assert store.status(analysis_id) == WAYS[end]
    outbox = store.rows("SELECT analysis_id, kind, callback, published_at, attempts FROM outbox")
    assert outbox == [(told, f"analysis.{WAYS[end]}", {"kafka": "analysis.result"}, None, 0)]


def test_handing_on_and_giving_back_announce_nothing(store):
    analysis_id = store.added(route=OLLAMA)
    store.set(analysis_id, "callback = '{}'")
    store.store_prepared(store.claimed(analysis_id))
    store.give_back(store.claimed(analysis_id, stage=Stage.INFER))
    store.lose_worker(store.claimed(analysis_id, stage=Stage.INFER).analysis_id)
    store.expire_leases()
    assert store.ask("SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize("end", [_complete, _fail, _cancel], ids=lambda way: way.__name__.strip("_"))
@pytest.mark.parametrize(
    "change",
    [
        "status = 'queued', finished_at = NULL",
        "status = 'running', finished_at = NULL, lease_until = now()",
        "epoch = epoch + 1",
        "response = 'another'",
        "diagnosis = '{}'",
        "error = '{}'",
        "finished_at = finished_at - interval '1 day'",
    ],
)
def test_what_has_ended_cannot_be_changed_even_by_hand(store, end, change):
    analysis_id = queued(store)
    end(store, analysis_id)
    with pytest.raises(DBAPIError, match="has ended as"):
        store.set(analysis_id, change)


@pytest.mark.parametrize(("end", "allowed"), [(_fail, True), (_cancel, True), (_complete, False)])
def test_only_a_retry_leaves_an_end_again_and_only_of_a_failed_or_cancelled_one(store, end, allowed):
    analysis_id = queued(store)
    end(store, analysis_id)
    retry = "status = 'queued', finished_at = NULL, epoch = epoch + 1"
    if allowed:
        store.set(analysis_id, retry)
        assert store.status(analysis_id) is Status.QUEUED
    else:
        with pytest.raises(DBAPIError, match="has ended as completed"):
            store.set(analysis_id, retry)


@pytest.mark.parametrize(
    "change", ["status = 'unheard'", "status = 'running'", "status = 'completed'", "finished_at = now()"]
)
def test_a_state_that_makes_no_sense_is_refused_by_the_database(store, change):
    analysis_id = queued(store)
    with pytest.raises(DBAPIError, match="violates check constraint"):
        store.set(analysis_id, change)
