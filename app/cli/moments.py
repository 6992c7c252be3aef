"""Times and spans as people type them."""

import re
from datetime import datetime, timedelta

import click

from app.clock import SystemClock

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d{1,6})([smhdw])")
#: Beyond it, some times have no date.
_LONGEST_YEARS = 100
_LONGEST_SECONDS = _LONGEST_YEARS * 365 * _UNITS["d"]


class Span(click.ParamType[float]):
    """`90m`, `24h`, `7d`: seconds, more than none."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        found = seconds(str(value))
        if found is None:
            self.fail(f"{str(value)!r} is not a span such as 90m, 24h or 7d", param, ctx)
        if not 0 < found <= _LONGEST_SECONDS:
            self.fail(f"{str(value)!r} must be more than 0, and at most {_LONGEST_YEARS} years", param, ctx)
        return found


class Moment(click.ParamType[str]):
    """`2026-01-31`, `2026-01-31T12:00:00Z`, or an age such as `90m`, `24h`, `7d`."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As the API reads it: ISO 8601 with an offset."""
        text = str(value).strip()
        age = seconds(text)
        if age is not None:
            if age > _LONGEST_SECONDS:
                self.fail(f"{text!r} is more than {_LONGEST_YEARS} years ago", param, ctx)
            return (SystemClock().now() - timedelta(seconds=age)).isoformat()
        try:
            moment = datetime.fromisoformat(text)
            # a time without an offset is the reader's own
            return (moment if moment.tzinfo else moment.astimezone()).isoformat()
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is neither a time (2026-01-31T12:00:00Z) nor an age (90m, 24h, 7d)", param, ctx)


def seconds(text: str) -> float | None:
    """Of a span; None when it is none."""
    found = _SPAN.fullmatch(text.strip())
    return float(int(found[1]) * _UNITS[found[2]]) if found else None
