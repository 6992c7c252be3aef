"""Failed and cancelled analyses go again, hand-backs, and what becomes of dead letters."""

import pytest

from app.domain.analyses import Conclusion, Failure, Source, Stage, Status
from app.domain.dead_letters import DeadLetterFilter
from app.domain.errors import ProviderMisconfigured, WorkerLost
from app.storage.signals import PostgresDueSignal, PostgresStopSignal
from tests.support.stores import OLLAMA, PREPARE
from tests.support.waiting import until

pytestmark = pytest.mark.integration

LOST = Conclusion(status=Status.FAILED, error=Failure.of(WorkerLost()))
REFUSED = Conclusion(status=Status.FAILED, error=Failure.of(ProviderMisconfigured()))
EVERYBODY = {Source.AUTO: "ollama", Source.RULES: "rules"}


def failed(store, conclusion: Conclusion = LOST, **changes) -> int:
    analysis_id = store.added(**changes)
    assert store.conclude(store.claimed(analysis_id), conclusion)
    return analysis_id


def retry(store, analysis_id: int, *, project: int | None = None) -> bool:
    with store.unit_of_work() as tx:
        return tx.analyses.retry(project or store.project, analysis_id, route=PREPARE)


def letters(store, **wanted) -> list[int]:
    with store.unit_of_work() as tx:
        return [letter.id for letter in tx.dead_letters.list(DeadLetterFilter(project_id=store.project, **wanted))]


def replay(store, providers=EVERYBODY, **wanted) -> list[int]:
    with store.unit_of_work() as tx:
        filter_ = DeadLetterFilter(project_id=store.project, **wanted)
        return list(tx.dead_letters.replay(filter_, providers=providers, queue="prepare"))


def discard(store, analysis_id: int) -> bool:
    with store.unit_of_work() as tx:
        return tx.dead_letters.discard(store.project, analysis_id)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_what_failed_or_was_cancelled_begins_anew_under_a_higher_epoch(store, end):
    analysis_id = store.added(deadline_seconds=100, priority=2)
    claim = store.claimed(analysis_id)
    store.cancel(analysis_id) if end == "cancelled" else None
    store.conclude(claim, Conclusion(status=Status(end), error=Failure.of(WorkerLost())))
    before = store.get(analysis_id)
    assert retry(store, analysis_id)
    found = store.get(analysis_id)
    assert (found.status, found.stage, found.attempts, found.replays) == (Status.QUEUED, Stage.PREPARE, 0, 1)
    assert (found.error, found.started_at, found.finished_at, found.duration_seconds) == (None, None, None, None)
    assert (found.id, found.created_at, found.priority) == (before.id, before.created_at, before.priority)
    assert store.column(analysis_id, "epoch") == claim.epoch + 1
    assert store.column(analysis_id, "deadline_at IS NULL AND cancel_requested_at IS NULL")
    assert store.due() == [analysis_id]
    assert store.claimed(analysis_id).attempt == 1


def test_whoever_worked_on_it_before_is_fenced(store):
    analysis_id = store.added()
    old = store.claimed(analysis_id)
    store.set(analysis_id, "deadline_at = now()")
    store.expire_deadlines()
    assert retry(store, analysis_id)
    assert not store.conclude(old)
    new = store.claimed(analysis_id)
    assert not store.conclude(old)
    assert store.conclude(new)


def test_what_is_open_or_completed_does_not_go_again(store):
    for analysis_id in (store.added(), store.claimed(store.added()).analysis_id, store.completed(), 10**12):
        assert not retry(store, analysis_id)


def test_nobody_sends_the_analyses_of_another_project_again(store):
    analysis_id = failed(store)
    assert not retry(store, analysis_id, project=store.new_project("other"))
    assert store.status(analysis_id) is Status.FAILED


def test_what_has_lost_its_log_does_not_go_again(store):
    one, other = failed(store), failed(store)
    store.set(one, "log_content = NULL, log_zstd = NULL")
    assert not retry(store, one)
    assert replay(store) == [other]


def test_the_patience_with_its_provider_begins_anew(store):
    analysis_id = failed(store)
    store.set(analysis_id, "waits_since = now() - interval '1 hour'")
    assert retry(store, analysis_id)
    assert store.column(analysis_id, "waits_since") is None


def test_its_end_is_announced_each_time(store):
    analysis_id = store.added()
    store.set(analysis_id, """callback = '{"url": "x"}'""")
    for _ in range(2):
        store.conclude(store.claimed(analysis_id), LOST)
        assert retry(store, analysis_id)
    store.conclude(store.claimed(analysis_id))
    kinds = store.rows("SELECT kind FROM outbox ORDER BY id")
    assert kinds == [("analysis.failed",), ("analysis.failed",), ("analysis.completed",)]
    assert store.get(analysis_id).replays == 2


def test_dead_letters_are_what_failed_latest_first(store):
    first, second = failed(store), failed(store, REFUSED, service_name="api")
    store.completed()
    store.cancel(store.added())
    assert letters(store) == [second, first]
    assert letters(store, code="worker_lost") == [first]
    assert letters(store, service_name="api") == [second]
    failed_at = store.column(second, "finished_at")
    assert letters(store, since=failed_at) == [second]
    assert letters(store, until=failed_at) == [first]


def test_pages_of_dead_letters_are_whole(store):
    ids = [failed(store) for _ in range(5)]
    seen, before = [], None
    for _ in range(3):
        with store.unit_of_work() as tx:
            page = tx.dead_letters.list(DeadLetterFilter(project_id=store.project, limit=2, before=before))
        seen += [letter.id for letter in page[:2]]
        before = (page[1].failed_at, page[1].id) if len(page) > 1 else None
    assert seen == ids[::-1]


def test_a_dead_letter_tells_everything_that_was_tried(store):
    analysis_id = store.added()
    store.give_back(store.claimed(analysis_id))
    store.conclude(store.claimed(analysis_id), LOST)
    with store.unit_of_work() as tx:
        found = tx.dead_letters.get(store.project, analysis_id)
    assert (found.letter.error.code, found.letter.attempts) == ("worker_lost", 2)
    assert [(one.attempt, one.outcome) for one in found.attempts] == [(1, "gave_back"), (2, "failed")]
    assert found.attempts[0].error.code == "provider_unavailable"


def test_replaying_takes_the_oldest_up_to_the_limit(store):
    ids = [failed(store) for _ in range(3)]
    assert replay(store, limit=2) == ids[:2]
    assert letters(store) == ids[2:]
    assert {store.status(analysis_id) for analysis_id in ids[:2]} == {Status.QUEUED}
    assert replay(store, code="worker_lost") == ids[2:]
    assert replay(store) == []


def test_what_nobody_could_answer_stays_dead(store):
    cloud, rules = failed(store, source=Source.CLOUD), failed(store, source=Source.RULES)
    assert replay(store) == [rules]
    assert store.column(rules, "provider") == "rules"
    assert letters(store) == [cloud]


def test_a_replayed_one_that_fails_again_is_a_dead_letter_again(store):
    analysis_id = failed(store)
    replay(store)
    assert letters(store) == []
    store.conclude(store.claimed(analysis_id), LOST)
    assert letters(store) == [analysis_id]
    assert store.get(analysis_id).replays == 1


def test_a_discarded_one_is_listed_no_more_and_stays_as_it_ended(store):
    analysis_id = failed(store)
    assert discard(store, analysis_id)
    assert not discard(store, analysis_id)
    assert letters(store) == []
    assert replay(store) == []
    assert store.status(analysis_id) is Status.FAILED
    assert retry(store, analysis_id)
    store.conclude(store.claimed(analysis_id), LOST)
    assert letters(store) == [analysis_id], "it failed anew"


def test_a_release_hands_back_what_one_worker_holds_and_uses_up_no_attempt(store):
    held = [store.claimed(store.added(), owner="host:a1:7"), store.claimed(store.added(), owner="host:a1:8")]
    other = store.claimed(store.added(), owner="host:b2:7")
    with store.unit_of_work() as tx:
        assert sorted(tx.claims.release("host:a1:")) == [claim.analysis_id for claim in held]
    for claim in held:
        assert store.status(claim.analysis_id) is Status.QUEUED
        assert not store.conclude(claim), "who goes on with it is fenced"
        assert store.claimed(claim.analysis_id).attempt == 1
    assert store.status(other.analysis_id) is Status.RUNNING
    assert store.rows("SELECT outcome, count(*) FROM analysis_attempts WHERE outcome IS NOT NULL GROUP BY 1") == [
        ("gave_back", 2)
    ]


def test_a_release_ends_what_should_be_cancelled(store):
    claim = store.claimed(store.added(), owner="host:a1:7")
    store.cancel(claim.analysis_id)
    with store.unit_of_work() as tx:
        tx.claims.release("host:a1:")
    assert store.status(claim.analysis_id) is Status.CANCELLED


def test_a_declined_message_is_rung_for_again_at_once(store):
    signal_ = PostgresDueSignal(store.engine)
    try:
        analysis_id = store.added()
        assert store.due() == [analysis_id]
        assert store.due() == []
        signal_.wait(0.01)
        with store.unit_of_work() as tx:
            tx.dispatch.unring(analysis_id)
        assert signal_.wait(10)
        assert store.due() == [analysis_id]
        assert store.column(analysis_id, "rings") == 1
    finally:
        signal_.close()


def test_what_is_handed_back_at_once_wakes_the_dispatcher_and_what_waits_does_not(store):
    signal_ = PostgresDueSignal(store.engine)
    try:
        later, now = store.claimed(store.added()), store.claimed(store.added())
        signal_.wait(0.01)
        while signal_.wait(0.05):
            pass
        store.give_back(later, delay=60)
        assert not signal_.wait(0.1)
        store.give_back(now, counted=False)
        assert signal_.wait(10)
    finally:
        signal_.close()


def test_only_the_cancel_of_a_running_one_is_told_to_the_workers_with_its_epoch(store):
    stops = PostgresStopSignal(store.engine)
    try:
        assert stops.listen()
        assert not stops.listen()
        store.cancel(store.added())
        store.cancel(store.completed())
        claim = store.claimed(store.added(route=OLLAMA))
        store.cancel(claim.analysis_id)
        [told] = stops.wait(10)
        assert (told.analysis_id, told.epoch) == (claim.analysis_id, claim.epoch)
        assert stops.wait(0.05) == []
    finally:
        stops.close()


def test_listening_for_stops_begins_anew_after_an_outage_and_says_so(store):
    stops = PostgresStopSignal(store.engine)
    try:
        stops.listen()
        store.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query = 'LISTEN bifrost_stop' AND datname = current_database()"
        )
        # "just now" means that something may have been missed
        until(lambda: stops.wait(0.05) == [] and stops.listen(), what="listening anew")
        claim = store.claimed(store.added())
        store.cancel(claim.analysis_id)
        assert [told.analysis_id for told in stops.wait(10)] == [claim.analysis_id]
    finally:
        stops.close()


def test_the_lease_of_a_dead_worker_ends_at_once_and_counts(store):
    claim = store.claimed(store.added(), owner="host:a1:7")
    with store.unit_of_work() as tx:
        assert tx.claims.owner_of(claim.analysis_id) == "host:a1:7"
        tx.claims.end_lease(claim.analysis_id, "host:a1:8")
    assert store.expire_leases() == 0
    with store.unit_of_work() as tx:
        tx.claims.end_lease(claim.analysis_id, "host:a1:7")
    assert store.expire_leases() == 1
    assert store.claimed(claim.analysis_id).attempt == 2


def test_nobody_owns_what_waits(store):
    with store.unit_of_work() as tx:
        assert tx.claims.owner_of(store.added()) is None
        assert tx.claims.owner_of(10**12) is None
