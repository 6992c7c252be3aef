"""Statistics and retention beside the dispatcher's own loop: work that may take its time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from app import telemetry
from app.container import Container
from app.domain.errors import BifrostError

log = structlog.get_logger(__name__)

#: A chore that takes long is done less often: it gets at most this part of the time.
_SHARE = 0.05


@dataclass(kw_only=True, slots=True)
class _Chore:
    """`work` says whether there is more to do; then it goes on after `pause` seconds, else after `every`."""

    name: str
    work: Callable[[], bool]
    every: float
    pause: float
    due: float = 0.0


def run(parts: Container, ended: threading.Event) -> None:
    """Until the dispatcher ends. One of several dispatchers does each chore at a time; the database sees to it."""
    retention = parts.settings.retention
    chores = (
        _Chore(
            name="statistics",
            work=parts.statistics.refresh,
            every=parts.settings.statistics.refresh_seconds,
            pause=retention.pause_seconds,
        ),
        _Chore(
            name="retention",
            work=parts.retention.delete_batch,
            every=retention.check_seconds,
            pause=retention.pause_seconds,
        ),
    )
    while not ended.is_set():
        now = parts.clock.monotonic()
        for chore in chores:
            if chore.due <= now:
                began = parts.clock.monotonic()
                more = _done(chore)
                finished = parts.clock.monotonic()
                rest = chore.pause if more else max(chore.every, (finished - began) / _SHARE)
                chore.due = finished + rest
        ended.wait(max(0.01, min(chore.due for chore in chores) - parts.clock.monotonic()))


def _done(chore: _Chore) -> bool:
    """Whether there is more. What fails is tried again the next time."""
    try:
        return chore.work()
    except BifrostError as error:
        log.warning("chore_failed", chore=chore.name, code=error.code)
        telemetry.count_error(error.code, where=chore.name)
    except Exception:
        # whatever it is, the other chores must go on
        log.exception("chore_failed", chore=chore.name)
        telemetry.count_error(BifrostError.code, where=chore.name)
    return False
