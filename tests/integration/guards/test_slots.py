"""A provider with a limit is never asked more often at a time than that, and whoever dies gives the slot back."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from app.domain.errors import ProviderBusy
from app.domain.guards import Ticket, Verdict
from tests.support.guards import admit, allowed, beat, fail
from tests.support.stores import at_once
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]


def calls(guard) -> int:
    [load] = guard.loads()
    return load.calls


def test_fifty_threads_of_several_processes_share_the_slots(make):
    guards = [make(limit=4) for _ in range(5)]
    found = at_once(50, lambda number: admit(guards[number % 5]))
    held = [one for one in found if isinstance(one, Ticket)]
    assert len(held) == 4
    assert {type(one) for one in found if not isinstance(one, Ticket)} == {ProviderBusy}
    assert calls(guards[0]) == 4
    guards[1].settle(held[0], Verdict.ANSWERED)
    assert allowed(guards[2])
    assert allowed(guards[3]) is None


@pytest.mark.parametrize("verdict", Verdict)
def test_every_end_of_a_call_frees_its_slot(make, verdict):
    guard = make(limit=1)
    guard.settle(admit(guard), verdict)
    assert calls(guard) == 0


def test_a_slot_counts_for_all_models_of_a_place_and_for_no_other_place(make):
    guard = make(limit=1)
    admit(guard, "tiny")
    assert allowed(guard, "big") is None
    assert allowed(make(limit=1, place="there"))


def test_without_a_limit_there_are_no_slots(make):
    guard = make()
    assert all(isinstance(one, Ticket) for one in at_once(50, lambda _: admit(guard)))
    assert calls(guard) == 0


def test_a_refused_call_takes_no_slot(make):
    guard = make(limit=2)
    fail(guard, 3)
    assert allowed(guard) is None
    assert calls(guard) == 0


def test_what_is_renewed_keeps_its_slot_and_what_is_not_loses_it(make):
    mine, theirs = make(limit=1, silence=0.4), make(limit=1, silence=0.4)
    admit(mine)
    for _ in beat(mine, 1.0):
        assert allowed(theirs) is None
    until(lambda: allowed(theirs))


def test_a_lost_slot_comes_back_also_while_others_are_kept(make):
    alive, dead, heir = (make(limit=2, silence=0.4) for _ in range(3))
    admit(alive)
    admit(dead)
    assert any(allowed(heir) for _ in beat(alive, 2.0))
    assert calls(heir) == 2


def test_a_renewal_brings_back_what_redis_forgot(make, redis_url):
    guard = make(limit=1)
    admit(guard)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    guard.renew()
    assert allowed(make(limit=1)) is None


def test_what_ends_while_it_is_renewed_leaves_nothing_behind(make):
    guard = make(limit=3, silence=30)
    tickets = [admit(guard) for _ in range(3)]

    def work(number: int) -> None:
        if number < 3:
            guard.settle(tickets[number], Verdict.ANSWERED)
        else:
            guard.renew()

    at_once(9, work)
    assert calls(guard) == 0


@contextmanager
def holding(url: str) -> Iterator[subprocess.Popen]:
    """A process that has the only slot."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.guards", url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def test_the_slot_of_a_killed_process_comes_back(make, redis_url):
    guard = make(limit=1)
    with holding(redis_url) as process:
        assert allowed(guard) is None
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        until(lambda: allowed(guard), timeout=5)
