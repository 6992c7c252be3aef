import pytest

from app.domain.analyses import Conclusion, Failure, Stage, Status
from app.domain.errors import DeadlineExceeded, ProviderThrottled, ShuttingDown
from app.domain.readings import Progress
from tests.support.stores import (
    COMPLETED,
    COVERAGE,
    DIAGNOSIS,
    OLLAMA,
    PREPARED,
    UNAVAILABLE,
    at_once,
)

FAILED = Conclusion(status=Status.FAILED, error=Failure.of(DeadlineExceeded()))


def test_a_claim_takes_the_lease_and_counts_the_attempt(store):
    analysis_id = store.added(deadline_seconds=100, bytes_replaced=3, request_id="r")
    claim = store.claimed(analysis_id, owner="host:1")
    assert (claim.epoch, claim.attempt, claim.throttles) == (1, 1, 0)
    assert (claim.provider, claim.stage, claim.bytes_replaced, claim.request_id) == ("rules", Stage.PREPARE, 3, "r")
    assert 95 < claim.seconds_left <= 100
    found = store.get(analysis_id)
    assert (found.status, found.attempts) == (Status.RUNNING, 1)
    assert found.started_at is not None
    assert store.column(analysis_id, "lease_owner") == "host:1"
    assert store.rows("SELECT epoch, attempt, stage, worker, ended_at FROM analysis_attempts") == [
        (1, 1, "prepare", "host:1", None)
    ]


def test_twenty_threads_claim_exactly_once(store):
    analysis_id = store.added()
    claims = at_once(20, lambda n: store.claim(analysis_id, owner=f"w{n}"))
    winners = [claim for claim in claims if claim is not None]
    assert len(winners) == 1
    assert winners[0].epoch == 1
    assert store.ask("SELECT count(*) FROM analysis_attempts") == 1


@pytest.mark.parametrize("change", ["run_at = now() + interval '1 minute'", "cancel_requested_at = now()"])
def test_what_is_not_due_or_not_wanted_is_not_claimed(store, change):
    analysis_id = store.added()
    store.set(analysis_id, change)
    assert store.claim(analysis_id) is None


def test_the_other_stage_and_the_unknown_and_the_ended_are_not_claimed(store):
    assert store.claim(store.added(), stage=Stage.INFER) is None
    assert store.claim(10**9) is None
    assert store.claim(store.completed()) is None


def test_a_deadline_in_the_past_leaves_no_seconds(store):
    analysis_id = store.added(deadline_seconds=100)
    store.set(analysis_id, "deadline_at = now() - interval '1 minute'")
    assert store.claimed(analysis_id).seconds_left == 0


def test_the_first_stage_hands_on_to_the_second(store):
    analysis_id = store.added(route=OLLAMA)
    claim = store.claimed(analysis_id)
    assert store.store_prepared(claim)
    found = store.get(analysis_id)
    assert (found.status, found.stage, found.attempts) == (Status.QUEUED, Stage.INFER, 0)
    assert store.due("infer.ollama") == [analysis_id]
    second = store.claimed(analysis_id, stage=Stage.INFER)
    assert (second.epoch, second.attempt) == (2, 1)
    with store.unit_of_work() as tx:
        assert tx.claims.progress_of(second) == Progress(prepared=PREPARED, readings=())
        assert tx.claims.log_of(second) == "started\nOOMKilled\n"


def test_a_conclusion_stores_the_result_and_clears_what_was_prepared(store):
    analysis_id = store.added(route=OLLAMA)
    store.store_prepared(store.claimed(analysis_id))
    assert store.conclude(store.claimed(analysis_id, stage=Stage.INFER))
    found = store.get(analysis_id)
    assert (found.status, found.provider, found.model) == (Status.COMPLETED, "ollama", "mistral")
    assert (found.diagnosis, found.coverage, found.usage) == (DIAGNOSIS, COVERAGE, COMPLETED.usage)
    assert found.response == COMPLETED.response
    assert found.finished_at >= found.started_at >= found.created_at
    assert found.duration_seconds == pytest.approx((found.finished_at - found.created_at).total_seconds())
    assert store.column(analysis_id, "severity") == "HIGH"
    assert store.ask("SELECT count(*) FROM analysis_preparations") == 0
    outcomes = store.rows("SELECT epoch, outcome, ended_at IS NOT NULL FROM analysis_attempts ORDER BY epoch")
    assert outcomes == [(1, "prepared", True), (2, "completed", True)]
    booked = store.ask("SELECT usage->>'cost_micro_usd' FROM analysis_attempts WHERE epoch = 2")
    assert booked == "12"


def test_a_failure_is_told(store):
    claim = store.claimed(store.added())
    assert store.conclude(claim, FAILED)
    found = store.get(claim.analysis_id)
    assert (found.status, found.error.code) == (Status.FAILED, "deadline_exceeded")


def test_giving_back_with_blame_uses_an_attempt_up_and_waits(store):
    analysis_id = store.added()
    assert store.give_back(store.claimed(analysis_id), delay=30, counted=True)
    found = store.get(analysis_id)
    assert (found.status, found.attempts, found.error) == (Status.RETRYING, 1, UNAVAILABLE)
    assert store.claim(analysis_id) is None
    assert store.due() == []
    store.set(analysis_id, "run_at = now()")
    assert store.due() == [analysis_id]
    claim = store.claimed(analysis_id)
    assert (claim.attempt, claim.epoch, claim.throttles) == (2, 2, 0)


@pytest.mark.parametrize(("error", "throttles"), [(ProviderThrottled(), 1), (ShuttingDown(), 0)])
def test_giving_back_without_blame_keeps_the_attempt(store, error, throttles):
    analysis_id = store.added()
    assert store.give_back(store.claimed(analysis_id), counted=False, error=error)
    assert store.status(analysis_id) is Status.QUEUED
    claim = store.claimed(analysis_id)
    assert (claim.attempt, claim.epoch, claim.throttles) == (1, 2, throttles)


def test_success_after_a_retry_tells_no_error(store):
    analysis_id = store.added()
    store.give_back(store.claimed(analysis_id))
    store.conclude(store.claimed(analysis_id))
    assert store.get(analysis_id).error is None


@pytest.mark.parametrize(
    "write",
    [
        lambda store, zombie: store.conclude(zombie),
        lambda store, zombie: store.conclude(zombie, FAILED),
        lambda store, zombie: store.give_back(zombie),
        lambda store, zombie: store.store_prepared(zombie),
        lambda store, zombie: bool(store.extend([zombie])),
    ],
    ids=["conclude", "fail", "give_back", "store_prepared", "extend"],
)
@pytest.mark.parametrize("taken_over", ["waiting", "claimed", "concluded"])
def test_a_frozen_worker_that_wakes_writes_nothing(store, write, taken_over):
    analysis_id = store.added(route=OLLAMA)
    zombie = store.claimed(analysis_id, owner="zombie")
    store.lose_worker(analysis_id)
    assert store.expire_leases() == 1
    if taken_over != "waiting":
        heir = store.claimed(analysis_id, owner="heir")
        assert heir.epoch > zombie.epoch
    if taken_over == "concluded":
        assert store.conclude(heir)
    snapshot = (
        "SELECT to_jsonb(r) FROM analysis_results r",
        "SELECT to_jsonb(a) FROM analysis_attempts a ORDER BY epoch",
    )
    before = [store.rows(statement) for statement in snapshot]
    assert not write(store, zombie)
    assert [store.rows(statement) for statement in snapshot] == before
    assert store.ask("SELECT count(*) FROM analysis_preparations") == 0


def test_of_twenty_conclusions_of_one_claim_one_counts(store):
    claim = store.claimed(store.added())
    assert sorted(at_once(20, lambda _: store.conclude(claim))) == [False] * 19 + [True]


def test_a_heartbeat_extends_what_lives_and_tells_about_cancels(store):
    first, second, lost = (store.claimed(store.added(), lease=5) for _ in range(3))
    store.lose_worker(lost.analysis_id)
    store.expire_leases()
    store.cancel(second.analysis_id)
    answers = {answer.analysis_id: answer for answer in store.extend([first, second, lost], lease=100)}
    assert set(answers) == {first.analysis_id, second.analysis_id}
    assert not answers[first.analysis_id].cancel_requested
    assert answers[second.analysis_id].cancel_requested
    assert store.column(first.analysis_id, "lease_until > now() + interval '90 seconds'")


def test_a_lease_that_is_over_puts_the_analysis_back(store):
    analysis_id = store.added()
    store.claimed(analysis_id)
    assert store.expire_leases() == 0
    store.lose_worker(analysis_id)
    assert store.expire_leases() == 1
    assert store.status(analysis_id) is Status.QUEUED
    assert store.rows("SELECT outcome FROM analysis_attempts") == [("lost",)]
    assert store.due() == [analysis_id]


def test_a_worker_that_dies_every_time_fails_the_analysis(store):
    analysis_id = store.added(route=OLLAMA)
    for _ in range(3):
        assert store.status(analysis_id) is Status.QUEUED
        store.claimed(analysis_id)
        store.lose_worker(analysis_id)
        store.expire_leases(max_attempts=3)
    found = store.get(analysis_id)
    assert (found.status, found.error.code, found.attempts) == (Status.FAILED, "worker_lost", 3)
    assert found.finished_at is not None
    assert found.duration_seconds is not None


def test_a_lost_worker_and_a_wish_to_cancel_end_it(store):
    analysis_id = store.added()
    store.claimed(analysis_id)
    assert store.cancel(analysis_id) is Status.RUNNING
    store.lose_worker(analysis_id)
    store.expire_leases()
    assert store.status(analysis_id) is Status.CANCELLED


@pytest.mark.parametrize("ended_by", ["cancel", "lost", "lost and cancelled", "late", "given back and cancelled"])
def test_whatever_ends_it_clears_what_was_prepared(store, ended_by):
    analysis_id = store.added(route=OLLAMA, deadline_seconds=100)
    store.store_prepared(store.claimed(analysis_id))
    if ended_by == "cancel":
        store.cancel(analysis_id)
    elif ended_by == "late":
        store.set(analysis_id, "deadline_at = now() - interval '1 second'")
        store.expire_deadlines()
    else:
        claim = store.claimed(analysis_id, stage=Stage.INFER)
        if "cancelled" in ended_by:
            store.cancel(analysis_id)
        if "lost" in ended_by:
            store.lose_worker(analysis_id)
            store.set(analysis_id, "queue = 'infer.alone'")  # where a lost worker may end it
            store.expire_leases(max_attempts=1)
        else:
            store.give_back(claim)
    assert store.get(analysis_id).finished_at is not None
    assert store.ask("SELECT count(*) FROM analysis_preparations") == 0


def test_two_sweepers_at_once_expire_each_lease_once(store):
    for _ in range(30):
        store.lose_worker(store.claimed(store.added()).analysis_id)
    assert sum(at_once(4, lambda _: store.expire_leases())) == 30
    assert store.ask("SELECT count(*) FROM analysis_results WHERE status = 'queued'") == 30
