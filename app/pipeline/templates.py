"""Records to templates: how often each occurs, where, and what it looks like."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.logs import Level, Line, Template
from app.pipeline.merging import Key, Words, merge
from app.pipeline.records import Face, Span
from app.pipeline.shapes import Shape, shape

#: Records kept word for word per template: the first, the last, and one that differs from both.
EXEMPLARS = 3
_PATTERN_CHARS = 400
#: Lines that are looked at together for the last one of each unit.
_TOGETHER = 4096
#: Between the pattern of a record's head and that of the line that says why.
_WHY = " … "


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A log taken apart: per line its skeleton and letter, per skeleton its first line and its face, and the records of
    several lines.
    """

    of_line: Sequence[int]
    example: Sequence[int]
    letters: bytes
    faces: Sequence[Face]
    spans: Sequence[Span]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mined:
    """A template before its exemplars are cut out. `starts` are the first lines of its exemplars, the first one first.

    Lines are 0-based indices; `lines` counts those that are not blank.
    """

    pattern: str
    level: Level
    count: int
    lines: int
    first: int
    last: int
    starts: tuple[int, ...]


@dataclass(kw_only=True, slots=True)
class _Unit:
    """Records that are equal but for digits. Lines are 0-based indices."""

    level: Level
    shape: Shape
    count: int
    lines: int
    first: int
    last: int


@dataclass(kw_only=True, slots=True)
class _Draft:
    level: Level
    words: Words
    units: dict[int, _Unit] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouping:
    """Which records are alike: drafts of templates in order of first occurrence. Each record belongs to one."""

    drafts: Sequence[_Draft]
    #: Unit of each line's record, -1 inside of a record and on blank lines; and unit -> template.
    _unit_of_line: Sequence[int]
    _owner: Mapping[int, int]
    _spans: Sequence[Span]

    def template_of(self, line: int) -> int:
        """Index of the template that line `line` (0-based, not blank) belongs to."""
        unit = self._unit_of_line[line]
        if unit < 0:
            at = bisect_right(self._spans, line, key=lambda span: span.start) - 1
            unit = self._unit_of_line[self._spans[at].start]
        return self._owner[unit]

    def templates_of_lines(self) -> list[int | None]:
        """The same of all lines; None of a blank one outside of records."""
        found = [self._owner.get(unit) for unit in self._unit_of_line]
        for span in self._spans:
            found[span.start : span.stop] = [found[span.start]] * (span.stop - span.start)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Mining:
    """Templates in order of first occurrence, and which lines are theirs."""

    templates: Sequence[Mined]
    grouping: Grouping

    def template_of(self, line: int) -> int:
        """Index of the template that line `line` (0-based, not blank) belongs to."""
        return self.grouping.template_of(line)

    @property
    def records(self) -> int:
        """Records in the log."""
        return sum(template.count for template in self.templates)


def mine(reading: Reading) -> Mining:
    """Group the records of a log, count them and say what they look like."""
    grouping = grouped(reading)
    return Mining(templates=[_mined(draft) for draft in grouping.drafts], grouping=grouping)


def grouped(reading: Reading) -> Grouping:
    """Shape and merge the records of a log."""
    unit_of_line, kinds = _unite(reading)
    units = _units(reading, unit_of_line, kinds)
    weights: Counter[Key] = Counter()
    for unit in units.values():
        weights[unit.level, unit.shape] += unit.count
    words = merge(sorted(weights, key=lambda key: -weights[key]))
    # units come in order of first occurrence, so that drafts do
    drafts: dict[tuple[Level, Words], _Draft] = {}
    for number, unit in units.items():
        own = unit.level, words[unit.level, unit.shape]
        draft = drafts.get(own)
        if draft is None:
            draft = drafts[own] = _Draft(level=own[0], words=own[1])
        draft.units[number] = unit
    return Grouping(
        drafts=list(drafts.values()),
        _unit_of_line=unit_of_line,
        _owner={number: index for index, draft in enumerate(drafts.values()) for number in draft.units},
        _spans=reading.spans,
    )


def exemplified(mined: Mined, cut_out: Callable[[int], tuple[Line, ...]]) -> Template:
    """The template with its exemplars, equal ones once; `cut_out` gives the record that begins at a line index."""
    records = [cut_out(start) for start in mined.starts]
    distinct = {tuple(line.text for line in record): record for record in reversed(records)}
    ordered = sorted(distinct.values(), key=lambda record: record[0].number)
    return Template(
        pattern=mined.pattern,
        level=mined.level,
        count=mined.count,
        lines=mined.lines,
        first=mined.first + 1,
        last=mined.last + 1,
        exemplars=tuple(ordered),
    )


def _unite(reading: Reading) -> tuple[list[int], dict[int, tuple[int, int, Level]]]:
    """Each line's unit: records that are equal but for digits. A line's own skeleton is its unit, unless it belongs to
    a record of several lines; of those: unit -> skeletons of the head and of the line that says why, level.
    """
    of_line: list[int] = list(reading.of_line)
    numbers: dict[tuple[int, int, Level], int] = {}
    for span in reading.spans:
        telling = reading.of_line[span.telling] if span.telling >= 0 else -1
        number = numbers.setdefault(
            (reading.of_line[span.start], telling, span.level), len(reading.faces) + len(numbers)
        )
        of_line[span.start : span.stop] = [number] + [-1] * (span.stop - span.start - 1)
    return of_line, {number: key for key, number in numbers.items()}


def _units(reading: Reading, of_line: Sequence[int], kinds: Mapping[int, tuple[int, int, Level]]) -> dict[int, _Unit]:
    """Units with their counts. Per line only built-in functions run; Python code runs per span and per unit."""
    faces = reading.faces
    counts = Counter(of_line)
    last = _last(of_line)
    lines_of: Counter[int] = Counter()
    starts: dict[int, int] = {}
    for span in reading.spans:
        starts.setdefault(of_line[span.start], span.start)
        lines_of[of_line[span.start]] += span.stop - span.start - reading.letters.count(b"b", span.start, span.stop)
    shapes = _Shapes(faces)
    units: dict[int, _Unit] = {}
    for number, count in counts.items():
        if number < 0 or (number < len(faces) and faces[number].letter == ord("b")):
            continue
        head, telling, level = kinds.get(number) or (number, -1, faces[number].level)
        units[number] = _Unit(
            level=level,
            shape=shapes.of(head, telling),
            count=count,
            lines=lines_of.get(number, count),
            # the first line of a skeleton may have gone into a record of several lines
            first=starts[number] if number in starts else of_line.index(number, reading.example[number]),
            last=last[number],
        )
    return units


def _last(of_line: Sequence[int]) -> dict[int, int]:
    """The last line of each unit. Many lines at a time, because most units stand in most runs of lines."""
    last: dict[int, int] = {}
    for end in range(len(of_line), 0, -_TOGETHER):
        begin = max(end - _TOGETHER, 0)
        run = of_line[begin:end]
        fresh = set(run) - last.keys()
        if fresh:
            places = dict(zip(run, range(begin, end), strict=True))
            last |= {number: places[number] for number in fresh}
    return last


class _Shapes:
    """Shapes of records, each skeleton's worked out once."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self._faces = faces
        self._known: dict[int, Shape] = {}

    def of(self, head: int, telling: int) -> Shape:
        begin = self._one(head)
        if telling < 0 or telling == head:
            return begin
        return Shape(words=(*begin.words, _WHY.strip(), *self._one(telling).words), head=begin.head)

    def _one(self, number: int) -> Shape:
        found = self._known.get(number)
        if found is None:
            found = self._known[number] = shape(self._faces[number])
        return found


def _mined(draft: _Draft) -> Mined:
    units = list(draft.units.values())
    first = min(unit.first for unit in units)
    last = max(unit.last for unit in units)
    others = dict.fromkeys(start for unit in units[:8] for start in (unit.first, unit.last))
    starts = list(dict.fromkeys((first, last, *others)))[:EXEMPLARS]
    return Mined(
        pattern=" ".join(draft.words)[:_PATTERN_CHARS],
        level=draft.level,
        count=sum(unit.count for unit in units),
        lines=sum(unit.lines for unit in units),
        first=first,
        last=last,
        starts=tuple(starts),
    )
