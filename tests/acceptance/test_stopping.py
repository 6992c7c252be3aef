"""Workers that are stopped, replaced, stuck or killed by what they read: nothing is lost, nothing is done twice."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.domain.analyses import Status
from tests.support.brittle_worker import HANGS, brittle_worker
from tests.support.model_behaviors import answer, hang
from tests.support.model_server import ModelServer
from tests.support.sample_logs import OOM
from tests.support.stacks import Running, providers_at, running
from tests.support.waiting import until

GRACE = 5
#: Leases that outlive every test: whatever comes back was handed back.
SETTINGS = {
    "BIFROST_WORKER__LEASE_SECONDS": "600",
    "BIFROST_WORKER__INFER_THREADS": "20",
    # the threads are the limit here, not the provider's
    "BIFROST_OLLAMA__CONCURRENCY": "0",
    "BIFROST_WORKER__SHUTDOWN_SECONDS": str(GRACE),
    "BIFROST_DISPATCHER__RESEND_SECONDS": "600",
    "BIFROST_DISPATCHER__LOST_SECONDS": "600",
}


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def bifrost(models, tmp_path_factory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("stopping")
    more = {"BIFROST_WORKER__HEARTBEAT_FILE": str(directory / "beat")}
    with running(directory, providers_at(models.url, read_timeout=60) | SETTINGS | more) as started:
        yield started


def terminate(started: Running, name: str, *, group: bool = False) -> float:
    """SIGTERM, to it or to all of its group; seconds until it had ended. Returns when a new one runs."""
    pids = started.stack.supervisor.pids
    until(lambda: name in pids())
    pid, began = pids()[name], time.monotonic()
    (os.killpg if group else os.kill)(pid, signal.SIGTERM)
    until(lambda: pids().get(name) != pid, what=f"the end of {name}")
    took = time.monotonic() - began
    until(lambda: name in pids(), what=f"another {name}")
    return took


def outcomes(started: Running, ids: list[int]) -> Counter:
    rows = started.rows("SELECT outcome FROM analysis_attempts WHERE analysis_id = ANY(%s)", ids)
    return Counter(outcome for (outcome,) in rows)


def states(started: Running, ids: list[int]) -> Counter:
    rows = started.rows("SELECT stage || ' ' || status FROM analysis_results WHERE id = ANY(%s)", ids)
    return Counter(state for (state,) in rows)


def test_a_stopped_infer_worker_hands_everything_back_at_once(bifrost, models):
    models.otherwise(hang())
    ids = [bifrost.submit(f"{OOM}handed back {number}\n", source="local") for number in range(50)]
    until(lambda: states(bifrost, ids)["infer running"] == 20 and states(bifrost, ids)["infer queued"] == 30)
    asked = len(models.requests)
    models.otherwise(answer())
    assert terminate(bifrost, "infer") < GRACE - 1, "nothing had to be given up"
    # with these settings nobody rings for a lost message: those that were fetched and not begun were handed back too
    for analysis_id in ids:
        found = bifrost.finished(analysis_id, timeout=15)
        assert (found.status, found.provider, found.attempts) == (Status.COMPLETED, "ollama", 1)
    assert outcomes(bifrost, ids) == {"prepared": 50, "gave_back": 20, "completed": 50}
    assert len(models.requests) == asked + 50
    assert all(question.closed_early.wait(1) for question in models.requests[asked - 20 : asked])


@pytest.mark.parametrize("group", [False, True])
def test_a_stopped_prepare_worker_finishes_what_it_reads(bifrost, group):
    """A service manager tells the main process, or all of them."""
    ids = [bifrost.submit(OOM * 300 + f"finished {number}\n", source="rules") for number in range(40)]
    until(lambda: states(bifrost, ids)["prepare running"] or states(bifrost, ids)["prepare completed"])
    assert terminate(bifrost, "prepare", group=group) < GRACE
    assert {bifrost.finished(analysis_id).status for analysis_id in ids} == {Status.COMPLETED}
    assert outcomes(bifrost, ids) == {"completed": 40}


def test_what_cannot_be_finished_within_the_grace_period_is_handed_back(bifrost):
    """And what was fetched behind it, which with these settings nobody would look for."""
    with brittle_worker(bifrost.stack):
        ids = [bifrost.submit(f"{OOM}{HANGS} {number}\n", source="rules") for number in range(12)]
        until(lambda: states(bifrost, ids)["prepare running"])
        pid = bifrost.stack.supervisor.pids()["prepare"]
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        until(lambda: outcomes(bifrost, ids)["gave_back"] > 0, what="handed back")
        until(lambda: bifrost.stack.supervisor.pids().get("prepare") != pid, what="its end")
        assert time.monotonic() - began < GRACE + 0.5
    assert {bifrost.finished(analysis_id).status for analysis_id in ids} == {Status.COMPLETED}
    found = outcomes(bifrost, ids)
    assert found == {"completed": 12, "gave_back": found["gave_back"]}
    rows = bifrost.rows("SELECT attempt FROM analysis_results WHERE id = ANY(%s)", ids)
    assert rows == [(1,)] * 12, "no attempt was used up"


def test_a_rolling_restart_under_load_loses_and_doubles_nothing_and_uses_up_no_attempt(bifrost, models):
    models.otherwise(answer(pause=0.1))
    asked = len(models.requests)
    sources = ["local", "rules"] * 150
    with ThreadPoolExecutor(4) as pool:
        submitting = [pool.submit(bifrost.submit, f"{OOM}rolling {n}\n", source=sources[n]) for n in range(300)]
        for _ in range(3):
            for name in ("prepare", "infer"):
                assert terminate(bifrost, name) < GRACE + 1
                time.sleep(1)  # each new one shall have begun to work before it is stopped
        ids = [one.result() for one in submitting]
    for analysis_id in ids:
        assert bifrost.finished(analysis_id, timeout=90).status is Status.COMPLETED
    rows = bifrost.rows(
        """SELECT provider, degraded, attempt, count(*) FROM analysis_results WHERE id = ANY(%s)
           GROUP BY 1, 2, 3 ORDER BY 1""",
        ids,
    )
    assert rows == [("ollama", False, 1, 150), ("rules", False, 1, 150)]
    found = outcomes(bifrost, ids)
    assert found["gave_back"] > 0, "some were in the middle"
    assert found == {"completed": 300, "prepared": 150, "gave_back": found["gave_back"]}
    assert len(models.requests) - asked <= 150 + found["gave_back"]


def test_the_heartbeat_file_is_touched_while_the_loop_turns(bifrost):
    file = Path(bifrost.stack.settings.worker.heartbeat_file)
    for _ in range(2):
        before = file.stat().st_mtime
        until(lambda before=before: file.stat().st_mtime > before, timeout=5, what="another touch")
