"""The two stages of an analysis. The message carries an id, nothing else."""

from app.broker import celery
from worker import process


@celery.task(name="bifrost.prepare")
def prepare(analysis_id: int) -> None:
    """Read the log; the rules answer at once."""
    process.container().execution.prepare(analysis_id, owner=process.name())


@celery.task(name="bifrost.infer")
def infer(analysis_id: int) -> None:
    """Ask the providers."""
    process.container().execution.infer(analysis_id, owner=process.name())
