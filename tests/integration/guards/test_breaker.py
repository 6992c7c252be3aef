"""A model that fails again and again is not asked for a while, by nobody; then a single call finds out."""

import pytest
import redis

from app.domain.errors import ProviderBusy, ProviderMisconfigured, ProviderResting
from app.domain.guards import Rest, Ticket, Verdict
from tests.support.guards import QUICK, admit, allowed, answer, beat, fail, refuse, throttle
from tests.support.stores import at_once
from tests.support.waiting import until


def rests(guard) -> tuple[Rest, ...]:
    [load] = guard.loads()
    return load.rests


def test_failures_in_a_row_open_it_for_every_process(make):
    mine, theirs = make(), make()
    fail(mine, 2)
    assert rests(mine) == ()
    fail(theirs)
    for guard in (mine, theirs, make()):
        with pytest.raises(ProviderResting, match="provider_unavailable") as refusal:
            admit(guard)
        assert 0 < refusal.value.retry_after <= QUICK["rest"]


def test_an_answer_in_between_begins_the_count_anew(make):
    guard = make()
    for _ in range(5):
        fail(guard, 2)
        answer(guard)
    assert rests(guard) == ()


def test_what_tells_nothing_changes_nothing(make):
    guard = make()
    fail(guard, 2)
    for _ in range(5):
        guard.settle(admit(guard), Verdict.NOTHING)
    fail(guard)
    assert allowed(guard) is None


def test_a_wrong_configuration_opens_it_at_once_and_is_told_as_such(make):
    guard = make()
    refuse(guard)
    with pytest.raises(ProviderMisconfigured):
        admit(guard)


def test_one_refused_prompt_between_good_answers_is_no_wrong_configuration(make):
    guard = make()
    answer(guard)
    refuse(guard)
    refuse(guard)
    refuse_ticket = admit(guard)
    guard.settle(refuse_ticket, Verdict.REFUSED, ProviderMisconfigured())
    assert allowed(guard) is None, "three in a row are"


def test_each_model_and_each_place_has_its_own(make):
    here, there = make(), make(place="there")
    fail(here, 3)
    assert allowed(here) is None
    assert allowed(here, "another")
    assert allowed(there)


def test_a_model_may_have_any_name(make):
    guard, name = make(), "a|b\n:c ✓|"
    fail(guard, 3, model=name)
    assert [rest.model for rest in rests(guard)] == [name]


def test_after_the_rest_one_of_fifty_threads_finds_out(make):
    guards = [make() for _ in range(5)]
    fail(guards[0], 3)
    until(lambda: rests(guards[0])[0].seconds == 0)
    found = at_once(50, lambda number: admit(guards[number % 5]))
    [probe] = [one for one in found if isinstance(one, Ticket)]
    assert probe.probe
    assert {type(one) for one in found if one is not probe} == {ProviderResting}
    guards[0].settle(probe, Verdict.ANSWERED)
    assert all(isinstance(one, Ticket) for one in at_once(50, lambda number: admit(guards[number % 5])))
    assert rests(guards[0]) == ()


def wait_for_probe(guard) -> Ticket:
    found = []
    until(lambda: (ticket := allowed(guard)) and (found.append(ticket) or True))
    assert found[0].probe
    return found[0]


def test_a_rest_is_doubled_by_each_failed_probe_up_to_its_cap(make):
    guard = make(rest=0.2, longest_rest=0.6)
    fail(guard, 3)
    lengths = []
    for _ in range(3):
        guard.settle(wait_for_probe(guard), Verdict.FAILED)
        lengths.append(rests(guard)[0].seconds)
    assert 0.2 < lengths[0] <= 0.4 < lengths[1] <= 0.6
    assert lengths[2] <= 0.6


def test_a_probe_that_tells_nothing_lets_another_one_ask(make):
    guard = make()
    fail(guard, 3)
    guard.settle(wait_for_probe(guard), Verdict.NOTHING)
    assert admit(guard).probe


def test_calls_from_before_the_rest_neither_end_nor_prolong_it(make):
    guard = make()
    late = [admit(guard) for _ in range(3)]
    fail(guard, 3)
    left = rests(guard)[0].seconds
    guard.settle(late[0], Verdict.ANSWERED)
    guard.settle(late[1], Verdict.FAILED)
    guard.settle(late[2], Verdict.REFUSED)
    assert allowed(guard) is None
    assert rests(guard)[0].seconds <= left


def test_a_probe_whose_process_died_is_replaced_and_one_that_lives_is_not(make):
    guard, heir = make(silence=0.4), make(silence=0.4)
    fail(guard, 3)
    probe = wait_for_probe(guard)
    for _ in beat(guard, 1.0):
        assert allowed(heir) is None
    guard.close()
    assert wait_for_probe(heir).id != probe.id


def test_a_provider_that_asks_to_wait_is_waited_for_by_all_and_does_not_count_as_failing(make):
    mine, theirs = make(), make()
    fail(mine, 2)
    throttle(mine, 0.4)
    with pytest.raises(ProviderBusy) as refusal:
        admit(theirs)
    assert 0 < refusal.value.retry_after <= 0.4
    assert rests(mine)[0].cause == "provider_throttled"
    until(lambda: allowed(theirs))
    assert rests(mine) == ()


def test_no_provider_makes_everybody_wait_for_hours(make):
    guard = make(longest_wait=0.5)
    throttle(guard, 86_400)
    assert rests(guard)[0].seconds <= 0.5


def test_throttling_without_a_hint_makes_nobody_wait(make):
    guard = make()
    for _ in range(9):
        throttle(guard, None)
    assert allowed(guard)


def test_it_may_be_switched_off(make):
    fail(make(), 3)
    off = make(failures=0)
    fail(off, 20)
    refuse(off)
    assert allowed(off)


def test_nothing_is_kept_for_ever(make, redis_url):
    guard = make(limit=2)
    fail(guard, 3)
    throttle(make(failures=0), 1)
    answer(guard, "another")
    with redis.Redis.from_url(redis_url) as client:
        lasting = {key: client.pttl(key) for key in client.keys("*") if not key.endswith(b":index")}
    assert lasting
    assert all(0 < left <= 700_000 for left in lasting.values())
