"""How a worker ends on SIGTERM: within its grace period, whatever its tasks do."""

import os
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

#: Of the grace period, what is kept for handing back: seconds, and never more than half of it.
_HAND_BACK_SECONDS = 1.0


class Leaving:
    """Made in a worker's main process, before it has children.

    A thread waits from the beginning: starting one, or taking a lock, is not for a signal handler. `cut` is called when
    the end is asked for; `hand_back` when tasks still run `grace` seconds later, after which the process exits.
    """

    def __init__(self, *, grace: float, cut: Callable[[], None], hand_back: Callable[[], None]) -> None:
        self._grace = grace
        self._cut = cut
        self._hand_back = hand_back
        self._asked = threading.Event()
        self._done = threading.Event()
        threading.Thread(target=self._run, name="leaving", daemon=True).start()

    @property
    def asked(self) -> bool:
        """True once the end was asked for."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Begin to end. Safe in a signal handler."""
        self._asked.set()

    def done(self) -> None:
        """All tasks have ended."""
        self._done.set()

    def _run(self) -> None:
        self._asked.wait()
        reserve = min(_HAND_BACK_SECONDS, self._grace / 2)
        threading.Thread(target=self._quietly, args=(self._cut,), name="cut", daemon=True).start()
        if self._done.wait(self._grace - reserve):
            return
        # beside us, since the database may be away: then the leases end by themselves
        last = threading.Thread(target=self._quietly, args=(self._hand_back,), name="hand-back", daemon=True)
        last.start()
        last.join(reserve)
        # children end with us; nothing that still runs here could write any more
        os._exit(0)

    @staticmethod
    def _quietly(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            # the end comes all the same
            log.exception("hand_back_failed")
