"""Publishes events beside the dispatcher's own loop, so that a slow receiver delays no job."""

import os
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Sequence

import structlog

from app import telemetry
from app.container import Container
from app.domain.announcements import Announcement
from app.domain.errors import BifrostError

log = structlog.get_logger(__name__)

_LONGEST_PAUSE = 5.0


class Relay:
    """Claims what is due, as many at a time as the settings allow, and gives each a thread of its own.

    A receiver gets a few at a time: one that hangs must not hold every thread.
    """

    def __init__(self, parts: Container, ended: threading.Event) -> None:
        self._announcing = parts.announcing
        self._options = parts.settings.outbox
        self._grace = parts.settings.worker.shutdown_seconds
        self._clock = parts.clock
        self._ended = ended
        # the claim is this object's, not this machine's: a process that was started anew must not mark for the old one
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._lock = threading.Lock()
        self._running: dict[int, Announcement] = {}
        self._changed = threading.Event()
        self._extended = self._clock.monotonic()

    def run(self) -> None:
        """Until the dispatcher ends; what is being published then is finished, or left to its lease."""
        pause = 0.0
        while not self._ended.is_set():
            try:
                pause = 0.0 if self._look() else self._options.poll_seconds
            except Exception as error:  # noqa: BLE001 - told below; the relay goes on
                pause = min(_LONGEST_PAUSE, pause * 2 + 0.25)
                self._tell(error, pause)
            self._changed.wait(pause)
            self._changed.clear()
        self._finish()

    def stop(self) -> None:
        """`ended` is set: do not wait for the next look."""
        self._changed.set()

    def _look(self) -> bool:
        """True: look again at once."""
        self._extend()
        free = self._options.concurrency - len(self._running)
        if free <= 0:
            return False
        claimed = self._announcing.claim(self._owner, limit=free, full=self._full())
        excess = [one for one in claimed if not self._start(one)]
        if excess:
            # these receivers are full now: the next look passes them over
            self._announcing.release(excess, owner=self._owner)
        return bool(excess)

    def _start(self, announcement: Announcement) -> bool:
        """False when its receiver has as many as it gets."""
        with self._lock:
            if self._lanes()[announcement.lane] >= self._options.per_receiver:
                return False
            self._running[announcement.id] = announcement
        threading.Thread(target=self._publish, args=(announcement,), name="publish", daemon=True).start()
        return True

    def _publish(self, announcement: Announcement) -> None:
        try:
            self._announcing.publish(announcement, owner=self._owner)
        except Exception as error:  # noqa: BLE001 - told below; its lease runs out, and it is sent again
            self._tell(error, 0.0)
        finally:
            with self._lock:
                del self._running[announcement.id]
            self._changed.set()

    def _extend(self) -> None:
        """At a third of the lease: one that is missed does no harm."""
        now = self._clock.monotonic()
        running = self._snapshot()
        if running and now - self._extended >= self._options.lease_seconds / 3:
            self._announcing.extend(running, owner=self._owner)
            self._extended = now
        elif not running:
            self._extended = now

    def _finish(self) -> None:
        until = self._clock.monotonic() + self._grace
        while self._snapshot() and (left := until - self._clock.monotonic()) > 0:
            self._changed.wait(left)
            self._changed.clear()

    def _full(self) -> Sequence[str]:
        with self._lock:
            return [lane for lane, count in self._lanes().items() if count >= self._options.per_receiver]

    def _lanes(self) -> Counter[str]:
        return Counter(one.lane for one in self._running.values())

    def _snapshot(self) -> list[Announcement]:
        with self._lock:
            return list(self._running.values())

    @staticmethod
    def _tell(error: Exception, pause: float) -> None:
        if isinstance(error, BifrostError):
            log.warning("relay_waits", code=error.code, seconds=pause)
            telemetry.count_error(error.code, where="relay")
        else:
            log.error("relay_crashed", exc_info=error)
            telemetry.count_error(BifrostError.code, where="relay")
