"""The dispatcher's process. Any number may run."""

import signal
import threading
from types import FrameType

import structlog

from app import telemetry
from app.container import Container, build
from app.domain.errors import BifrostError
from app.settings import Settings

log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    telemetry.share_metrics(settings.metrics.directory)
    telemetry.configure_logging(settings.log)
    parts = build(settings)
    log.info("dispatcher_started")
    try:
        _loop(parts, ended)
    finally:
        parts.close()
        log.info("dispatcher_stopped")


def _loop(parts: Container, ended: threading.Event) -> None:
    options = parts.settings.dispatcher
    swept = -options.sweep_seconds
    pause = 0.0
    while not ended.is_set():
        try:
            # ring first, wait after: what was due before we began to listen is not missed
            busy = parts.dispatching.ring() > 0
            if parts.clock.monotonic() - swept >= options.sweep_seconds:
                parts.dispatching.sweep()
                swept = parts.clock.monotonic()
            pause = 0.0
            if not parts.due.wait(options.busy_poll_seconds if busy else options.poll_seconds) and busy:
                continue
        except BifrostError as error:
            pause = min(5.0, pause * 2 + 0.25)
            log.warning("dispatcher_waits", code=error.code, seconds=pause)
            telemetry.count_error(error.code, where="dispatcher")
            ended.wait(pause)
