import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.errors import ConfigurationInvalid
from app.lifeline import birth_of
from app.supervisor import AlreadyRunning, Child, Supervisor
from tests.support.waiting import until

ENVIRONMENT = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
SLEEP = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
#: Ends in order when it is asked to, after some work.
PATIENT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
time.sleep(1.1)
print("worked", flush=True)
time.sleep(60)
"""
#: A child with a child of its own, like gunicorn's master and its workers.
FAMILY = """
import os, time
from app.lifeline import die_with_parent
if os.fork() == 0:
    die_with_parent()
    print("child", os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""
OWNER = """
import os, sys, time
from pathlib import Path
from app.supervisor import Child, Supervisor
directory, code = sys.argv[1:]
with Supervisor(directory=Path(directory)) as supervisor:
    supervisor.start(Child(name="it", argv=(sys.executable, "-c", code), env=os.environ))
    print("started", flush=True)
    time.sleep(60)
"""


def child(code: str, *, name: str = "it", **more) -> Child:
    return Child(name=name, argv=(sys.executable, "-c", code), env=ENVIRONMENT, **more)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def supervisor(tmp_path) -> Iterator[Supervisor]:
    with Supervisor(directory=tmp_path / "data") as made:
        yield made


@pytest.fixture
def owner(tmp_path) -> Iterator[subprocess.Popen]:
    """Another process that supervises a family in `tmp_path`/data."""
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    argv = [sys.executable, script, tmp_path / "data", FAMILY]
    with subprocess.Popen(argv, env=ENVIRONMENT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"started\n"
            yield process
        finally:
            process.kill()


def test_a_child_that_dies_is_started_again(supervisor):
    supervisor.start(child(SLEEP))
    first = supervisor.pids()["it"]
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.pids().get("it") not in (None, first))
    assert alive(supervisor.pids()["it"])
    assert supervisor.exits("it") == 1


def test_a_child_that_keeps_dying_is_started_less_and_less_often(supervisor):
    supervisor.start(child("print('no'); raise SystemExit(3)"))
    began = time.monotonic()
    until(lambda: supervisor.exits("it") >= 4)
    assert time.monotonic() - began > 0.1 + 0.2 + 0.4
    assert "no" in supervisor.last_lines("it")


def test_a_child_that_somebody_asked_to_end_is_started_again_at_once(supervisor):
    supervisor.start(child(PATIENT))
    for ended in range(3):
        until(lambda ended=ended: supervisor.log_path("it").read_text().count("worked") > ended)
        os.kill(supervisor.pids()["it"], signal.SIGTERM)
    assert supervisor.exits("it") == 1


def test_stop_ends_every_child_and_does_not_start_them_again(supervisor):
    for name in ("a", "b"):
        supervisor.start(child(SLEEP, name=name))
    pids = supervisor.pids()
    supervisor.stop()
    assert not any(alive(pid) for pid in pids.values())
    assert not supervisor.pids()
    assert not list((supervisor.directory / "run").iterdir())


def test_children_are_stopped_in_reverse_order(supervisor):
    code = (
        "import signal, sys, time\n"
        "def end(*_): print(time.monotonic_ns(), flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('ready', flush=True); time.sleep(60)"
    )
    for name in ("first", "second"):
        supervisor.start(child(code, name=name))
    until(lambda: all("ready" in supervisor.last_lines(name) for name in ("first", "second")))
    supervisor.stop(["second"])
    supervisor.stop()
    ended = {name: int(supervisor.last_lines(name).split()[-1]) for name in ("first", "second")}
    assert ended["second"] < ended["first"]


def test_a_child_that_does_not_listen_is_killed_after_its_grace_period(supervisor):
    supervisor.start(child(DEAF, grace=0.3))
    until(lambda: "deaf" in supervisor.last_lines("it"))
    pid = supervisor.pids()["it"]
    supervisor.stop()
    assert not alive(pid)


def test_what_a_child_leaves_behind_is_ended_with_it(supervisor):
    supervisor.start(child("import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); input()"))
    until(lambda: "\n" in supervisor.log_path("it").read_text())
    grandchild = int(supervisor.last_lines("it").split("\n")[0])
    supervisor.stop()
    until(lambda: not alive(grandchild))


def test_a_directory_has_one_owner(supervisor):
    with pytest.raises(AlreadyRunning, match="Another process uses"), Supervisor(directory=supervisor.directory):
        pass


def test_the_directory_is_private(supervisor):
    assert supervisor.directory.stat().st_mode & 0o777 == 0o700
    supervisor.start(child(SLEEP))
    assert supervisor.log_path("it").stat().st_mode & 0o777 == 0o600


def test_a_directory_that_cannot_be_made_is_a_configuration_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationInvalid, match="cannot be used"), Supervisor(directory=tmp_path / "file" / "data"):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends what is left")
def test_a_killed_owner_leaves_no_process_behind_not_even_grandchildren(owner, tmp_path):
    log = tmp_path / "data" / "logs" / "it.log"
    until(lambda: log.exists() and "child" in log.read_text())
    grandchild = int(log.read_text().split()[-1])
    parent = int(Path(f"/proc/{grandchild}/stat").read_text().rpartition(")")[2].split()[1])
    owner.kill()
    until(lambda: not alive(parent) and not alive(grandchild), timeout=3.5)


def test_a_stray_process_of_a_killed_owner_is_ended_by_the_next_one(tmp_path):
    run = tmp_path / "data" / "run"
    run.mkdir(parents=True)
    stray, innocent = (subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(2))
    try:
        for name, process, birth in (("stray", stray, birth_of(stray.pid)), ("reused", innocent, "another time")):
            record = {"pid": process.pid, "birth": birth, "stop_signal": signal.SIGTERM}
            (run / f"{name}.pid").write_text(json.dumps(record))
        with Supervisor(directory=tmp_path / "data"):
            assert stray.wait(5) == -signal.SIGTERM
            assert innocent.poll() is None, "same number, another process"
    finally:
        for process in (stray, innocent):
            process.kill()
            process.wait()
