"""Points between two steps of the protocol where a process dies, when a file says so.

A point is `<repository>.<method>.<when>`: `claims.conclude.before`, `.executed` (not committed yet) or `.committed`
(and nobody was told), or `broker.ring.before` and `.after`. Whoever removes a file of the point dies of it.
"""

import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

#: How a question to a model carries which attempt asks it: for tests only, at the end of the system's words.
MARK = re.compile(r"\[attempt (\d+)\.(\d+)\]")
#: The service whose analyses kill whoever asks a model about them.
POISON = "kills-its-worker"
_REPOSITORIES = frozenset({"analyses", "claims", "dispatch", "keys", "outbox", "deliveries"})


class Points:
    """The files of a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def arm(self, point: str, times: int = 1) -> None:
        """The next `times` processes to come by die there."""
        self._directory.mkdir(exist_ok=True)
        for number in range(times):
            (self._directory / f"{point}.{number}").touch()

    def armed(self, point: str) -> int:
        """Deaths still to come."""
        return len(list(self._directory.glob(f"{point}.[0-9]")))

    def disarm(self) -> None:
        """Nobody dies any more."""
        for path in self._directory.glob("*"):
            path.unlink(missing_ok=True)

    def reach(self, point: str) -> None:
        """Die, if it is armed."""
        for number in range(3):
            try:
                (self._directory / f"{point}.{number}").unlink()
            except FileNotFoundError:
                continue
            die()


def die() -> None:
    """At once: no handler runs, no socket is closed in order."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the other threads may take a moment to hear of it


class MortalUnitOfWork:
    """A unit of work with points around each of its repositories' methods."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __call__(self) -> AbstractContextManager[Any]:
        return self._mortal(self._inner())

    def single(self) -> AbstractContextManager[Any]:
        """Each statement commits itself: what was executed is committed."""
        return self._mortal(self._inner.single())

    @contextmanager
    def _mortal(self, opened: AbstractContextManager[Any]) -> Iterator[Any]:
        done: list[str] = []
        with opened as transaction:
            yield _Mortal(transaction, done, self._points)
            for name in done:
                self._points.reach(f"{name}.executed")
        for name in done:
            self._points.reach(f"{name}.committed")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Mortal:
    """A transaction, or one of its repositories: methods are noted when they are called."""

    def __init__(self, inner: Any, done: list[str], points: Points, prefix: str = "") -> None:
        self._inner, self._done, self._points, self._prefix = inner, done, points, prefix

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not self._prefix:
            return _Mortal(found, self._done, self._points, name) if name in _REPOSITORIES else found
        if not callable(found):
            return found

        def noted(*arguments: Any, **options: Any) -> Any:
            point = f"{self._prefix}.{name}"
            self._points.reach(f"{point}.before")
            answer = found(*arguments, **options)
            if answer:  # a write that found nothing to do is no step
                self._done.append(point)
            return answer

        return noted


class MortalBroker:
    """A broker with a point before and after its messages are sent."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def ring(self, bells: Sequence[Any]) -> None:
        self._points.reach("broker.ring.before")
        self._inner.ring(bells)
        self._points.reach("broker.ring.after")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class MarkedProvider:
    """A provider whose questions say which attempt asks them."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def complete(self, prompt: Any, watch: Any) -> Any:
        claim = watch.claim
        if (claim.service_name or "").startswith(POISON):
            die()
        self._points.reach("provider.complete.before")
        mark = f"[attempt {claim.analysis_id}.{claim.epoch}]"
        answer = self._inner.complete(replace(prompt, system=f"{prompt.system}\n{mark}"), watch)
        self._points.reach("provider.complete.after")
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
