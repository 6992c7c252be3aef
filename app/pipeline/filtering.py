"""Records of a log that somebody asks for: by how loud they are, what they say, and when they happened."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import re2

from app.domain.errors import PatternInvalid
from app.domain.excerpts import Excerpt, Record, Wanted
from app.domain.logs import Level
from app.pipeline import lines
from app.pipeline.records import LONGEST
from app.pipeline.steps import Draft, hide, read, split
from app.pipeline.timestamps import time_reader

#: Characters that are read at a time from a stream: enough to see which lines are records and which continue one.
BLOCK = 1 << 20
#: Of the page that a model would get: nothing is shown to one here, and so only giants are cut (`lines.GIANT`).
_LINE_CHARS = 1000
#: Characters that a line of a stream may have.
_LONGEST_LINE = 16 * BLOCK
#: A regular expression that needs more than this to be compiled is refused. re2's own default.
_PATTERN_MEMORY = 8 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Paging:
    """Which of the records found are shown: `limit` of those that begin below line `after`."""

    limit: int
    after: int = 0


def excerpt(log: str, wanted: Wanted, paging: Paging, now: datetime) -> Excerpt:
    """A page of the records wanted. Raises `PatternInvalid`."""
    sieve = Sieve(wanted, now, timed=True)
    cut = cut_up(log, redact=wanted.redact)
    found = tuple(sieve.pick(cut))
    left = tuple(record for record in found if record.line > paging.after)
    shown = left[: paging.limit]
    more = len(left) > len(shown) > 0
    return Excerpt(
        records=shown, total=len(cut.bounds), matched=len(found), next_after=shown[-1].line if more else None
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """A log cut into its records: (start, stop, level) of each, 0-based lines, half open.

    Lines that are blank and inside of no record belong to none.
    """

    lines: Sequence[str]
    bounds: Sequence[tuple[int, int, Level]]
    #: Characters lost of giant lines, by index.
    lost: Mapping[int, int]

    def shown(self, start: int, stop: int) -> tuple[str, ...]:
        """These lines; a giant says what it has lost."""
        found = self.lines[start:stop]
        if not self.lost:
            return tuple(found)
        lost = self.lost
        return tuple(
            lines.display(line, limit=len(line), lost=lost.get(index, 0)) for index, line in enumerate(found, start)
        )


def cut_up(log: str, *, redact: bool = False) -> Cut:
    """Read a log as preparation does, up to its records."""
    draft = Draft(text=log, max_line_chars=_LINE_CHARS, max_templates=1, token_budget=0, overhead=0)
    for step in (split, hide, read) if redact else (split, read):
        step(draft)
    return Cut(lines=draft.lines, bounds=tuple(_bounds(draft)), lost=draft.lost)


class Sieve:
    """One question, asked of record after record in the order of the log."""

    def __init__(self, wanted: Wanted, now: datetime, *, timed: bool = False) -> None:
        """`timed`: say when each record happened, also when nobody asks for a time. Raises `PatternInvalid`."""
        self._wanted = wanted
        self._ranged = wanted.since is not None or wanted.until is not None
        self._timed = timed or self._ranged
        self._time = time_reader(wanted.zone, now)
        self._pattern = _pattern(wanted)
        self._last: datetime | None = None

    def pick(self, cut: Cut, *, before: int = 0) -> Iterator[Record]:
        """Those that are wanted; a record that does not say when has the time of the one before it.

        `before`: lines of the log before the first one of `cut`.
        """
        least = self._wanted.severity
        for start, stop, level in cut.bounds:
            if self._timed:
                self._last = self._time(cut.lines[start]) or self._last
            if (least is None or level >= least) and self._is_in_range() and self._says(cut, start, stop):
                yield Record(line=start + 1 + before, lines=cut.shown(start, stop), level=level, at=self._last)

    def _is_in_range(self) -> bool:
        if not self._ranged:
            return True
        at, since, until = self._last, self._wanted.since, self._wanted.until
        return at is not None and (since is None or at >= since) and (until is None or at < until)

    def _says(self, cut: Cut, start: int, stop: int) -> bool:
        if self._pattern is None:
            return True
        return self._pattern.search("\n".join(cut.lines[start:stop])) is not None


class Stream:
    """The same of a log that comes in pieces and may be larger than memory. Redaction needs the whole log: not here."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._pending = ""
        self._before = 0
        #: Records seen and found so far.
        self.total = self.matched = 0

    def feed(self, text: str) -> Iterator[Record]:
        """What is wanted of the records that are surely complete."""
        self._pending += text
        end = self._pending.rfind("\n") + 1
        if not end and len(self._pending) > _LONGEST_LINE:
            # an endless line would fill the memory: it goes on as another one
            self._pending += "\n"
            end = len(self._pending)
        if not end:
            return
        block, rest = self._pending[:end], self._pending[end:]
        cut = cut_up(block)
        done = block.count("\n")
        if cut.bounds and done - cut.bounds[-1][0] < 2 * LONGEST:
            # the next lines may belong to it
            done = cut.bounds[-1][0]
            cut = replace(cut, bounds=cut.bounds[:-1])
        self._pending = "".join(block.split("\n", done)[done:]) + rest
        yield from self._picked(cut)
        self._before += done

    def close(self) -> Iterator[Record]:
        """The end of the log."""
        cut = cut_up(self._pending)
        self._pending = ""
        yield from self._picked(cut)

    def _picked(self, cut: Cut) -> Iterator[Record]:
        self.total += len(cut.bounds)
        for record in self._sieve.pick(cut, before=self._before):
            self.matched += 1
            yield record


def _bounds(draft: Draft) -> Iterator[tuple[int, int, Level]]:
    reading = draft.reading
    levels = [face.level for face in reading.faces]
    spans = {span.start: span for span in reading.spans}
    inside_until = 0
    for index, kind in enumerate(reading.of_line):
        if index < inside_until:
            continue
        span = spans.get(index)
        if span is not None:
            yield span.start, span.stop, span.level
            inside_until = span.stop
        elif not draft.blank(index):
            yield index, index + 1, levels[kind]


def _pattern(wanted: Wanted) -> re2._Regexp | None:
    if not wanted.keyword:
        return None
    options = re2.Options()
    options.case_sensitive = False
    options.max_mem = _PATTERN_MEMORY
    options.log_errors = False
    try:
        return re2.compile(wanted.keyword if wanted.regex else re2.escape(wanted.keyword), options)
    except re2.error as error:
        said = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise PatternInvalid(f"{wanted.keyword!r} is not a regular expression that re2 takes: {said}.") from error
