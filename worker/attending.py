"""What goes on beside the work of a process: its leases are extended, and it hears at once what shall end."""

import threading

import structlog

from app.container import Container
from app.domain.errors import BifrostError

log = structlog.get_logger(__name__)

#: Longest wait for a notification before looking whether this process has ended.
_LISTEN_SECONDS = 5.0


def attend(parts: Container, ended: threading.Event) -> None:
    """Begin, in threads that end with the process."""
    for work, name in ((_beat, "heartbeat"), (_listen, "stops")):
        threading.Thread(target=work, args=(parts, ended), name=name, daemon=True).start()


def _beat(parts: Container, ended: threading.Event) -> None:
    """Extend the leases of everything that runs here."""
    while not ended.wait(parts.settings.worker.heartbeat_seconds):
        try:
            parts.execution.extend_leases()
        except BifrostError as error:
            log.warning("heartbeat_failed", code=error.code)
        except Exception:
            # whatever it is, the next beat must come: without it every lease is lost
            log.exception("heartbeat_failed")


def _listen(parts: Container, ended: threading.Event) -> None:
    """Stop what somebody cancels. While the database cannot be listened to, the heartbeat tells."""
    pause = 0.0
    while not ended.wait(pause):
        try:
            if parts.stops.listen():
                # what was asked while nobody listened
                parts.execution.extend_leases()
            parts.execution.stop(parts.stops.wait(_LISTEN_SECONDS))
            pause = 0.0
        except Exception as error:  # noqa: BLE001 - whatever it is: listen again
            if ended.is_set():
                return
            pause = min(parts.settings.worker.heartbeat_seconds, pause * 2 + 0.25)
            code = error.code if isinstance(error, BifrostError) else type(error).__name__
            log.warning("stops_unheard", code=code, seconds=pause)
