"""Child processes of one data directory: started, watched, restarted and stopped, and never left behind."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import structlog

from app.domain.errors import ConfigurationInvalid
from app.lifeline import before_exec, birth_of, end_stray

WATCH_SECONDS = 0.1
BACKOFF_CAP_SECONDS = 15.0
#: A child that was started again counts as running after this long.
STEADY_SECONDS = 3.0
#: A child that lived this long has shown that it can: its next restart is quick again.
SETTLED_SECONDS = 30.0
#: So has one that ended in order after this long: somebody asked it to.
ORDERLY_SECONDS = 1.0
LARGEST_LOG_BYTES = 20 * 1024 * 1024

log = structlog.get_logger(__name__)


class AlreadyRunning(ConfigurationInvalid):
    """Another process uses this data directory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Child:
    """A process to keep running. Everything secret goes through `env` or a file, never through `argv`."""

    name: str
    argv: tuple[str, ...]
    #: The whole environment.
    env: Mapping[str, str]
    #: Asks it to end.
    stop_signal: signal.Signals = signal.SIGTERM
    #: Sent by the kernel when we die without a word (Linux).
    death_signal: signal.Signals = signal.SIGKILL
    #: Seconds between `stop_signal` and SIGKILL.
    grace: float = 10.0
    #: Runs in the child before its program: gives up being root.
    become: Callable[[], None] | None = None


@dataclass(kw_only=True, slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes]
    started: float
    exits: int = 0
    #: When to start it again, after it died; None while it runs.
    due: float | None = None


@dataclass(kw_only=True, slots=True)
class Supervisor:
    """Owns `directory`: its lock, `logs/<child>.log` and `run/<child>.pid`.

    Enter it to take the lock (raises `AlreadyRunning`); leave it to stop every child. Start children from a thread
    that lives as long as they should: Linux ends them together with the thread that started them.
    """

    directory: Path
    _lock: IO[str] | None = None
    _children: dict[str, _Running] = field(default_factory=dict)
    _leaving: list[_Running] = field(default_factory=list)
    _mutex: threading.RLock = field(default_factory=threading.RLock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _watcher: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Take the directory, and end what an earlier owner that was killed may have left."""
        make_private(self.directory)
        self._lock = _take(self.directory / "lock")
        for name in ("logs", "run"):
            make_private(self.directory / name)
        for path in (self.directory / "run").glob("*.pid"):
            _end_recorded(path)
        self._stopping.clear()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything and release the directory."""
        try:
            self.stop()
        finally:
            self._stopping.set()
            if self._watcher:
                self._watcher.join()
            if self._lock:
                self._lock.close()

    def start(self, child: Child) -> None:
        """Start it and keep it running until `stop`."""
        with self._mutex:
            self._children[child.name] = _Running(child=child, process=self._spawn(child), started=time.monotonic())

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Ask these (default: all) to end, last started first; kill what does not within its grace period."""
        with self._mutex:
            wanted = [name for name in self._children if names is None or name in set(names)]
            leaving = [self._children.pop(name) for name in reversed(wanted)]
        self._leaving = leaving
        for running in leaving:
            _send(running.process, running.child.stop_signal)
        began = time.monotonic()
        for running in leaving:
            try:
                running.process.wait(max(0.0, began + running.child.grace - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("child_killed", child=running.child.name, grace_seconds=running.child.grace)
            if running.due is None:  # one that waits for its restart has no group any more; its number may be another's
                _kill_group(running.process)
            (self.directory / "run" / f"{running.child.name}.pid").unlink(missing_ok=True)

    def hurry(self, names: Iterable[str]) -> None:
        """Kill those of `names` that `stop` waits for at this moment. Safe in a signal handler."""
        for running in self._leaving:
            if running.child.name in set(names):
                _send(running.process, signal.SIGKILL)

    def pids(self) -> Mapping[str, int]:
        """Process ids of the children that run now, by name."""
        with self._mutex:
            return {name: one.process.pid for name, one in self._children.items() if one.due is None}

    def exits(self, name: str) -> int:
        """How often this child ended by itself since it last ran for long."""
        with self._mutex:
            running = self._children.get(name)
            return running.exits if running else 0

    def struggling(self) -> tuple[str, ...]:
        """Children that ended by themselves and have not run for a few seconds since."""
        with self._mutex:
            return tuple(
                name
                for name, one in self._children.items()
                if one.exits and (one.due is not None or time.monotonic() - one.started < STEADY_SECONDS)
            )

    def log_path(self, name: str) -> Path:
        """Where a child's output goes, both streams."""
        return self.directory / "logs" / f"{name}.log"

    def last_lines(self, name: str, count: int = 15) -> str:
        """The end of a child's output."""
        path = self.log_path(name)
        if not path.exists():
            return ""
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 16_384))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-count:])

    def run(self, child: Child, *, timeout: float) -> int:
        """Run a program to its end (seconds) like a child; its exit code."""
        process = self._spawn(child)
        try:
            return process.wait(timeout)
        finally:
            _kill_group(process)
            (self.directory / "run" / f"{child.name}.pid").unlink(missing_ok=True)

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        output = os.open(self.log_path(child.name), flags, 0o600)
        try:
            process = subprocess.Popen(
                child.argv,
                env=dict(child.env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C on the terminal is for us: we stop the children in order
                # The refused alternative, a launcher program, costs every child an interpreter's start.
                preexec_fn=before_exec(child.death_signal, become=child.become),  # noqa: PLW1509 - calls prctl and setuid only
            )
        finally:
            os.close(output)
        record = {"pid": process.pid, "birth": birth_of(process.pid), "stop_signal": child.stop_signal}
        (self.directory / "run" / f"{child.name}.pid").write_text(json.dumps(record), encoding="utf-8")
        return process

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            with self._mutex:
                for name, running in self._children.items():
                    self._look_after(running)
                    _shorten(self.log_path(name))

    def _look_after(self, running: _Running) -> None:
        now = time.monotonic()
        if running.due is None and running.process.poll() is not None:
            _kill_group(running.process)
            lived = now - running.started
            code = running.process.returncode
            settled = lived > (ORDERLY_SECONDS if code == 0 else SETTLED_SECONDS)
            running.exits = 1 if settled else running.exits + 1
            delay = min(BACKOFF_CAP_SECONDS, WATCH_SECONDS * 2 ** (running.exits - 1))
            running.due = now + delay
            log.warning("child_ended", child=running.child.name, exit_code=code, restart_in_seconds=delay)
        elif running.due is not None and now >= running.due:
            running.due = None
            running.started = now
            try:
                running.process = self._spawn(running.child)
            except OSError as error:
                running.due = now + BACKOFF_CAP_SECONDS
                log.error("child_not_started", child=running.child.name, reason=str(error))  # noqa: TRY400 - one line is enough


def make_private(directory: Path) -> None:
    """Make the directory, for its owner's eyes only."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_uid == os.geteuid():
            directory.chmod(0o700)
    except OSError as error:
        raise ConfigurationInvalid(f"The data directory {directory} cannot be used: {error.strerror}.") from error


def _shorten(path: Path) -> None:
    """Put a long log aside. It is emptied, not replaced: the child goes on appending to the same file."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LARGEST_LOG_BYTES:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)


def _take(path: Path) -> IO[str]:
    stream = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        raise AlreadyRunning(f"Another process uses the data directory {path.parent}.") from None
    return stream


def _end_recorded(path: Path) -> None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        end_stray(int(record["pid"]), str(record["birth"]), signal.Signals(record["stop_signal"]))
    except (ValueError, KeyError, TypeError):
        log.warning("pid_file_unreadable", path=str(path))
    path.unlink(missing_ok=True)


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End what the child left in its session, itself included."""
    # Nobody is left there; macOS says "not permitted" when only zombies are.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
