"""Waiting for what happens in another process."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, timeout: float = 15.0, what: str = "") -> None:
    """Return once `condition` is true; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what or condition}"
        time.sleep(0.02)
