import pytest

from app.domain.analyses import Stage, Status
from app.domain.errors import IdempotencyConflict
from app.domain.storage_ports import Accepted
from tests.support.stores import COMPLETED, COVERAGE, DIAGNOSIS, PREPARE, at_once, fingerprint


def test_what_is_submitted_is_read_back(store):
    analysis_id = store.added(
        service_name="api",
        environment="prod",
        tags=("a", "b"),
        metadata={"build": 7, "nested": {"x": [1, None]}},
        request_id="r1",
        correlation_id="c1",
        model="llama",
    )
    found = store.get(analysis_id, with_log=True)
    assert (found.status, found.stage, found.attempts) == (Status.QUEUED, Stage.PREPARE, 0)
    assert (found.service_name, found.environment, found.tags) == ("api", "prod", ("a", "b"))
    assert found.metadata == {"build": 7, "nested": {"x": [1, None]}}
    assert (found.request_id, found.correlation_id, found.model) == ("r1", "c1", "llama")
    assert found.log_content == "started\nOOMKilled\n"
    assert found.created_at.utcoffset().total_seconds() == 0
    assert (found.diagnosis, found.error, found.finished_at, found.duration_seconds) == (None, None, None, None)


def test_the_log_is_not_read_unless_asked_for(store):
    assert store.get(store.added()).log_content is None


def test_another_projects_analysis_is_unknown(store):
    analysis_id = store.added()
    other = store.new_project("other")
    with store.unit_of_work() as tx:
        assert tx.analyses.get(other, analysis_id) is None
        assert tx.analyses.cancel(other, analysis_id) is None
    assert store.status(analysis_id) is Status.QUEUED


def test_a_large_log_is_stored_compressed_and_comes_back_whole(store):
    log = "".join(f"2026-01-01 12:00:00 worker {number} 시작 ✓ 🚀\n" for number in range(40_000))
    analysis_id = store.added(log=log)
    assert store.get(analysis_id, with_log=True).log_content == log
    assert store.column(analysis_id, "log_content IS NULL")
    assert store.column(analysis_id, "length(log_zstd)") < len(log) / 5
    assert store.column(analysis_id, "log_bytes") == len(log.encode())


def test_a_small_log_stays_readable_in_its_row(store):
    analysis_id = store.added()
    assert store.column(analysis_id, "log_content") == "started\nOOMKilled\n"
    assert store.column(analysis_id, "log_zstd IS NULL")


def test_the_same_key_and_request_is_the_first_analysis_again(store):
    first = store.add(store.submission(idempotency_key="k"))
    again = store.add(store.submission(idempotency_key="k"))
    assert not first.replayed
    assert again == Accepted(analysis_id=first.analysis_id, replayed=True)


def test_the_same_key_with_another_request_is_a_conflict(store):
    store.add(store.submission(idempotency_key="k"), print_=fingerprint("a"))
    with pytest.raises(IdempotencyConflict):
        store.add(store.submission(idempotency_key="k"), print_=fingerprint("b"))


def test_two_projects_may_use_the_same_key(store):
    other = store.new_project("other")
    first = store.add(store.submission(idempotency_key="k"))
    second = store.add(store.submission(idempotency_key="k", project_id=other))
    assert not second.replayed
    assert second.analysis_id != first.analysis_id


def test_twenty_threads_with_the_same_key_make_one_row(store):
    answers = at_once(20, lambda _: store.add(store.submission(idempotency_key="same")))
    assert len({answer.analysis_id for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19
    assert store.ask("SELECT count(*) FROM analysis_results") == 1


def test_twenty_threads_with_the_same_key_and_two_bodies_make_one_row_and_conflicts(store):
    answers = at_once(20, lambda n: store.add(store.submission(idempotency_key="same"), print_=fingerprint(str(n % 2))))
    conflicts = [answer for answer in answers if isinstance(answer, IdempotencyConflict)]
    accepted = [answer for answer in answers if isinstance(answer, Accepted)]
    assert (len(conflicts), len(accepted)) == (10, 10)
    assert store.ask("SELECT count(*) FROM analysis_results") == 1


def test_what_is_rolled_back_was_never_there(store):
    class Crash(Exception):
        pass

    def add_and_crash() -> None:
        with store.unit_of_work() as tx:
            tx.analyses.add(store.submission(), route=PREPARE, fingerprint=fingerprint())
            raise Crash

    with pytest.raises(Crash):
        add_and_crash()
    assert store.ask("SELECT count(*) FROM analysis_results") == 0


def test_a_cached_answer_is_given_again_at_once(store):
    first = store.completed()
    accepted = store.from_cache(service_name="api")
    assert accepted is not None
    found = store.get(accepted.analysis_id)
    assert (found.status, found.cached, found.cached_from) == (Status.COMPLETED, True, first)
    assert (found.diagnosis, found.coverage, found.response) == (DIAGNOSIS, COVERAGE, COMPLETED.response)
    assert (found.provider, found.model, found.service_name) == ("ollama", "mistral", "api")
    assert (found.duration_seconds, found.usage.cost_micro_usd, found.attempts) == (0, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        "finished_at = finished_at - interval '61 seconds'",
        "degraded = true",
        "cache_key = 'another'",
    ],
)
def test_only_a_fresh_undegraded_answer_to_the_same_question_is_given_again(store, change):
    analysis_id = store.completed()
    store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
    store.set(analysis_id, change)
    assert store.from_cache(ttl=60) is None


def test_a_failed_analysis_is_no_answer(store):
    claim = store.claimed(store.added())
    store.give_back(claim)
    for _ in range(2):
        store.lose_worker(store.claimed(claim.analysis_id).analysis_id)
        store.expire_leases(max_attempts=3)
    assert store.status(claim.analysis_id) is Status.FAILED
    assert store.from_cache() is None


def test_a_copy_is_not_copied_again(store):
    first = store.completed()
    copy = store.from_cache()
    store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
    store.set(first, "finished_at = finished_at - interval '1 hour'")
    assert copy is not None
    assert store.from_cache(ttl=60) is None


def test_the_newest_answer_is_given(store):
    store.completed()
    second = store.completed()
    accepted = store.from_cache()
    assert store.get(accepted.analysis_id).cached_from == second


def test_a_cached_answer_under_a_known_key_is_left_to_the_first_analysis(store):
    store.completed(idempotency_key="k")
    assert store.from_cache(idempotency_key="k") is None
    assert store.add(store.submission(idempotency_key="k")).replayed
