"""When a record happened, by its first line.

Understood, within the first characters of a line or in the fields of a JSON object:

    2026-01-31T09:00:00.123Z   2026-01-31 09:00:00,123 +0900   2026/01/31 09:00:00     ISO 8601 and its relatives
    Jan 31 09:00:00   Sat Jan 31 09:00:00 2026                                          syslog, ctime
    31/Jan/2026:09:00:00 +0900   31 Jan 2026 09:00:00                                    access logs, Redis
    I0131 09:00:00.123456   26/01/31 09:00:00   260131 090000                            klog, log4j, HDFS
    1769850000   1769850000.123   1769850000123                                          seconds or fractions since 1970

A time without a zone is of the zone given. One without a year is of the latest year in which it is not in the future.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from app.pipeline.wrappers import as_object

#: Characters of a line that are looked at; wrappers of collectors come first.
_WITHIN = 160
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_CLOCK = r"(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
_ZONE = r"(?:\s?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?"
_MONTH = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]{{0,6}}"
_CALENDARS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![\d.])(?P<year>\d{{4}})[-/.](?P<month>\d\d?)[-/.](?P<day>\d\d?)[T _-]{_CLOCK}{_ZONE}",
        rf"(?<!\d)(?P<day>\d\d?)[ /-]{_MONTH}[ /-](?P<year>\d{{4}})[ :]{_CLOCK}{_ZONE}",
        rf"\b{_MONTH} {{1,2}}(?P<day>\d\d?),?(?: (?P<year>\d{{4}}))?,? {_CLOCK}(?: (?P<late>\d{{4}})(?!\d))?{_ZONE}",
        rf"(?<!\d)(?P<short>\d\d)/(?P<month>\d\d)/(?P<day>\d\d) {_CLOCK}{_ZONE}",
        rf"^[^\d]{{0,40}}\b[DIWEF](?P<month>\d\d)(?P<day>\d\d) {_CLOCK}",
        r"^(?P<short>\d\d)(?P<month>\d\d)(?P<day>\d\d) (?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?= )",
    )
)
_EPOCH = re.compile(r"[\[(]?(1\d{9}(?:\d{3}){0,3}(?:\.\d{1,9})?)(?=[\])\s:,]|$)")
#: Fields of JSON lines with the time, likeliest first.
_FIELDS = (
    "time",
    "timestamp",
    "@timestamp",
    "ts",
    "t",
    "datetime",
    "date",
    "eventTime",
    "asctime",
    "__REALTIME_TIMESTAMP",
)
#: Digits of a whole number -> how many of it are a second: seconds, milli-, micro-, nanoseconds.
_UNITS = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}


def time_reader(zone: tzinfo, now: datetime) -> Callable[[str], datetime | None]:
    """Reads the time of a record off its first line, as aware UTC; None without one. `now` decides missing years."""
    usual: list[tuple[re.Pattern[str], int]] = []

    def read(line: str) -> datetime | None:
        fields = as_object(line)
        if fields is None:
            return _as_before(line[:_WITHIN], usual, zone, now) or _of_text(line[:_WITHIN], zone, now, usual)
        values = (fields[name] for name in _FIELDS if name in fields)
        return next((found for value in values if (found := _of_value(value, zone, now)) is not None), None)

    return read


def _as_before(text: str, usual: list[tuple[re.Pattern[str], int]], zone: tzinfo, now: datetime) -> datetime | None:
    """A log keeps to one form and place: where the last line had its time, this one has it, too."""
    for calendar, start in usual:
        match = calendar.match(text, start)
        return _of_calendar(match.groupdict(), zone, now) if match else None
    return None


def _of_value(value: object, zone: tzinfo, now: datetime) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Mapping):  # MongoDB: {"t": {"$date": "…"}}
        return _of_value(value.get("$date"), zone, now)
    return _of_text(str(value)[:_WITHIN], zone, now) if isinstance(value, str | int | float) else None


def _of_text(
    text: str, zone: tzinfo, now: datetime, usual: list[tuple[re.Pattern[str], int]] | None = None
) -> datetime | None:
    epoch = _EPOCH.match(text)
    if epoch:
        whole, _, fraction = epoch[1].partition(".")
        return _EPOCH_START + timedelta(seconds=int(whole) / _UNITS[len(whole)] + float(f"0.{fraction or 0}"))
    found = [match for calendar in _CALENDARS if (match := calendar.search(text))]
    # the first of a line is its own; others are what it speaks of
    for match in sorted(found, key=lambda match: match.start()):
        moment = _of_calendar(match.groupdict(), zone, now)
        if moment is not None:
            if usual is not None:
                usual[:] = [(match.re, match.start())]
            return moment
    return None


def _of_calendar(parts: Mapping[str, str | None], zone: tzinfo, now: datetime) -> datetime | None:
    name = parts.get("name")
    month = _MONTHS[name.lower()] if name else int(parts["month"] or 0)
    year = parts.get("year") or parts.get("late")
    short = parts.get("short")
    years = (int(year),) if year else (2000 + int(short),) if short else range(now.year + 1, now.year - 5, -1)
    known = bool(year or short)
    for candidate in years:
        try:
            moment = datetime(
                candidate,
                month,
                int(parts["day"] or 0),
                int(parts["hour"] or 0),
                int(parts["minute"] or 0),
                min(int(parts["second"] or 0), 59),  # a leap second
                int((parts.get("fraction") or "0")[:6].ljust(6, "0")),
                _zone(parts.get("zone"), zone),
            ).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        # clocks differ a little, and zones by a day
        if known or moment <= now + timedelta(days=1):
            return moment
    return None


def _zone(name: str | None, default: tzinfo) -> tzinfo:
    if not name:
        return default
    if name.upper() in {"Z", "UTC", "GMT"}:
        return UTC
    return offset(name)


def offset(text: str) -> tzinfo:
    """`+09:00`, `-0530`. Raises ValueError when it is none."""
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text)
    if not found or int(found[3]) > 59:
        raise ValueError(f"{text!r} is not an offset such as +09:00")
    span = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-span if found[1] == "-" else span)


_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
