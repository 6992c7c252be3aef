"""How calls to every provider end when they must, and share their connections, over real HTTP."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.errors import (
    CancelRequested,
    ProviderTimeout,
    ShuttingDown,
)
from tests.support.model_behaviors import (
    DIAGNOSIS,
    answer,
    endless,
    hang,
    hang_inside,
    slow,
)
from tests.support.model_calls import Watching, prompt

pytestmark = pytest.mark.integration

#: Seconds: far from the minutes that the models' silence lasts, and room for a busy machine.
SOON = 5


@pytest.mark.parametrize("behavior", [hang(), hang_inside()], ids=["before", "inside"])
def test_silence_ends(each, make, server, behavior):
    server.script(behavior)
    started = time.monotonic()
    with pytest.raises(ProviderTimeout, match="silent"):
        make(each, read_timeout=0.3).complete(prompt(), Watching())
    assert time.monotonic() - started < SOON
    assert server.requests[0].closed_early.wait(5)


@pytest.mark.parametrize("behavior", [endless(), hang(), hang_inside()], ids=["endless", "before", "inside"])
def test_the_whole_answer_has_a_time(each, make, server, behavior):
    server.script(behavior)
    provider = make(each, timeout=0.4)
    provider.health()  # boto3 makes its client, which takes a while
    started = time.monotonic()
    with pytest.raises(ProviderTimeout, match=r"within 0\.4 seconds"):
        provider.complete(prompt(), Watching())
    assert time.monotonic() - started < SOON
    assert server.requests[0].closed_early.wait(5)


@pytest.mark.parametrize("behavior", [endless(), hang(), hang_inside()], ids=["endless", "before", "inside"])
def test_the_deadline_of_the_analysis_ends_it(each, make, server, behavior):
    server.script(behavior)
    started = time.monotonic()
    with pytest.raises(ProviderTimeout):
        make(each).complete(prompt(), Watching(seconds=0.4))
    assert time.monotonic() - started < SOON


@pytest.mark.parametrize("behavior", [hang(), hang_inside(), slow(0.2)], ids=["before", "inside", "slow"])
@pytest.mark.parametrize("reason", [CancelRequested, ShuttingDown])
def test_another_thread_can_end_a_blocked_call_at_once(each, make, server, behavior, reason):
    server.script(behavior)
    watch = Watching(reason=reason)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(make(each).complete, prompt(), watch)
        _until(lambda: server.requests)
        started = time.monotonic()
        watch.interrupt()
        with pytest.raises(reason):
            call.result(timeout=5)
        assert time.monotonic() - started < SOON
    assert server.requests[0].closed_early.wait(5)


def test_an_interrupted_call_is_not_even_asked(each, make, server):
    watch = Watching()
    watch.interrupt()
    with pytest.raises(CancelRequested):
        make(each).complete(prompt(), watch)
    assert not server.requests


def test_ending_one_call_leaves_the_others_alone(each, make, server):
    provider = make(each)
    watches = [Watching() for _ in range(8)]
    server.otherwise(slow(0.1))
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(provider.complete, prompt(), watch) for watch in watches]
        _until(lambda: all(watch.heard.is_set() for watch in watches))
        watches[3].interrupt()
        assert isinstance(calls[3].exception(timeout=5), CancelRequested)
        assert all(call.result(timeout=20).text == DIAGNOSIS for call in calls[:3] + calls[4:])


def test_connections_are_kept(each, make, server):
    provider = make(each)
    for _ in range(5):
        provider.complete(prompt(), Watching())
    assert len({request.connection for request in server.requests}) == 1


def test_a_late_end_of_a_finished_call_does_not_hit_the_next_one(each, make, server):
    provider, first = make(each), Watching()
    closers = []
    first.closing = lambda close: _keeping(closers, close)
    provider.complete(prompt(), first)
    server.script(slow(0.05))
    second = Watching()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(provider.complete, prompt(), second)
        _until(second.heard.is_set)
        closers[0]()
        assert call.result(timeout=10).text == DIAGNOSIS


def test_a_child_process_opens_its_own_connections(each, make, server):
    provider = make(each)
    provider.complete(prompt(), Watching())
    child = os.fork()
    if child == 0:
        try:
            provider.complete(prompt(), Watching())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    provider.complete(prompt(), Watching())
    connections = [request.connection for request in server.requests]
    assert connections[0] == connections[2]
    assert connections[1] != connections[0]


def test_many_calls_wait_at_once(each, make, server):
    provider = make(each)
    server.otherwise(answer(pause=0.05))
    with ThreadPoolExecutor(60) as threads:
        calls = [threads.submit(provider.complete, prompt(), Watching()) for _ in range(60)]
        assert all(call.result(timeout=30).text == DIAGNOSIS for call in calls)


class _keeping:  # noqa: N801 # as above
    def __init__(self, closers, close):
        closers.append(close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def _until(condition, seconds=10):
    pause = threading.Event()
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come to that"
        pause.wait(0.01)
