"""`bifrost-cli worker` with fail-points: `python -m tests.support.brittle_worker prepare --concurrency 2`.

A log that says KILL-THE-WORKER kills the process that reads it; one that says NEVER-READ is never read to its end. Only
this program knows these words, no other worker does.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from app.services import execution
from app.stack import Stack

KILLS, HANGS = "KILL-THE-WORKER", "NEVER-READ"
_prepare = execution.prepare


@contextmanager
def brittle_worker(stack: Stack) -> Iterator[None]:
    """Meanwhile the stack's prepare worker is this one."""
    usual = next(child for child in stack._children("127.0.0.1", 0) if child.name == "prepare")
    here = {"PYTHONPATH": str(Path(__file__).parents[2])}
    argv = (sys.executable, "-P", "-m", "tests.support.brittle_worker", "prepare", "--concurrency", "2")
    stack.supervisor.stop(["prepare"])
    stack.supervisor.start(replace(usual, argv=argv, env={**usual.env, **here}))
    try:
        yield
    finally:
        stack.supervisor.stop(["prepare"])
        stack.supervisor.start(usual)


def _brittle(log: str, **options):
    if KILLS in log:
        os.kill(os.getpid(), signal.SIGKILL)
    while HANGS in log:
        time.sleep(0.1)
    return _prepare(log, **options)


def main() -> None:
    # before the first child is forked
    execution.prepare = _brittle
    from app.cli.main import cli

    cli(["worker", *sys.argv[1:]])


if __name__ == "__main__":
    main()
