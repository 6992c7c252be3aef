"""A file that the consumer's loop touches: for a liveness probe that shall not depend on the broker.

`inspect ping` fails with the broker, and a probe that asks it would restart every worker in an outage.
"""

from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.worker import WorkController, state
from celery.worker.consumer import Consumer

from worker import process

#: Seconds between two touches.
_EVERY = 1.0


def touch() -> None:
    """Now, when a file is configured."""
    file = process.settings().worker.heartbeat_file
    if file is not None:
        file.touch()


class Liveness(bootsteps.StartStopStep):
    """A timer in the event loop of the worker: it fires while the loop turns."""

    requires = ("celery.worker.components:Timer",)

    def include_if(self, _worker: WorkController) -> bool:
        """Only when somebody looks."""
        return process.settings().worker.heartbeat_file is not None

    def start(self, worker: WorkController) -> None:
        """Begin."""
        touch()
        timer: Any = worker.timer  # kombu's, when the event loop is
        timer.call_repeatedly(_EVERY, touch)

    def stop(self, _worker: WorkController) -> None:
        """The last touch stays: whoever is stopped on purpose is not to be restarted."""


class LivingConsumer(Consumer):
    """While the broker is away the loop stands still in here, and is well."""

    def on_close(self) -> None:
        """As the base class, which forgets what was fetched and not begun."""
        waiting = tuple(one for one in state.reserved_requests if one not in state.active_requests)
        process.drop(tuple(analysis_id for one in waiting for analysis_id in one.args))
        super().on_close()

    def ensure_connected(self, conn: Any) -> Any:
        """As the base class; each look for the broker counts as a sign of life."""
        ensure = conn.ensure_connection

        def alive(errback: Any, retries: Any, *, callback: Callable[[], None], **options: Any) -> Any:
            def look() -> None:
                touch()
                callback()

            return ensure(errback, retries, callback=look, **options)

        conn.ensure_connection = alive
        return super().ensure_connected(conn)
