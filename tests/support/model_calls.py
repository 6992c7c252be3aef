"""What a provider is asked in tests, and a watch that the test holds in its hand."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.domain.diagnoses import Coverage
from app.domain.errors import CancelRequested, Interrupted
from app.domain.logs import PreparedLog
from app.domain.prompts import Message, Prompt

SCHEMA = {
    "type": "object",
    "properties": {
        "summary": {"type": "string", "maxLength": 500},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "evidence": {"type": "array", "items": {"type": "object", "properties": {"line": {"type": "integer"}}}},
    },
}


def prompt(text: str = "1: ERROR connection to 10.0.0.7:5432 refused", *, model: str | None = None) -> Prompt:
    coverage = Coverage(
        bytes_total=1,
        lines_total=1,
        lines_blank=0,
        lines_sent=1,
        lines_counted=0,
        records=1,
        templates=1,
        templates_sent=1,
        tokens_estimated=100,
        token_budget=8000,
    )
    log = PreparedLog(templates=(), shown=(), templates_shown=(), first_error=None, coverage=coverage)
    return Prompt(
        system="You read logs.",
        messages=(Message(role="user", content=text),),
        schema=SCHEMA,
        log=log,
        language="en",
        model=model,
        tokens_estimated=100,
        max_output_tokens=300,
    )


class Watching:
    """A watch: `interrupt()` ends the call as the worker's heartbeat would, from another thread."""

    def __init__(self, seconds: float | None = None, reason: type[Interrupted] = CancelRequested) -> None:
        self.tokens: list[str] = []
        self.heard = threading.Event()
        self._reason = reason
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._close: Callable[[], object] | None = None
        self._interrupted = threading.Event()

    def check(self) -> None:
        if self._interrupted.is_set():
            raise self._reason

    def seconds_left(self) -> float | None:
        return None if self._ends is None else max(self._ends - time.monotonic(), 0)

    @contextmanager
    def closing(self, close: Callable[[], object]) -> Iterator[None]:
        self._close = close
        try:
            yield
        finally:
            self._close = None

    def token(self, text: str) -> None:
        self.tokens.append(text)
        self.heard.set()

    def interrupt(self) -> None:
        self._interrupted.set()
        if (close := self._close) is not None:
            close()
