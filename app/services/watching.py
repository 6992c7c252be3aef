"""Watches over running calls: deadline, cancel, lost lease and shutdown end them, from whatever thread notices."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from app.domain.analyses import Claim
from app.domain.errors import DeadlineExceeded, Interrupted
from app.domain.ports import Clock

log = structlog.get_logger(__name__)

_REMEMBERED = 1000


class CallWatch:
    """`ports.Watch` over one claim."""

    def __init__(self, claim: Claim, clock: Clock) -> None:
        self.claim = claim
        self._clock = clock
        self._deadline = None if claim.seconds_left is None else clock.monotonic() + claim.seconds_left
        self._lock = threading.Lock()
        self._reason: Interrupted | None = None
        self._close: Callable[[], object] | None = None

    @property
    def reason(self) -> Interrupted | None:
        """Why it was stopped from outside; None while it may go on."""
        return self._reason

    def check(self) -> None:
        """Raise an `Interrupted` when the call must end now."""
        if self._reason is not None:
            raise self._reason
        left = self.seconds_left()
        if left is not None and left <= 0:
            raise DeadlineExceeded

    def seconds_left(self) -> float | None:
        """Until the deadline; None without one."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock.monotonic())

    @contextmanager
    def closing(self, close: Callable[[], object]) -> Iterator[None]:
        """While open, `stop` calls `close` to break a blocked read."""
        with self._lock:
            self._close = close
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._close = None

    def token(self, text: str) -> None:
        """A piece of the answer arrived."""

    def stop(self, reason: Interrupted) -> None:
        """End the call; the first reason stays."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            close, self._close = self._close, None
        if close is not None:
            try:
                close()
            except Exception:
                # whatever a foreign close raises, the reason is set and the call ends at its next check
                log.warning("call_close_failed", analysis_id=self.claim.analysis_id, exc_info=True)


class Watches:
    """All calls running in this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[tuple[int, int], CallWatch] = {}
        #: Stops that came before the watch: the claim is committed a moment before its watch begins.
        self._early: dict[tuple[int, int], Interrupted] = {}
        self._closed: Interrupted | None = None

    @contextmanager
    def watching(self, claim: Claim) -> Iterator[CallWatch]:
        """A watch over this claim while the block runs."""
        watch = CallWatch(claim, self._clock)
        key = (claim.analysis_id, claim.epoch)
        with self._lock:
            self._running[key] = watch
            reason = self._early.pop(key, self._closed)
        if reason is not None:
            watch.stop(reason)
        try:
            yield watch
        finally:
            with self._lock:
                self._running.pop(key, None)

    def running(self) -> dict[tuple[int, int], CallWatch]:
        """(id, epoch) -> watch, now."""
        with self._lock:
            return dict(self._running)

    def stop(self, key: tuple[int, int], reason: Interrupted) -> None:
        """End the call of this (id, epoch), also when it begins only in a moment."""
        with self._lock:
            watch = self._running.get(key)
            if watch is None:
                # most are of other processes and never come: only the last few are remembered
                self._early[key] = reason
                while len(self._early) > _REMEMBERED:
                    del self._early[next(iter(self._early))]
        if watch is not None:
            watch.stop(reason)

    def close(self, reason: Interrupted) -> None:
        """End all, and whatever begins from now on."""
        with self._lock:
            self._closed = reason
        for watch in self.running().values():
            watch.stop(reason)

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed is not None
