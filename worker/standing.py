"""A process of ours that Celery does not run: it stands until it is told to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from app import telemetry
from app.container import Container, build
from app.settings import Settings


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
