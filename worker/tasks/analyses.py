"""The two stages of an analysis. The message carries ids, nothing else."""

from collections.abc import Callable
from functools import partial

import structlog
from celery import Task

from app.broker import celery
from app.domain.analyses import ALONE_QUEUE
from app.domain.errors import Unavailable
from worker import process

log = structlog.get_logger(__name__)


@celery.task(name="bifrost.prepare")
def prepare(*analysis_ids: int) -> None:
    """Read the logs; the rules answer at once. Several small ones share a message, one after the other."""
    for analysis_id in analysis_ids:
        _run(process.container().execution.prepare, analysis_id)


@celery.task(name="bifrost.infer", bind=True)
def infer(task: "Task[[int], None]", analysis_id: int) -> None:
    """Ask the providers. Who serves the queue of those that are made alone runs one message at a time."""
    alone = (task.request.delivery_info or {}).get("routing_key") == ALONE_QUEUE
    _run(partial(process.container().execution.infer, alone=alone), analysis_id)


def _run(stage: Callable[..., None], analysis_id: int) -> None:
    try:
        stage(analysis_id, owner=process.name())
    except Unavailable as error:
        # expected in an outage, and nothing is lost: the message is sent again, or the lease runs out
        log.warning("task_put_off", analysis_id=analysis_id, code=error.code)
