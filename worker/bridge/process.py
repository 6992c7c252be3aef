"""The bridge's process. Any number may run: the group gives each its partitions."""

import threading

import structlog

from app.container import Container
from app.domain.analyses import Source
from app.domain.errors import Unavailable
from app.settings import Settings
from worker.bridge.adapter import Reader, RequestLimits
from worker.bridge.consumer import Consumption
from worker.bridge.keeper import Keeping
from worker.bridge.publisher import Publishing
from worker.bridge.tally import Tally, bridge_name
from worker.standing import beside, standing

log = structlog.get_logger(__name__)

_LONGEST_PAUSE = 5.0


def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises `ConfigurationInvalid` without brokers."""
    with standing(settings) as (parts, ended):
        tally = Tally(name=bridge_name(), started_at=parts.clock.now())
        log.info("bridge_started", bridge=tally.name)
        try:
            project_id = _project(parts, ended)
            if project_id is not None:
                work(parts, project_id, tally, ended)
        finally:
            log.info("bridge_stopped", bridge=tally.name)


def work(parts: Container, project_id: int, tally: Tally, ended: threading.Event) -> None:
    """Until `ended`: all three parts of it."""
    reader = Reader(limits_of(parts.settings), project_id=project_id, source=Source(parts.settings.kafka.source))
    consumption = Consumption(parts, reader, project_id, tally, ended)
    others = {
        "publish": Publishing(parts, tally, ended).run,
        "keep": Keeping(parts, reader, project_id, tally, ended).run,
    }
    with beside(others, ended, grace=parts.settings.worker.shutdown_seconds):
        consumption.run()


def _project(parts: Container, ended: threading.Event) -> int | None:
    """Where the requests go; waits for the database. None when it ended meanwhile."""
    pause = 0.0
    while not ended.wait(pause):
        try:
            return parts.intake.project()
        except Unavailable as error:
            pause = min(_LONGEST_PAUSE, pause * 2 + 0.25)
            log.warning("bridge_waits", code=error.code, seconds=pause, records=0)
    return None


def limits_of(settings: Settings) -> RequestLimits:
    """What a record may hold."""
    kafka, limits = settings.kafka, settings.limits
    return RequestLimits(
        max_record_bytes=kafka.max_record_bytes,
        max_log_bytes=limits.max_log_bytes,
        max_name_chars=limits.max_name_chars,
        max_metadata_bytes=limits.max_metadata_bytes,
        max_json_depth=limits.max_json_depth,
        result_topic=kafka.result_topic,
        callback_topics=frozenset({kafka.result_topic, *kafka.callback_topics}),
    )
