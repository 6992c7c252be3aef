"""`bifrost-cli worker` with fail-points: `python -m tests.support.brittle_worker prepare --concurrency 2`.

A log that says KILL-THE-WORKER kills the process that reads it, one that says KILL-THE-CALLER the process that asks a
model about it; one that says NEVER-READ is never read to its end. Only this program knows these words, no other worker
does.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.providers import factories
from app.services import answering
from app.stack import Stack

KILLS, KILLS_CALLER, HANGS = "KILL-THE-WORKER", "KILL-THE-CALLER", "NEVER-READ"
_prepare = answering.prepare


@contextmanager
def brittle_worker(stack: Stack, *stages: str) -> Iterator[None]:
    """Meanwhile the stack's workers of these stages (`prepare`, unless told) are this one."""
    names = stages or ("prepare",)
    usual = [child for child in stack._children("127.0.0.1", 0) if child.name in names]
    here = {"PYTHONPATH": str(Path(__file__).parents[2])}
    argv = (sys.executable, "-P", "-m", "tests.support.brittle_worker")
    options = {"prepare": ("--concurrency", "2")}
    stack.supervisor.stop(names)
    for child in usual:
        command = (*argv, child.name, *options.get(child.name, ()))
        stack.supervisor.start(replace(child, argv=command, env={**child.env, **here}))
    try:
        yield
    finally:
        stack.supervisor.stop(names)
        for child in usual:
            stack.supervisor.start(child)


def _brittle(log: str, **options):
    if KILLS in log:
        os.kill(os.getpid(), signal.SIGKILL)
    while HANGS in log:
        time.sleep(0.1)
    return _prepare(log, **options)


class _Caller:
    """A provider that dies of some questions."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def complete(self, prompt: Any, watch: Any) -> Any:
        if any(KILLS_CALLER in message.content for message in prompt.messages):
            os.kill(os.getpid(), signal.SIGKILL)
        return self._inner.complete(prompt, watch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _calling(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def made(settings: Any) -> Any:
        provider = make(settings)
        return provider and _Caller(provider)

    return made


def main() -> None:
    # before the first child is forked
    answering.prepare = _brittle
    table: Any = factories.FACTORIES
    table.update({name: _calling(make) for name, make in table.items() if name != "rules"})
    from app.cli.main import cli

    cli(["worker", *sys.argv[1:]])


if __name__ == "__main__":
    main()
