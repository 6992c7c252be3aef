"""Requests are counted by all processes together, and no hour has more than the limit."""

import time

import pytest
import redis

from app.clock import SystemClock
from app.domain.rates import Rate
from app.guards.rates import NoRates, RedisRates, make_rates
from app.guards.reaching import connect
from app.settings import Settings
from tests.integration.guards.test_away import black_hole
from tests.support.stores import at_once

KEY = "bifrost:rate:k:submit"


@pytest.fixture
def make_counter(redis_url):
    """Counters on an emptied Redis: each stands for a process."""
    made = []

    def one(url: str = redis_url) -> RedisRates:
        made.append(RedisRates(connect(url), SystemClock()))
        return made[-1]

    yield one
    for each in made:
        each.close()


@pytest.fixture
def server(redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def age(server: redis.Redis, minutes: int) -> None:
    """As if everything that was counted had been so many minutes ago."""
    counted = server.hgetall(KEY)
    server.delete(KEY)
    server.hset(KEY, mapping={str(int(slot) - minutes): count for slot, count in counted.items()})


def test_fifty_threads_of_several_processes_get_just_as_many_as_allowed(make_counter):
    counters = [make_counter() for _ in range(5)]
    found = at_once(50, lambda number: counters[number % 5].take("k", Rate.SUBMIT, limit=20))
    assert sum(one.admitted for one in found) == 20
    assert sorted(one.remaining for one in found if one.admitted) == list(range(20))
    assert {one.remaining for one in found if not one.admitted} == {0}


def test_keys_and_rates_are_counted_by_themselves(make_counter):
    counter = make_counter()
    assert counter.take("k", Rate.SUBMIT, limit=1).admitted
    assert not counter.take("k", Rate.SUBMIT, limit=1).admitted
    assert counter.take("k", Rate.READ, limit=1).admitted
    assert counter.take("other", Rate.SUBMIT, limit=1).admitted


def test_what_is_refused_is_not_counted_and_a_higher_limit_holds_at_once(make_counter):
    counter = make_counter()
    for _ in range(10):
        counter.take("k", Rate.SUBMIT, limit=2)
    found = counter.take("k", Rate.SUBMIT, limit=4)
    assert (found.admitted, found.remaining) == (True, 1)


def test_a_crowd_is_counted_all_or_not_at_all(make_counter):
    counter = make_counter()
    assert counter.take("k", Rate.SUBMIT, limit=10, count=8).remaining == 2
    assert counter.take("k", Rate.SUBMIT, limit=10, count=3).remaining == 2
    assert counter.take("k", Rate.SUBMIT, limit=10, count=2).remaining == 0
    assert not counter.take("k", Rate.SUBMIT, limit=10, count=11).admitted


def test_it_comes_back_after_an_hour_and_no_sooner(make_counter, server):
    counter = make_counter()
    assert counter.take("k", Rate.SUBMIT, limit=1).admitted
    age(server, 60)
    refused = counter.take("k", Rate.SUBMIT, limit=1)
    assert not refused.admitted
    assert 0 < refused.reset <= 60
    age(server, 1)
    assert counter.take("k", Rate.SUBMIT, limit=1).admitted


def test_it_tells_when_enough_comes_back(make_counter, server):
    counter = make_counter()
    counter.take("k", Rate.SUBMIT, limit=10, count=4)
    age(server, 40)
    counter.take("k", Rate.SUBMIT, limit=10, count=6)
    soon = counter.take("k", Rate.SUBMIT, limit=10, count=4)
    late = counter.take("k", Rate.SUBMIT, limit=10, count=5)
    assert not soon.admitted
    assert not late.admitted
    assert 20 * 60 <= soon.reset <= 21 * 60
    assert 60 * 60 <= late.reset <= 61 * 60


def test_redis_holds_a_number_for_each_minute_and_forgets_them(make_counter, server):
    counter = make_counter()
    for minutes in range(1, 80):
        counter.take("k", Rate.SUBMIT, limit=1000)
        age(server, 1)
        assert server.hlen(KEY) <= min(minutes, 61)
    counter.take("k", Rate.SUBMIT, limit=1000)
    assert 0 < server.ttl(KEY) <= 3660


def test_without_redis_nothing_is_counted_and_it_costs_a_fraction_of_a_second_once(make_counter):
    with black_hole() as url:
        lost = make_counter(url)
        began = time.monotonic()
        assert {lost.take("k", Rate.SUBMIT, limit=1) for _ in range(100)} == {None}
        assert time.monotonic() - began < 0.9


def test_a_server_without_a_redis_of_a_known_kind_counts_nothing():
    for url in (None, "sentinel://somewhere:1/0"):
        made = make_rates(Settings.model_validate({"redis": {"url": url}}), SystemClock())
        assert isinstance(made, NoRates)
        assert made.take("k", Rate.READ, limit=1) is None
        made.close()
