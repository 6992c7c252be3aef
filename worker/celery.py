"""What `celery -A worker` finds."""

from app.broker import celery
from worker import process as _process  # noqa: F401 - connects this process's life to Celery's signals
from worker.liveness import Liveness
from worker.tasks import analyses as _analyses  # noqa: F401 - registers the tasks

celery.steps["worker"].add(Liveness)

app = celery
