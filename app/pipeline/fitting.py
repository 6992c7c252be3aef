"""Which templates and lines a prompt shows, within its budget; and what became of all the others."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from app.domain.diagnoses import LeftOut
from app.domain.logs import Level, Line, Template
from app.pipeline import layout

#: Lines shown of one record, the head and the line that says why included; the others are counted.
RECORD_LINES = 12
#: Lines shown before the first error, after it, and at the end of the log.
BEFORE, AFTER, END = 10, 3, 10
#: Lines shown before each further error of a window.
NEAR = 2
#: Share of the room that patterns may take before any template is shown by an example.
_PATTERNS = 0.6
#: Share of the room that the lines before the first error may take before any other error is shown.
_BEGINNING = 0.15
#: Words that begin the lines worth showing inside of a long record.
_TELLING = ("Caused by", "Suppressed", "Traceback", "During handling", "The above exception", "goroutine")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The log behind the page. Lines are numbers, 1-based."""

    total: int
    #: The line as shown; None for a blank one.
    line: Callable[[int], Line | None]
    #: Template of a line that is not blank; None when it is beyond the most that are kept.
    template_of: Callable[[int], int | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """What is shown."""

    shown: tuple[Line, ...]
    templates_shown: tuple[int, ...]
    #: Tokens of rows and lines, estimated.
    tokens: int
    lines_counted: int
    left_out: tuple[LeftOut, ...]
    #: Template of each line shown; None when it is beyond the most that are kept.
    owners: tuple[int | None, ...]


@dataclass(kw_only=True, slots=True)
class _Page:
    """What has been chosen so far, and the tokens left."""

    room: int
    lines: dict[int, Line] = field(default_factory=dict)
    #: Template -> tokens of its row.
    rows: dict[int, int] = field(default_factory=dict)

    def add(self, lines: Iterable[Line | None], *, row: tuple[int, int] | None = None) -> bool:
        """Add all of it or nothing. `row`: a template and the cost of its row, in place of the one it has."""
        fresh = {line.number: line for line in lines if line is not None and line.number not in self.lines}
        cost = sum(map(layout.line_cost, fresh.values()))
        if row is not None:
            cost += row[1] - self.rows.get(row[0], 0)
        if cost > self.room:
            return False
        self.room -= cost
        self.lines.update(fresh)
        if row is not None:
            self.rows[row[0]] = row[1]
        return True


def fit(templates: Sequence[Template], source: Source, *, room: int, chars: int, first_error: int | None) -> Fitted:
    """Fill `room` tokens: the first error and what preceded it, errors, the end of the log, warnings, then the rest.

    `templates` come most telling first; `chars` of a pattern stand for a template that no line is shown of.
    """
    page = _Page(room=room)
    loud = [index for index, template in enumerate(templates) if template.level >= Level.ERROR]
    warnings = [index for index, template in enumerate(templates) if template.level == Level.WARNING]
    rest = [index for index, template in enumerate(templates) if template.level < Level.WARNING]
    if first_error is not None:
        _begin(page, templates, source, first_error, chars=chars)
    _patterns(page, templates, loud, chars)
    for index in loud:
        _exemplify(page, templates, index, chars)
    if first_error is not None:
        _each(page, source, _before(first_error, BEFORE), share=0.3)
        _each(page, source, range(first_error + 1, min(first_error + AFTER, source.total) + 1), share=0.1)
    _each(page, source, range(source.total, max(source.total - END, 0), -1), share=0.5)
    for index in warnings:
        _exemplify(page, templates, index, chars)
    # the commonest first: one row accounts for most of the log
    _patterns(page, templates, sorted(rest, key=lambda index: -templates[index].lines), chars)
    for index in rest:
        _exemplify(page, templates, index, chars)
    for index in loud:
        for record in templates[index].exemplars[1:]:
            page.add(excerpt(record))
    return _fitted(page, templates, source, room=room)


def fit_window(
    templates: Sequence[Template], source: Source, *, room: int, chars: int, loud: Sequence[int], others: Sequence[int]
) -> Fitted:
    """Fill `room` tokens with a window: its errors by example, what preceded them, then what else begins there.

    `loud` and `others` are indices into `templates`, in the order in which they are shown while there is room.
    """
    page = _Page(room=room)
    for index in loud:
        _exemplify(page, templates, index, chars)
    for index in loud:
        _each(page, source, _before(templates[index].first, BEFORE if index == loud[0] else NEAR), share=0.3)
    for index in others:
        _exemplify(page, templates, index, chars)
    return _fitted(page, templates, source, room=room)


def example_cost(template: Template, *, room: int) -> int | None:
    """Tokens of a template that is shown by its first record, else by its head; None when neither fits `room`."""
    record, bare = excerpt(template.exemplars[0]), layout.row_cost(template)
    costs = (bare + sum(map(layout.line_cost, lines)) for lines in (record, record[:1]))
    return next((cost for cost in costs if cost <= room), None)


def tally(templates: Sequence[Template], rows: Collection[int], owners: Sequence[int | None]) -> tuple[int, int]:
    """Lines stood for by the templates of `rows` without being shown, and lines of other templates not shown.

    `owners`: the template of each line that is shown; None when it is beyond the most that are kept.
    """
    shown_of_rows = sum(owner in rows for owner in owners)
    shown_of_others = sum(owner is not None and owner not in rows for owner in owners)
    counted = sum(templates[index].lines for index in rows) - shown_of_rows
    unshown = sum(t.lines for index, t in enumerate(templates) if index not in rows) - shown_of_others
    return counted, unshown


def excerpt(record: Sequence[Line]) -> list[Line]:
    """The lines of a record that are shown: its head and first frames, its causes with a frame each, its end."""
    spoken = [line for line in record if line.text.strip()]
    if len(spoken) <= RECORD_LINES:
        return spoken
    wanted = dict.fromkeys((*range(4), len(spoken) - 1, len(spoken) - 2))
    for index, line in enumerate(spoken):
        if any(word in line.text for word in _TELLING):
            wanted |= dict.fromkeys((index, min(index + 1, len(spoken) - 1)))
    chosen = sorted(list(wanted)[:RECORD_LINES])
    return [spoken[index] for index in chosen]


def _begin(page: _Page, templates: Sequence[Template], source: Source, first_error: int, *, chars: int) -> None:
    """However many errors there are: the first one, and before it as many lines as may always take room."""
    index = source.template_of(first_error)
    if index is not None:
        _exemplify(page, templates, index, chars)
    else:
        page.add((source.line(first_error),))
    _each(page, source, _before(first_error, BEFORE), share=_BEGINNING)


def _before(number: int, lines: int) -> range:
    """The lines before this one, nearest first."""
    return range(number - 1, max(number - 1 - lines, 0), -1)


def _patterns(page: _Page, templates: Sequence[Template], indices: Sequence[int], chars: int) -> None:
    """Each by its pattern first, so that few are missing when not all of them can be shown by example."""
    floor = page.room * (1 - _PATTERNS)
    for index in indices:
        cost = layout.row_cost(templates[index], chars=chars)
        if page.room - cost >= floor:
            page.add((), row=(index, cost))


def _exemplify(page: _Page, templates: Sequence[Template], index: int, chars: int) -> None:
    """Show a template by its first record, else by its head, else by its pattern."""
    template = templates[index]
    record = excerpt(template.exemplars[0])
    bare = (index, layout.row_cost(template))
    if page.add(record, row=bare) or page.add(record[:1], row=bare) or index in page.rows:
        return
    page.add((), row=(index, layout.row_cost(template, chars=chars)))


def _each(page: _Page, source: Source, numbers: Iterable[int], *, share: float) -> None:
    """One line after the other, as long as they take no more than a share of what is left."""
    floor = page.room * (1 - share)
    for number in numbers:
        line = source.line(number)
        if line is not None and page.room - layout.line_cost(line) >= floor:
            page.add((line,))


def _fitted(page: _Page, templates: Sequence[Template], source: Source, *, room: int) -> Fitted:
    shown = tuple(page.lines[number] for number in sorted(page.lines))
    owners = tuple(source.template_of(line.number) for line in shown)
    counted, unshown = tally(templates, page.rows, owners)
    return Fitted(
        shown=shown,
        templates_shown=tuple(sorted(page.rows)),
        tokens=room - page.room,
        lines_counted=counted,
        left_out=(LeftOut(reason="token_budget", lines=unshown),) if unshown else (),
        owners=owners,
    )
