"""Whatever is killed, frozen or flushed: what was accepted ends, once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from app.client import Client, SubmitOptions
from app.domain.analyses import Status
from app.state import read_state
from tests.support.model_behaviors import answer
from tests.support.model_server import ModelServer
from tests.support.sample_logs import OOM
from tests.support.stacks import Running, environ, processes, providers_at, running
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
#: A job whose worker is killed again and again is given up in the end; here it is not the job's fault.
MANY_ATTEMPTS = {"BIFROST_WORKER__MAX_ATTEMPTS": "10"}
#: Enough that the tests need not wait for the model, few enough that most still wait when the blow comes.
SIX_AT_A_TIME = {"BIFROST_OLLAMA__CONCURRENCY": "6"}
#: Each answer takes about half a second.
ANSWER = answer(pause=0.05)


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.otherwise(ANSWER)
        yield server


@pytest.fixture(scope="module")
def bifrost(models, tmp_path_factory) -> Iterator[Running]:
    settings = providers_at(models.url, read_timeout=20) | MANY_ATTEMPTS | SIX_AT_A_TIME
    with running(tmp_path_factory.mktemp("crashes"), settings) as started:
        yield started


def submit_many(started: Running, count: int = 60) -> dict[int, str]:
    """Id -> who shall answer: a model, or the rules."""
    with ThreadPoolExecutor(8) as pool:
        sources = ["local", "rules"] * (count // 2)
        ids = pool.map(lambda n: started.submit(f"{OOM}number {n}\n", source=sources[n]), range(count))
        return dict(zip(ids, sources, strict=True))


@contextmanager
def silent(models: ModelServer) -> Iterator[None]:
    """Whoever is asked answers nobody before the block ends."""
    ends = threading.Event()

    def wait(exchange) -> None:
        ends.wait(15)
        ANSWER(exchange)

    models.otherwise(wait)
    try:
        yield
    finally:
        models.otherwise(ANSWER)
        ends.set()


@contextmanager
def in_the_middle(started: Running, models: ModelServer) -> Iterator[dict[int, str]]:
    """Accepted work; what a model shall answer has been asked or waits, and has no answer before the block ends."""
    with silent(models):
        accepted = submit_many(started)
        asked = "SELECT count(*) FROM analysis_results WHERE id = ANY(%s) AND stage = 'infer' AND status = 'running'"
        until(lambda: started.rows(asked, list(accepted))[0][0] > 0, what="the model's stage")
        yield accepted


def assert_all_ended_once(started: Running, accepted: dict[int, str]) -> None:
    for analysis_id, source in accepted.items():
        found = started.finished(analysis_id, timeout=60)
        assert found.status is Status.COMPLETED, found.raw
        assert not found.degraded, found.raw
        assert found.provider == ("ollama" if source == "local" else "rules")
    concluded = """SELECT r.id FROM analysis_results r
        LEFT JOIN analysis_attempts a ON a.analysis_id = r.id AND a.outcome = 'completed' AND a.epoch = r.epoch
        WHERE r.id = ANY(%s) GROUP BY r.id HAVING count(a.epoch) <> 1"""
    assert started.rows(concluded, list(accepted)) == [], "each has one result, of its last epoch"
    leftovers = "SELECT count(*) FROM analysis_preparations WHERE analysis_id = ANY(%s)"
    assert started.rows(leftovers, list(accepted)) == [(0,)]


def kill(started: Running, name: str, number: signal.Signals = signal.SIGKILL) -> int:
    pid = started.stack.supervisor.pids()[name]
    os.kill(pid, number)
    return pid


@pytest.mark.parametrize("name", ["prepare", "infer", "dispatcher", "web"])
def test_a_killed_process_is_replaced_and_its_work_is_done(bifrost, models, name):
    with in_the_middle(bifrost, models) as accepted:
        kill(bifrost, name)
    assert_all_ended_once(bifrost, accepted)
    if name == "infer":
        lost = "SELECT count(*) FROM analysis_attempts WHERE analysis_id = ANY(%s) AND outcome = 'lost'"
        assert bifrost.rows(lost, list(accepted))[0][0] > 0, "it was killed in the middle"


def test_a_killed_child_of_a_worker_is_replaced_and_its_work_is_done(bifrost, models):
    with in_the_middle(bifrost, models) as accepted:
        master = bifrost.stack.supervisor.pids()["prepare"]
        for child in children(master):
            os.kill(child, signal.SIGKILL)
    assert_all_ended_once(bifrost, accepted)


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in text.split()]


def test_a_flushed_and_a_killed_redis_lose_no_job(bifrost, models):
    with in_the_middle(bifrost, models) as accepted:
        with redis.Redis.from_url(bifrost.stack.state.redis_url) as client:
            client.flushall()
        kill(bifrost, "redis")
    assert_all_ended_once(bifrost, accepted)


def test_a_killed_postgresql_loses_no_job(bifrost, models):
    with in_the_middle(bifrost, models) as accepted:
        kill(bifrost, "postgres", signal.SIGQUIT)
    assert_all_ended_once(bifrost, accepted)


def test_a_frozen_worker_that_wakes_up_changes_nothing_that_others_did(bifrost):
    analysis_id = bifrost.submit(OOM, source="local")
    running_ = "SELECT stage FROM analysis_results WHERE id = %s AND status = 'running'"
    until(lambda: bifrost.rows(running_, analysis_id) == [("infer",)], what="the model's stage")
    pid = kill(bifrost, "infer", signal.SIGSTOP)
    try:
        lost = "SELECT count(*) FROM analysis_attempts WHERE analysis_id = %s AND outcome = 'lost'"
        until(lambda: bifrost.rows(lost, analysis_id) == [(1,)], what="its lease being over")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert_all_ended_once(bifrost, {analysis_id: "local"})
    outcomes = "SELECT outcome FROM analysis_attempts WHERE analysis_id = %s ORDER BY epoch"
    assert bifrost.rows(outcomes, analysis_id) == [("prepared",), ("lost",), ("completed",)]


def test_after_all_that_no_process_is_there_twice(bifrost):
    pids = bifrost.stack.supervisor.pids()
    assert set(pids) == {"web", "prepare", "infer", "dispatcher", "redis", "postgres"}
    dispatchers = [pid for pid, command in processes(bifrost.stack.directory).items() if " dispatcher" in command]
    assert dispatchers == [pids["dispatcher"]]


def start_up(directory: Path, models: ModelServer) -> subprocess.Popen[bytes]:
    settings = environ(directory, providers_at(models.url, read_timeout=20) | MANY_ATTEMPTS | SIX_AT_A_TIME)
    output = (directory / "up.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "up", "--port", "0"],
        cwd=ROOT,
        env=settings,
        stdout=output,
        stderr=output,
    )
    output.close()

    def is_up() -> bool:
        assert process.poll() is None, (directory / "up.log").read_text(encoding="utf-8")
        state = read_state(directory / "data")
        return state is not None and state.pid == process.pid

    try:
        until(is_up, timeout=60, what="`up` being up")
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def client_of(directory: Path) -> Client:
    state = read_state(directory / "data")
    return Client(state.url, state.api_key)


def test_a_killed_up_leaves_nothing_behind_and_the_next_one_finishes_what_was_accepted(tmp_path, models):
    process = start_up(tmp_path, models)
    with silent(models):
        try:
            client = client_of(tmp_path)
            accepted = [client.submit(f"{OOM}{number}\n", source_of(number)).analysis.id for number in range(40)]
            assert len(processes(tmp_path)) > 6
        finally:
            process.kill()
            process.wait()
    until(lambda: not processes(tmp_path), what="nothing left behind")
    process = start_up(tmp_path, models)
    try:
        client = client_of(tmp_path)
        for analysis_id in accepted:
            found = client.wait(analysis_id, timeout=60)
            assert (found.status, found.degraded) == (Status.COMPLETED, False)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert time.monotonic() - began < 15
    finally:
        process.kill()
        process.wait()
    until(lambda: not processes(tmp_path), what="nothing left behind")
    assert "Traceback" not in (tmp_path / "up.log").read_text(encoding="utf-8")


def source_of(number: int) -> SubmitOptions:
    return SubmitOptions(source="rules" if number % 2 else "local", cache="off")
