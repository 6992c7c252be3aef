"""A child that died in the middle of a message: what it held need not wait for the end of its lease.

What it was about to take has lost its message with it, and is rung for again. Either way the attempts are counted by
whoever sweeps leases, so that a log that kills its readers is given up.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import closing

import structlog
from celery import signals
from celery.exceptions import WorkerLostError

from app.container import Container
from app.lifeline import birth_of

log = structlog.get_logger(__name__)

_dead: "queue.SimpleQueue[int]" = queue.SimpleQueue()


def mourn(build: Callable[[], Container], family: str) -> None:
    """Begin, in a thread of the main process. `family`: how the names of its children begin, their pids follow.

    Parts are built for each death and closed after it: children forked later shall inherit no connection.
    """
    threading.Thread(target=_run, args=(build, family), name="mourning", daemon=True).start()


@signals.task_failure.connect
def _failed(exception: BaseException, args: tuple[object, ...] = (), **_: object) -> None:
    if isinstance(exception, WorkerLostError):
        # of several in one message: those that had ended, and whoever has another claim, are left as they are
        for analysis_id in args:
            if isinstance(analysis_id, int):
                _dead.put(analysis_id)


def _run(build: Callable[[], Container], family: str) -> None:
    def is_dead(owner: str) -> bool:
        pid = owner.removeprefix(family)
        return owner.startswith(family) and not birth_of(int(pid))

    while True:
        analysis_id = _dead.get()
        try:
            with closing(build()) as parts:
                parts.execution.bury(analysis_id, is_dead=is_dead)
            log.warning("child_lost", analysis_id=analysis_id)
        except Exception as error:  # noqa: BLE001 - then its lease ends by itself
            log.warning("child_lost", analysis_id=analysis_id, unburied=type(error).__name__)
