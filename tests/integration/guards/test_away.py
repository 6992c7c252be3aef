"""Without Redis everything passes, soon, and nothing is raised."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from app.clock import SystemClock
from app.domain.errors import BrokerUnavailable
from app.domain.guards import Verdict
from app.guards.factories import make_guard, place
from app.guards.open_guard import OpenGuard
from app.guards.reaching import Reaching
from app.settings import Settings
from tests.support.guards import admit, allowed, answer, fail
from tests.support.model_server import closed_port
from tests.support.stores import at_once


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a server that accepts, reads and never answers."""
    held, ended = [], threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        server.settimeout(0.05)

        def accept() -> None:
            while not ended.is_set():
                try:
                    held.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        finally:
            ended.set()
            thread.join()
            for one in held:
                one.close()


def test_a_redis_that_swallows_everything_costs_a_fraction_of_a_second_once(make):
    with black_hole() as url:
        lost = make(url=url, limit=1)
        began = time.monotonic()
        tickets = [admit(lost) for _ in range(100)]
        for ticket in tickets:
            lost.settle(ticket, Verdict.FAILED)
        lost.renew()
        assert time.monotonic() - began < 0.9
        assert all(isinstance(seconds, float) and seconds < 0.9 for seconds in at_once(50, lambda _: timed(lost)))
        with pytest.raises(BrokerUnavailable):
            lost.loads()


def timed(lost) -> float:
    began = time.monotonic()
    admit(lost)
    return time.monotonic() - began


@pytest.mark.parametrize("address", ["redis://127.0.0.1:{port}/0", "unix:///nowhere/redis.sock"])
def test_a_redis_that_is_not_there_costs_nothing(make, address):
    lost = make(url=address.format(port=closed_port()), limit=1)
    began = time.monotonic()
    fail(lost, 20)
    assert allowed(lost)
    assert time.monotonic() - began < 0.5


def test_a_redis_that_comes_back_is_used_again():
    class Clock(SystemClock):
        ahead = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.ahead

    clock = Clock()
    reaching = Reaching(clock)
    assert reaching.ask(fails) is None
    assert reaching.ask(lambda: 1) is None, "not asked again at once"
    clock.ahead = 3.0
    assert reaching.ask(lambda: 1) == 1
    assert reaching.ask(lambda: 2) == 2


def fails() -> None:
    raise ConnectionError


def test_a_full_redis_is_no_obstacle(make, redis_url):
    full = make(limit=1)
    with redis.Redis.from_url(redis_url) as client:
        before = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", "1")
        try:
            for _ in range(20):
                answer(full)
        finally:
            client.config_set("maxmemory", before)


def test_a_ticket_from_before_an_outage_is_settled_after_it(make):
    mine = make(limit=1)
    ticket = admit(OpenGuard())
    mine.settle(ticket, Verdict.ANSWERED)
    answer(mine)


def test_without_a_redis_of_a_known_kind_everything_passes():
    for url in (None, "sentinel://somewhere:1/0"):
        made = make_guard(Settings.model_validate({"redis": {"url": url}}), SystemClock())
        assert isinstance(made.guard, OpenGuard)
        assert made.guard.loads() == ()
        fail(made.guard, 20)
        made.guard.renew()
        made.close()


def test_a_local_server_is_another_one_on_each_machine():
    assert place("http://127.0.0.1:11434") == place("http://localhost:11434") == f"{socket.gethostname()}:11434"
    assert place("https://gpu.example.net/v1") == "gpu.example.net"
    assert place("http://[broken") == place("") == ""
