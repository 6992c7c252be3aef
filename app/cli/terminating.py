"""SIGTERM as an exception, so that a command tells and tidies up before it ends."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from app.cli.exits import Terminated


@contextmanager
def terminable() -> Iterator[None]:
    """Meanwhile SIGTERM raises `Terminated`."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
