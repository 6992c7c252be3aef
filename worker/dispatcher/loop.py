"""The dispatcher's process. Any number may run."""

import threading
from collections.abc import Callable
from functools import partial

import structlog

from app import telemetry
from app.container import Container
from app.domain.errors import BifrostError
from app.settings import Settings
from worker.dispatcher import upkeep
from worker.dispatcher.pace import Pace
from worker.dispatcher.relay import Relay
from worker.standing import beside, standing

log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    with standing(settings) as (parts, ended):
        log.info("dispatcher_started")
        relay = Relay(parts, ended)
        # in threads of their own: neither a slow receiver nor a large deletion delays a job
        others: dict[str, Callable[[], None]] = {"relay": relay.run, "upkeep": partial(upkeep.run, parts, ended)}
        try:
            with beside(others, ended, grace=settings.worker.shutdown_seconds + 1):
                _loop(parts, ended)
                relay.stop()
        finally:
            log.info("dispatcher_stopped")


def _loop(parts: Container, ended: threading.Event) -> None:
    options = parts.settings.dispatcher
    pace = Pace(shortest=options.busy_poll_seconds, longest=options.poll_seconds)
    swept = -options.sweep_seconds
    pause = 0.0
    while not ended.is_set():
        try:
            # sweep first: leases and deadlines end whether or not there is a broker to ring
            if parts.clock.monotonic() - swept >= options.sweep_seconds:
                parts.dispatching.sweep()
                swept = parts.clock.monotonic()
            # ring first, wait after: what was due before we began to listen is not missed
            sent = parts.dispatching.ring()
            pause = 0.0
            # in a crowd each commit says that something is due: gather some before looking again
            ended.wait(pace.gather(sent))
            idle = pace.wait(sent, waiting=parts.dispatching.waiting)
            # where concurrency is limited nobody rings for what waits when another one ends
            parts.due.wait(min(idle, options.held_poll_seconds) if parts.dispatching.holds_back else idle)
        except BifrostError as error:
            pause = min(5.0, pause * 2 + 0.25)
            log.warning("dispatcher_waits", code=error.code, seconds=pause)
            telemetry.count_error(error.code, where="dispatcher")
            ended.wait(pause)
