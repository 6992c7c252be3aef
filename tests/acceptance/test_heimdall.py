"""Thousands of requests through the real processes: one row for each, a result for each, every poison kept.

BIFROST_TEST_RECORDS says how many (1000); BIFROST_TEST_KAFKA names a real broker.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest
from confluent_kafka import Message

from app.embedded.mock_kafka import MockKafka
from app.supervisor import Child
from tests.support.heimdall import POISON, Heimdall, header
from tests.support.kafka import topics
from tests.support.stacks import Running, running
from tests.support.waiting import until
from tests.support.waves import Wave, answered_by, complaints, wave

pytestmark = pytest.mark.acceptance

REAL = os.environ.get("BIFROST_TEST_KAFKA")  # noqa: TID251 - a setting of the tests, not of Bifrost
RECORDS = int(os.environ.get("BIFROST_TEST_RECORDS", "1000"))  # noqa: TID251 - as above
TIMEOUT = 30 + RECORDS / 50


@pytest.fixture(scope="module")
def kafka() -> Iterator[MockKafka | None]:
    if REAL:
        yield None
        return
    with MockKafka({}) as mock:
        yield mock


@pytest.fixture(scope="module")
def heimdall(kafka) -> Iterator[Heimdall]:
    with topics(kafka) as made:
        yield made


@pytest.fixture(scope="module")
def bifrost(heimdall, tmp_path_factory) -> Iterator[Running]:
    more = {
        "BIFROST_KAFKA__SOURCE": "rules",
        # the mock gathers the members of a group for nearly as long; a real broker refuses less than 6
        "BIFROST_KAFKA__SESSION_TIMEOUT": "6" if REAL else "2",
        "BIFROST_KAFKA__PROPERTIES__HEARTBEAT_INTERVAL_MS": "300",
        "BIFROST_KAFKA__PUBLISH_POLL_SECONDS": "0.05",
        "BIFROST_OUTBOX__LEASE_SECONDS": "3",
        "BIFROST_KAFKA__DELIVERY_TIMEOUT": "2",
    }
    with running(tmp_path_factory.mktemp("heimdall"), heimdall.settings | more) as started:
        yield started


def check(bifrost: Running, heimdall: Heimdall, sent: Wave, results: list[Message]) -> None:
    """Exactly one row for each, at least one result, right in every respect; offsets at the end."""
    ids = list(sent.requests)
    rows = bifrost.rows("SELECT request_id, status FROM analysis_results WHERE request_id = ANY(%s)", ids)
    assert Counter(row[0] for row in rows) == dict.fromkeys(ids, 1)
    assert {row[1] for row in rows} == {"completed"}
    assert complaints(sent, results) == []
    until(heimdall.all_committed, timeout=30, what="offsets at the end")


def answered(heimdall: Heimdall, sent: Wave) -> list[Message]:
    """All results, once there is one for each request."""

    def enough(found: list[Message]) -> bool:
        if len(found) < len(sent.requests):
            return False
        return sent.requests.keys() <= {answered_by(one) for one in found}

    return heimdall.hear(heimdall.results, enough, timeout=TIMEOUT)


def test_mixed_requests_come_through_and_poison_is_kept(bifrost, heimdall):
    sent, records = wave(RECORDS, random.Random(1), name="1")
    began = time.monotonic()
    heimdall.send(records, headers=[("trace", b"\x01")])
    check(bifrost, heimdall, sent, answered(heimdall, sent))
    letters = heimdall.hear(heimdall.dead, lambda found: len(found) >= len(sent.poison), timeout=TIMEOUT)
    assert {one.key().decode(): one.value() for one in letters} == {key: one[0] for key, one in sent.poison.items()}
    for one in letters:
        _, stage, code = POISON[sent.poison[one.key().decode()][1]]
        assert one.headers()[0] == ("trace", b"\x01")
        assert (header(one, "bifrost.error.stage"), header(one, "bifrost.error.class")) == (stage, code)
        assert header(one, "bifrost.error.topic") == heimdall.requests
        assert int(header(one, "bifrost.error.offset") or "") >= 0
    listed = list(bifrost.client.dead_letters.list({"origin": "record"}, limit=1000))
    assert len(listed) == len(letters) == len(sent.poison)
    print(f"{len(records)} records in {time.monotonic() - began:.1f} s")  # noqa: T201 - for whoever runs it with -s


def test_a_bridge_that_is_killed_again_and_again_loses_and_doubles_nothing(bifrost, heimdall):
    chance = random.Random(2)
    sent, records = wave(RECORDS // 2, random.Random(2), name="2")
    pids = bifrost.stack.supervisor.pids
    step = max(1, len(records) // 4)
    for start in range(0, len(records), step):
        heimdall.send(records[start : start + step])
        time.sleep(chance.uniform(0, 0.6))
        until(lambda: "bridge" in pids())
        with suppress(ProcessLookupError, KeyError):  # it may just be starting
            os.kill(pids()["bridge"], signal.SIGKILL)
    check(bifrost, heimdall, sent, answered(heimdall, sent))
    duplicates = "SELECT count(*) - count(DISTINCT (topic, partition, position)) FROM dead_letters"
    assert bifrost.rows(duplicates) == [(0,)]


def test_a_second_bridge_joins_and_leaves_under_load(bifrost, heimdall):
    sent, records = wave(RECORDS // 2, random.Random(3), name="3")
    half = len(records) // 2
    heimdall.send(records[:half])
    child = Child(
        name="bridge-2", argv=(sys.executable, "-P", "-m", "app.cli.main", "bridge"), env=bifrost.stack._environ
    )
    bifrost.stack.supervisor.start(child)
    try:
        until(lambda: len(sharing(bifrost)) == 2, timeout=40, what="two share")
        heimdall.send(records[half:])
    finally:
        bifrost.stack.supervisor.stop(["bridge-2"])
    check(bifrost, heimdall, sent, answered(heimdall, sent))


@pytest.mark.skipif(bool(REAL), reason="a real broker is not ours to stop")
def test_results_wait_while_the_brokers_are_away(bifrost, heimdall, kafka):
    sent, records = wave(100, random.Random(4), name="4")
    heimdall.send(records)
    ids = list(sent.requests)
    row = "SELECT count(*) FROM analysis_results WHERE request_id = ANY(%s)"
    until(lambda: bifrost.rows(row, ids) == [(len(ids),)])
    kafka.down()
    try:
        until(lambda: not bifrost.client.heimdall()["ok"], timeout=20, what="it says so")
        time.sleep(3)  # longer than a delivery may take
    finally:
        kafka.up()
    check(bifrost, heimdall, sent, answered(heimdall, sent))
    until(lambda: bifrost.client.heimdall()["ok"], timeout=20)


def sharing(bifrost: Running) -> set[str]:
    """The bridges that run now and have partitions; a name is `host:pid:token`."""
    pids = {str(pid) for pid in bifrost.stack.supervisor.pids().values()}
    found = bifrost.client.heimdall()["bridges"]
    return {one["name"] for one in found if one["partitions"] and one["name"].split(":")[-2] in pids}
