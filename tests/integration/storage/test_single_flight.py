"""Identical analyses in flight: one leads, the others get its answer or go on by themselves."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.analyses import Conclusion, Failure, Priority, Status
from app.domain.errors import ProviderUnavailable
from tests.support.stores import COMPLETED, DIAGNOSIS, OLLAMA, UNAVAILABLE, at_once, fingerprint
from tests.support.waiting import until

FAILED = Conclusion(status=Status.FAILED, error=Failure.of(ProviderUnavailable()))
CANCELLED = Conclusion(status=Status.CANCELLED)
DEGRADED = Conclusion(status=Status.COMPLETED, provider="rules", degraded=True, diagnosis=DIAGNOSIS, error=UNAVAILABLE)


def leader(store, **changes) -> int:
    return store.added(route=OLLAMA, **changes)


def leader_of(store, analysis_id: int) -> int | None:
    return store.column(analysis_id, "leader_id")


def test_what_is_in_flight_is_followed_and_not_rung_for(store):
    first = leader(store)
    follower = store.followed()
    assert leader_of(store, follower) == first
    assert store.due() == [first]
    assert store.claim(follower) is None, "not even by a message that should not be there"
    found = store.get(follower)
    assert (found.status, found.cached, found.cached_from) == (Status.QUEUED, False, first)


def test_nothing_is_followed_when_nothing_is_in_flight(store):
    assert store.follow() is None
    store.completed(route=OLLAMA)
    assert store.follow() is None
    asked_to_stop = store.claimed(leader(store))
    store.cancel(asked_to_stop.analysis_id)
    assert store.follow() is None
    assert store.follow(print_=fingerprint("another log")) is None


def test_a_follower_is_not_followed(store):
    first = leader(store)
    assert [leader_of(store, store.followed()) for _ in range(3)] == [first] * 3


def test_followers_complete_with_their_leader(store):
    claim = store.claimed(leader(store))
    followers = [store.followed(service_name=f"s{number}") for number in range(3)]
    told = followers[0]
    store.set(told, "callback = '{}'")
    with store.unit_of_work() as tx:
        concluded = tx.claims.conclude(claim, COMPLETED)
    assert [(swept.status, swept.provider) for swept in concluded.followers] == [(Status.COMPLETED, "ollama")] * 3
    for number, follower in enumerate(followers):
        found = store.get(follower)
        assert (found.status, found.cached, found.cached_from) == (Status.COMPLETED, True, claim.analysis_id)
        assert (found.diagnosis, found.response) == (DIAGNOSIS, COMPLETED.response)
        assert (found.provider, found.model, found.degraded) == ("ollama", "mistral", False)
        assert (found.usage.cost_micro_usd, found.service_name, found.attempts) == (0, f"s{number}", 0)
        assert found.finished_at is not None
    assert store.rows("SELECT analysis_id, kind FROM outbox") == [(told, "analysis.completed")]


def test_a_follower_s_answer_is_not_taken_for_a_first_hand_one(store):
    claim = store.claimed(leader(store))
    store.followed()
    store.conclude(claim)
    again = store.from_cache()
    assert store.get(again.analysis_id).cached_from == claim.analysis_id


def _fail(store, claim):
    store.conclude(claim, FAILED)


def _cancel(store, claim):
    store.cancel(claim.analysis_id)
    store.conclude(claim, CANCELLED)


def _cancel_given_back(store, claim):
    store.cancel(claim.analysis_id)
    store.give_back(claim)


def _cancel_handed_on(store, claim):
    store.cancel(claim.analysis_id)
    store.store_prepared(claim)


def _cancel_waiting(store, claim):
    store.give_back(claim)
    store.cancel(claim.analysis_id)


def _be_late(store, claim):
    store.set(claim.analysis_id, "deadline_at = now() - interval '1 second'")
    store.expire_deadlines()


def _lose(store, claim):
    store.lose_worker(claim.analysis_id)
    store.expire_leases(max_attempts=1)


def _cancel_lost(store, claim):
    store.cancel(claim.analysis_id)
    store.lose_worker(claim.analysis_id)
    store.expire_leases()


@pytest.mark.parametrize(
    "end", [_fail, _cancel, _cancel_given_back, _cancel_handed_on, _cancel_waiting, _be_late, _lose, _cancel_lost]
)
def test_when_the_leader_does_not_complete_the_most_urgent_follower_leads_the_others(store, end):
    claim = store.claimed(leader(store))
    normal, urgent, low = (
        store.followed(priority=priority) for priority in (Priority.NORMAL, Priority.HIGH, Priority.LOW)
    )
    end(store, claim)
    assert store.status(claim.analysis_id) in {Status.FAILED, Status.CANCELLED}
    assert (leader_of(store, urgent), leader_of(store, normal), leader_of(store, low)) == (None, urgent, urgent)
    assert store.due() == [urgent]
    assert store.get(urgent).cached_from is None
    store.conclude(store.claimed(urgent))
    assert {store.status(each) for each in (urgent, normal, low)} == {Status.COMPLETED}
    assert store.get(normal).cached_from == urgent


def test_a_degraded_answer_is_nobody_else_s_and_everybody_goes_on(store):
    claim = store.claimed(leader(store))
    followers = [store.followed() for _ in range(3)]
    store.conclude(claim, DEGRADED)
    assert store.status(claim.analysis_id) is Status.COMPLETED
    assert [leader_of(store, each) for each in followers] == [None] * 3
    assert store.due() == followers


def test_a_leader_that_waits_again_keeps_its_followers(store):
    claim = store.claimed(leader(store))
    follower = store.followed()
    store.give_back(claim)
    claim = store.claimed(claim.analysis_id)
    store.lose_worker(claim.analysis_id)
    store.expire_leases(max_attempts=9)
    store.store_prepared(store.claimed(claim.analysis_id))
    assert leader_of(store, follower) == claim.analysis_id
    assert store.repair_followers() == 0


def test_cancelling_a_follower_touches_nothing_else(store):
    claim = store.claimed(leader(store))
    first, second = store.followed(), store.followed()
    assert store.cancel(first) is Status.CANCELLED
    assert store.status(claim.analysis_id) is Status.RUNNING
    store.conclude(claim)
    assert (store.status(first), store.status(second)) == (Status.CANCELLED, Status.COMPLETED)


def test_a_follower_has_a_deadline_of_its_own(store):
    claim = store.claimed(leader(store))
    late, patient = store.followed(deadline_seconds=100), store.followed()
    store.set(late, "deadline_at = now() - interval '1 second'")
    assert store.expire_deadlines() == 1
    assert store.get(late).error.code == "deadline_exceeded"
    store.conclude(claim)
    assert (store.status(late), store.status(patient)) == (Status.FAILED, Status.COMPLETED)


def test_a_leader_becomes_as_urgent_as_who_follows_it(store):
    first = leader(store, priority=Priority.LOW)
    other = leader(store, log="another log")
    store.followed(priority=Priority.CRITICAL)
    assert store.due() == [first, other]
    store.claimed(first)
    assert store.followed(priority=Priority.CRITICAL)


def test_a_known_idempotency_key_makes_no_follower(store):
    first = leader(store, idempotency_key="k")
    assert store.follow(store.submission(idempotency_key="k")) is None
    assert store.add(store.submission(idempotency_key="k"), route=OLLAMA).analysis_id == first


def orphan(store, follower: int, leader_id: int) -> None:
    """As a race would: it follows what has ended."""
    store.set(follower, f"leader_id = {leader_id}")


def test_a_sweep_answers_who_was_left_behind_by_a_completed_leader(store):
    first = store.completed(route=OLLAMA)
    follower = store.added(route=OLLAMA)
    orphan(store, follower, first)
    assert store.due() == []
    assert store.repair_followers() == 1
    assert (store.status(follower), store.get(follower).cached_from) == (Status.COMPLETED, first)
    assert store.repair_followers() == 0


@pytest.mark.parametrize("how", ["failed", "degraded", "deleted"])
def test_a_sweep_lets_go_on_who_was_left_behind_by_another_end(store, how):
    claim = store.claimed(leader(store))
    if how != "deleted":
        store.conclude(claim, FAILED if how == "failed" else DEGRADED)
    else:
        store.run("DELETE FROM analysis_results")
    followers = [store.added(route=OLLAMA) for _ in range(3)]
    for follower in followers:
        orphan(store, follower, claim.analysis_id)
    assert store.repair_followers() == 0
    leads = [leader_of(store, follower) for follower in followers]
    assert leads == ([None] * 3 if how == "degraded" else [None, followers[0], followers[0]])


def test_a_follower_that_somebody_holds_does_not_hold_up_its_leader(store):
    claim = store.claimed(leader(store))
    held, free = store.followed(), store.followed()
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store.unit_of_work() as tx:
            tx.analyses.cancel(store.project, held)
            locked.set()
            release.wait(20)
            raise LookupError  # it is not cancelled in the end

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        try:
            assert locked.wait(20)
            assert store.conclude(claim)
            assert (store.status(held), store.status(free)) == (Status.QUEUED, Status.COMPLETED)
        finally:
            release.set()
        assert isinstance(holding.exception(), LookupError)
    assert store.repair_followers() == 1
    assert store.status(held) is Status.COMPLETED


def test_twenty_at_once_have_one_leader(store):
    def submit(_: int) -> int:
        submission = store.submission()
        with store.unit_of_work() as tx:
            print_ = fingerprint(submission.log)
            found = tx.analyses.follow(submission, route=OLLAMA, fingerprint=print_)
            return (found or tx.analyses.add(submission, route=OLLAMA, fingerprint=print_)).analysis_id

    ids = at_once(20, submit)
    leaders = [analysis_id for analysis_id in ids if leader_of(store, analysis_id) is None]
    assert len(leaders) == 1
    assert {leader_of(store, each) for each in ids if each not in leaders} == set(leaders)


def test_leaders_that_end_while_others_board_leave_nobody_waiting(store):
    """Each round: a leader concludes in the moment in which ten more arrive."""
    for round_ in range(10):
        log = f"log {round_}\nOOMKilled\n"
        claim = store.claimed(leader(store, log=log))
        end = COMPLETED if round_ % 2 else FAILED

        def act(number: int, log=log, claim=claim, end=end) -> object:
            return store.follow(store.submission(log=log)) if number else store.conclude(claim, end)

        at_once(11, act)
    store.repair_followers()
    stuck = """SELECT count(*) FROM analysis_results f JOIN analysis_results l ON l.id = f.leader_id
        WHERE f.finished_at IS NULL AND l.finished_at IS NOT NULL"""
    assert store.ask(stuck) == 0
    until(lambda: not [store.conclude(store.claimed(each)) for each in store.due()], what="everybody done")
    assert store.ask("SELECT count(*) FROM analysis_results WHERE finished_at IS NULL") == 0
