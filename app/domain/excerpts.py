"""Parts of a log that somebody asks for, and how it is made up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from app.domain.logs import Level


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which records of a log. What is None is no condition; all that are given must be true."""

    #: At least so loud. A record whose level nobody can tell is below all of them.
    severity: Level | None = None
    #: Stands in the record, in any case of letters: literally, or as a regular expression.
    keyword: str | None = None
    regex: bool = False
    #: Happened at `since` or later, before `until`. Records before the first time in the log never did.
    since: datetime | None = None
    until: datetime | None = None
    #: Of times in the log that name none.
    zone: tzinfo = UTC
    #: Secrets are replaced before anything is looked for.
    redact: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A record as it stands in the log: a line, with its stack trace or other continuation."""

    #: 1-based number of its first line.
    line: int
    #: Without control characters; blank lines among them are kept.
    lines: tuple[str, ...]
    level: Level
    #: When it happened; that of the record before it when it does not say. None: nobody has said so far, or asked.
    at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """Some of the records that were wanted."""

    records: tuple[Record, ...]
    #: All records of the log, and those that were wanted, shown or not.
    total: int
    matched: int
    #: Give it as `after` for more; None when there are no more.
    next_after: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateCount:
    """Records that differ only in their variable parts, redacted. `first` and `last` are 1-based lines."""

    pattern: str
    level: Level
    records: int
    lines: int
    first: int
    last: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LogStatistics:
    """How a log is made up. Levels are in order, the loudest first; templates likewise, the most telling first."""

    lines: int
    lines_blank: int
    records: int
    #: Records of each level that occurs.
    levels: Mapping[Level, int]
    #: Values that would be hidden, by kind.
    redactions: Mapping[str, int]
    templates: tuple[TemplateCount, ...]
    #: Line of the first significant error.
    first_error: int | None
