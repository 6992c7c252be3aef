import threading
import time

import pytest

from app.clock import SystemClock
from app.domain.analyses import Status
from app.services.waiting import Waiting
from tests.support.kernels import kernel
from tests.support.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def analyses(store):
    return kernel(store).analyses


@pytest.fixture
def waiting(store, analyses):
    made = Waiting(store.unit_of_work, analyses, room=40, clock=SystemClock())
    yield made
    made.close()


def begun(waiting, analyses, store, ids, seconds=20.0):
    """A thread that waits for each; their answers as they come."""
    answers = []

    def wait(number):
        answers.append(waiting.until_ended(analyses.get(store.project, number), seconds))

    threads = [threading.Thread(target=wait, args=(number,)) for number in ids]
    for thread in threads:
        thread.start()
    return answers, threads


def test_whoever_waits_hears_of_the_end_soon(store, analyses, waiting):
    ids = [store.added(log=f"log {number}") for number in range(2)]
    answers, threads = begun(waiting, analyses, store, [ids[0], ids[0], ids[1]])
    began = time.monotonic()
    analyses.cancel(store.project, ids[0])
    until(lambda: len(answers) == 2, timeout=5)
    assert time.monotonic() - began < 2
    assert {(one.id, one.status) for one in answers} == {(ids[0], Status.CANCELLED)}
    analyses.cancel(store.project, ids[1])
    for thread in threads:
        thread.join(timeout=5)
    assert len(answers) == 3


def test_many_wait_without_a_connection_each(store, analyses, waiting):
    number = store.added()
    _, threads = begun(waiting, analyses, store, [number] * 30)
    until(lambda: len(waiting._bells.get(number, ())) == 30)
    # one looks for all of them, and the pool keeps no more for it than were in use before
    assert store.engine.pool.checkedout() <= 1
    analyses.cancel(store.project, number)
    for thread in threads:
        thread.join(timeout=5)
    assert not any(thread.is_alive() for thread in threads)


def test_the_time_is_over_when_it_is(store, analyses, waiting):
    found = analyses.get(store.project, store.added())
    began = time.monotonic()
    assert waiting.until_ended(found, 0.2).status is Status.QUEUED
    assert 0.2 <= time.monotonic() - began < 2


def test_one_too_many_is_answered_at_once(store, analyses):
    full = Waiting(store.unit_of_work, analyses, room=0, clock=SystemClock())
    found = analyses.get(store.project, store.added())
    assert full.until_ended(found, 60) == found


def test_nobody_waits_for_what_has_ended_or_is_gone(store, analyses, waiting):
    number = store.added()
    found = analyses.cancel(store.project, number)
    assert waiting.until_ended(found, 60) == found


def test_a_process_that_ends_lets_everybody_go(store, analyses, waiting):
    answers, threads = begun(waiting, analyses, store, [store.added()])
    until(lambda: waiting._bells)
    waiting.close()
    threads[0].join(timeout=5)
    assert [one.status for one in answers] == [Status.QUEUED]


def test_nobody_looks_when_nobody_waits(store, analyses, waiting):
    waiting.until_ended(analyses.get(store.project, store.added()), 0.05)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "waiting"], timeout=5)
