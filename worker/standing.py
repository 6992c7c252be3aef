"""A process of ours that Celery does not run: it stands until it is told to end, and falls with each of its threads."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import structlog

from app import telemetry
from app.container import Container, build
from app.settings import Settings

log = structlog.get_logger(__name__)


@contextmanager
def standing(settings: Settings) -> Iterator[tuple[Container, threading.Event]]:
    """Its parts, closed in the end, and the event that SIGTERM and SIGINT set."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    telemetry.share_metrics(settings.metrics.directory)
    telemetry.configure_logging(settings.log)
    parts = build(settings)
    try:
        yield parts, ended
    finally:
        parts.close()


@contextmanager
def beside(works: Mapping[str, Callable[[], None]], ended: threading.Event, *, grace: float) -> Iterator[None]:
    """Each of them in a thread of its name, until `ended`; `grace` seconds are left to each for its end.

    One that dies ends the process, with what killed it: whoever starts that anew starts all of it. Half a process
    would look well and do half its work.
    """
    died: list[Exception] = []

    def guarded(name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            log.critical("thread_died", thread=name, exc_info=error)
            died.append(error)
            ended.set()

    threads = [threading.Thread(target=guarded, args=each, name=each[0], daemon=True) for each in works.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(grace)
    if died:
        raise died[0]
