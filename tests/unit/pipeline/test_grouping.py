"""Lines of one event are one template, of two events two: small logs whose events we know, because we wrote them."""

import random

import pytest

from app.pipeline.preparation import groups
from tests.support.agreement import accuracy, pairwise_f1

CHANCE = random.Random(11)
USERS = ("anna", "ben", "carla", "dmitri", "eun-ji", "farid", "gus", "hana")


def _time(i):
    return f"2026-03-01T10:{i // 60 % 60:02}:{i % 60:02}.{i * 37 % 1000:03}Z"


def _syslog(i):
    return f"Mar  1 10:{i % 60:02}:07 gate"


def _address():
    return f"10.{CHANCE.randrange(256)}.{CHANCE.randrange(256)}.{CHANCE.randrange(1, 255)}"


def _hex(digits):
    return f"{CHANCE.getrandbits(4 * digits):0{digits}x}"


#: Name of a log -> what its lines look like, one entry for each event.
LOGS = {
    "service": (
        lambda i: (
            f"{_time(i)} INFO  [exec-{i % 9}] c.e.Orders - created order {i} for customer {_hex(8)} in {i * 3} ms"
        ),
        lambda i: f"{_time(i)} INFO  [exec-{i % 9}] c.e.Orders - cancelled order {i}",
        lambda i: f"{_time(i)} WARN  [exec-{i % 9}] c.e.Pool - slow query took {i * 11} ms on shard-{i % 16}",
        lambda i: f"{_time(i)} ERROR [exec-{i % 9}] c.e.Pool - connection to {_address()}:5432 refused",
        lambda i: f"{_time(i)} ERROR [exec-{i % 9}] c.e.Pool - connection to {_address()}:5432 reset",
    ),
    "login": (
        lambda i: (
            f"{_syslog(i)} sshd[{i + 300}]: Accepted key of {USERS[i % 8]} from {_address()} port {i + 4000} ssh2"
        ),
        lambda i: f"{_syslog(i)} sshd[{i + 300}]: Invalid user {USERS[i % 7]} from {_address()}",
        lambda i: f"{_syslog(i)} sshd[{i + 300}]: Connection closed by {_address()} [preauth]",
        lambda i: f"{_syslog(i)} CRON[{i + 300}]: pam_unix(cron:session): session opened for user root by (uid=0)",
    ),
    "access": (
        lambda i: f'{_address()} - - [01/Mar/2026:10:{i % 60:02}:00 +0000] "GET /orders/{i} HTTP/1.1" 200 {i * 17}',
        lambda i: f'{_address()} - - [01/Mar/2026:10:{i % 60:02}:00 +0000] "GET /orders/{i} HTTP/1.1" 503 {i * 17}',
        lambda i: f'{_address()} - - [01/Mar/2026:10:{i % 60:02}:00 +0000] "POST /orders HTTP/1.1" 201 {i * 17}',
    ),
    "json": (
        lambda i: f'{{"level":"info","ts":{i}.5,"msg":"lease renewed","holder":"node-{i % 5}","ttl":{i}}}',
        lambda i: f'{{"level":"error","ts":{i}.5,"msg":"lease lost","holder":"node-{i % 5}","attempt":{i}}}',
        lambda i: f'{{"level":"info","ts":{i}.5,"msg":"snapshot written","bytes":{i * 99},"id":"{_hex(12)}"}}',
    ),
}


def labeled(makers, count=400):
    """Lines of a log with their events, the common events far more frequent than the rare ones."""
    chance = random.Random(3)
    events = [min(int(chance.expovariate(1)), len(makers) - 1) for _ in range(count)]
    return [makers[event](i) for i, event in enumerate(events)], events


@pytest.mark.parametrize("makers", LOGS.values(), ids=LOGS)
def test_groups_are_the_events_that_were_written(makers):
    lines, events = labeled(makers)
    found = groups("\n".join(lines))
    assert (accuracy(found, events), pairwise_f1(found, events)) == (1.0, 1.0)


def test_blank_lines_are_in_no_group():
    assert groups("a 1\n\na 2\n") == [0, None, 0]


def test_two_keys_are_not_two_values_of_one_variable():
    found = groups("session opened for user root by (uid=0)\nsession opened for user root by LOGIN(uid=0)")
    assert len(set(found)) == 2
