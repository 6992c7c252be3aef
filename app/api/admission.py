"""Few requests are worked on at a time, however many are on their way: waiting costs nothing, turns cost throughput."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Where a request's environ has its turn.
_TURN = "bifrost.turn"
#: Seconds to wait for a turn. It goes on without one after that: while the database hangs, the rest must still answer.
PATIENCE = 0.5


class Admission:
    """A WSGI application that works on `slots` requests at a time; those that wait in `aside` do not count."""

    def __init__(self, application: "WSGIApplication", slots: int) -> None:
        """Around `application`."""
        self._application = application
        self._slots = threading.Semaphore(slots)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """One request. Its answer is sent after its turn."""
        turn = environ[_TURN] = _Turn(self._slots)
        turn.take()
        try:
            return self._application(environ, start_response)
        finally:
            turn.give_back()


def aside(environ: "WSGIEnvironment") -> AbstractContextManager[None]:
    """While open, the request waits for its client and lets others work."""
    turn: _Turn | None = environ.get(_TURN)
    return turn.aside() if turn else nullcontext()


class _Turn:
    __slots__ = ("_slots", "_taken")

    def __init__(self, slots: threading.Semaphore) -> None:
        self._slots = slots
        self._taken = False

    def take(self) -> None:
        self._taken = self._slots.acquire(timeout=PATIENCE)

    def give_back(self) -> None:
        if self._taken:
            self._taken = False
            self._slots.release()

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.give_back()
        try:
            yield
        finally:
            self.take()
