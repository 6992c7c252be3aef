"""A child that dies in the middle of a message of several analyses: each of them goes on at once, or stays as it is."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.analyses import Priority, Status
from app.supervisor import Child, Supervisor
from tests.support.brittle_worker import HANGS
from tests.support.sample_logs import OOM
from tests.support.stacks import environ
from tests.support.waiting import until

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
#: Leases that outlive the test.
PATIENT = {"BIFROST_WORKER__LEASE_SECONDS": "600", "BIFROST_WORKER__HEARTBEAT_SECONDS": "200"}


@pytest.fixture
def worker(store, servers, tmp_path) -> Iterator[Supervisor]:
    """A prepare worker with one child, and no dispatcher that would look after anything."""
    urls = {"BIFROST_DATABASE_URL": store.url, "BIFROST_REDIS_URL": servers.redis_url}
    argv = (sys.executable, "-P", "-m", "tests.support.brittle_worker", "prepare", "--concurrency", "1")
    with Supervisor(directory=tmp_path / "data") as supervisor:
        env = environ(tmp_path, {**PATIENT, **urls, "PYTHONPATH": str(ROOT)})
        supervisor.start(Child(name="prepare", argv=argv, env=env, grace=5))
        yield supervisor


def child_of(worker: Supervisor) -> int:
    pid = worker.pids()["prepare"]
    [found] = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return int(found)


def send(broker, ids: list[int]) -> None:
    """One message for all of them, as in a crowd."""
    with broker._redis() as client:
        client.lpush("prepare", broker._frame("prepare").message(ids, Priority.CRITICAL))


def test_the_ended_stay_the_running_one_is_lost_and_the_rest_is_rung_for_at_once(store, broker, worker):
    before, during, *after = [
        store.added(log=f"{OOM}{word}\n", source="rules") for word in ("first", HANGS, "third", "fourth", "elsewhere")
    ]
    ids = [before, during, *after]
    assert sorted(store.due()) == ids
    assert store.due() == [], "all are rung for"
    send(broker, ids)
    until(lambda: store.status(during) is Status.RUNNING, timeout=30, what="the child being in the middle")
    # the message of one of those behind it came twice, and somebody else has it
    *waiting, elsewhere = after
    theirs = store.claimed(elsewhere, owner="another worker")
    ended = store.get(before)
    assert ended.status is Status.COMPLETED

    os.kill(child_of(worker), signal.SIGKILL)

    until(lambda: store.column(during, "lease_until <= now()"), what="the end of the lease of the dead")
    until(lambda: all(store.column(one, "rung_at IS NULL") for one in waiting), what="the others being forgotten")
    assert sorted(store.due()) == waiting, "the next look of a dispatcher rings for them"
    assert store.get(before) == ended
    assert store.column(elsewhere, "lease_owner") == "another worker"
    assert store.column(elsewhere, "lease_until > now() + interval '30 seconds'")
    assert store.conclude(theirs)
    assert store.expire_leases() == 1
    assert store.column(during, "status || ' ' || attempt || ' ' || epoch") == "queued 1 1"
    outcomes = "SELECT analysis_id, outcome FROM analysis_attempts WHERE outcome = 'lost'"
    assert store.rows(outcomes) == [(during, "lost")], "no attempt of the others was used up"
    # and the child that replaces the dead one goes on with them
    send(broker, waiting)
    until(lambda: {store.status(one) for one in waiting} == {Status.COMPLETED}, what="the others having ended")
