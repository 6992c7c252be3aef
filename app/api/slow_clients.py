"""Bounds how long a client may take to send a body or to take an answer, since a thread waits for both."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

#: Seconds a body or an answer may take, whatever its size.
GRACE = 6.0
#: The same for bodies, while a process waits for many of them.
HURRIED_GRACE = 1.0
CROWD = 16
#: Bytes per second that it must reach on average after that.
LEAST_RATE = 16 * 1024
_LOOK_SECONDS = 0.5


class Reading:
    """One body on its way in. `received` is set by whoever reads."""

    __slots__ = ("_started", "connection", "cut", "received")

    def __init__(self, connection: socket.socket) -> None:
        """`connection` is only ever shut down for reading: the answer can still be sent."""
        self.connection = connection
        self.received = 0
        #: It was too slow and has been ended.
        self.cut = False
        self._started = monotonic()

    def overdue(self, grace: float) -> bool:
        """Slower than any client should be; `grace` in seconds."""
        took = monotonic() - self._started - grace
        return took > 0 and self.received < took * LEAST_RATE + 1


class Watchman:
    """One thread for all connections of this process, started when first needed: after the fork."""

    def __init__(self) -> None:
        self._readings: set[Reading] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, connection: socket.socket) -> Iterator[Reading]:
        """While open, the reading of a body is ended when it becomes overdue; `cut` tells."""
        reading = self._begin(connection)
        try:
            yield reading
        finally:
            self._end(reading)

    def _begin(self, connection: socket.socket) -> Reading:
        reading = Reading(connection)
        with self._lock:
            self._readings.add(reading)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="slow-clients", daemon=True)
                self._thread.start()
        return reading

    def _end(self, reading: Reading) -> None:
        with self._lock:
            self._readings.discard(reading)

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(_LOOK_SECONDS):
            with self._lock:
                grace = GRACE if len(self._readings) <= CROWD else HURRIED_GRACE
                late = [reading for reading in self._readings if reading.overdue(grace)]
                self._readings.difference_update(late)
                # under the lock: once `_end` has returned, the connection may already serve the next request
                for reading in late:
                    reading.cut = True
                    with suppress(OSError):
                        reading.connection.shutdown(socket.SHUT_RD)


def bound_answer(connection: socket.socket, size: int) -> None:
    """The answer of `size` bytes may take its time, and no more: sending raises TimeoutError then."""
    connection.settimeout(GRACE + size / LEAST_RATE)


WATCHMAN = Watchman()
