"""Processes that end when the one that started them does, even when that was killed."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
STRAY_SECONDS = 5.0

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """From now on, the end of the parent ends this process too. Call it in the child, right after a fork.

    Linux: the kernel sends the signal when the *thread* that forked ends. Elsewhere a thread looks twice a second.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        _ask_kernel(number, parent)
    else:
        threading.Thread(target=_watch_parent, args=(number, parent), name="lifeline", daemon=True).start()


def before_exec(number: signal.Signals, *, become: Callable[[], None] | None) -> Callable[[], None]:
    """What a child runs between fork and exec: become somebody else, then tie its life to ours."""
    parent = os.getpid()

    def run() -> None:
        if become:
            become()  # first: the kernel forgets the death signal when the user changes
        if sys.platform == "linux":
            _ask_kernel(number, parent)

    return run


def end_stray(pid: int, birth: str, stop_signal: signal.Signals) -> None:
    """End the process `pid` if it still is the one with this `birth`; returns when it is gone."""
    for number in (stop_signal, signal.SIGKILL):
        if birth_of(pid) != birth:
            return
        os.kill(pid, number)
        deadline = time.monotonic() + STRAY_SECONDS
        while birth_of(pid) == birth and time.monotonic() < deadline:
            time.sleep(0.02)


def birth_of(pid: int) -> str:
    """When the process began, in this system's own words; empty when it is over.

    A pid alone names anybody after a while; together with this it names one process, whatever it has become by exec.
    """
    if sys.platform != "linux":
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout.strip()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The name in parentheses may hold anything; the fields behind it are numbers, the state first.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"


def _ask_kernel(number: signal.Signals, parent: int) -> None:
    _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), number)


def _watch_parent(number: signal.Signals, parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), number)
