"""A log after preparation: records, templates, and the lines chosen to be shown. All text here is redacted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from app.domain.diagnoses import Coverage


class Level(IntEnum):
    """How loudly a record speaks; the numbers leave room as Python's logging does."""

    UNKNOWN = 0
    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One physical line. `number` is 1-based in the log as it was sent."""

    number: int
    text: str
    level: Level = Level.UNKNOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """Records that differ only in their variable parts, which `pattern` shows as `<*>`."""

    pattern: str
    #: The level of its records: records of different levels never share a template.
    level: Level
    #: Records, and physical lines they span.
    count: int
    lines: int
    #: Line numbers of the first and the last record.
    first: int
    last: int
    #: Whole records, redacted, as they stand: each a run of consecutive lines. The first record is always the
    #: first exemplar; never empty.
    exemplars: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A run of the log that gets a prompt of its own, for errors that the first prompt could not show by example."""

    #: Lines of its first and its last error, 1-based.
    first: int
    last: int
    #: Every line that is shown, ascending; and the templates shown, as indices into the prepared log's.
    shown: tuple[Line, ...]
    templates_shown: tuple[int, ...]
    #: For each line of `shown`: its template, as such an index; None when that one was not kept.
    owners: tuple[int | None, ...]
    #: Tokens of rows and lines, estimated.
    tokens: int

    @property
    def placed(self) -> Iterator[tuple[Line, int | None]]:
        """Each line that is shown, with its template."""
        return zip(self.shown, self.owners, strict=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """What is asked beyond the first prompt."""

    #: Most telling first. No two of them hold the same error.
    parts: tuple[Window, ...]
    #: How many the errors would have needed; more than there are parts when calls or tokens are bounded.
    needed: int
    #: Tokens of a prompt that its instructions leave.
    room: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedLog:
    """What a provider is given to read. Only redacted text."""

    #: Every template, most telling first.
    templates: tuple[Template, ...]
    #: Every line that is shown, ascending by number: exemplars of the templates that fit the budget, the first
    #: significant error and what preceded it, and the end of the log.
    shown: tuple[Line, ...]
    #: Templates shown, as indices into `templates`.
    templates_shown: tuple[int, ...]
    #: Number of the first line of the first significant error; None in a log without one.
    first_error: int | None
    coverage: Coverage
    #: Placeholder -> original value, of reversible kinds only (e-mail, host): put back into the answer.
    placeholders: Mapping[str, str] = field(default_factory=dict)
    #: None when one prompt is enough, or when there shall be no more.
    windows: Windows | None = None
    #: Lines that a prompt says before it shows this log: which part of a larger one it is, what was found in others.
    preface: tuple[str, ...] = ()
    #: For each line of `shown`: its template, as an index into `templates`; None when that one was not kept.
    owners: tuple[int | None, ...] = ()

    @property
    def placed(self) -> Iterator[tuple[Line, int | None]]:
        """Each line that the first prompt or a window shows, with its template; one that both show, twice."""
        yield from zip(self.shown, self.owners, strict=False)  # a preparation of before has no owners
        for part in self.windows.parts if self.windows else ():
            yield from part.placed
