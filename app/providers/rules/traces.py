"""Stack traces: the exception, its message, and the frame that belongs to the reader's own code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import re2

from app.domain.logs import Line
from app.pipeline.wrappers import PROGRAM, unwrap
from app.providers.rules.grammars import GRAMMARS, Grammar

#: Lines of a record that are read: a trace says what matters at its head and at its end.
MAX_LINES = 120
MESSAGE_CHARS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """What a stack trace tells. `kind` is a language; `decisive` the line with the exception."""

    kind: str
    type: str
    message: str
    decisive: Line
    #: `file:line in function` as far as known, and its line; None when every frame is a library's.
    where: str | None = None
    frame: Line | None = None


_FRAME = re2.compile(r'\s+(?:at |File "|from /|\.\.\. \d+ more)')


def parse(record: Sequence[Line]) -> Trace | None:
    """The trace in a record (its lines, head first); None when it holds none."""
    lines = record if len(record) <= MAX_LINES else [*record[: MAX_LINES // 2], *record[-MAX_LINES // 2 :]]
    bared = [bare(line) for line in lines]
    for grammar in GRAMMARS:
        if any(grammar.mark.search(line.text) for line in bared):
            trace = _read(grammar, bared)
            if trace is not None:
                return _quotable(trace, lines)
    return None


def bare(line: Line) -> Line:
    """The line as the program wrote it, without what a collector has put around it."""
    payload = unwrap(line.text).payload
    if payload == line.text:
        return line
    program = PROGRAM.match(payload)
    return replace(line, text=payload[program.end() :] if program else payload)


def _quotable(trace: Trace, lines: Sequence[Line]) -> Trace:
    """With its lines as they stand in the log."""
    whole = {line.number: line for line in lines}
    frame = trace.frame and whole[trace.frame.number]
    return replace(trace, decisive=whole[trace.decisive.number], frame=frame)


def spoken(record: Sequence[Line]) -> list[Line]:
    """The lines of a record in which the program speaks: no frames, and no source that Python shows below them."""
    heard: list[Line] = []
    source = False
    for line in record:
        text = bare(line).text
        frame = _FRAME.match(text)
        if not frame and not (source and text.startswith(" ")):
            heard.append(line)
        source = bool(frame) and "File " in text
    return heard


def _read(grammar: Grammar, lines: Sequence[Line]) -> Trace | None:
    errors = [(i, found) for i, line in enumerate(lines) if (found := _error(grammar, line.text))]
    if not errors:
        return None
    at, error = errors[grammar.error_at(len(errors))]
    groups = error.groupdict()
    frame, where = _own_frame(grammar, lines, at)
    return Trace(
        kind=grammar.kind,
        type=groups["type"],
        message=(groups.get("message") or groups.get("before") or "").strip()[:MESSAGE_CHARS],
        decisive=lines[at],
        where=where,
        frame=frame,
    )


def _error(grammar: Grammar, text: str) -> Any:
    """An exception line. A frame is none, though it may name an exception's class."""
    return (
        None
        if grammar.frame.search(text) and grammar.kind in ("java", "node", "python")
        else grammar.error.search(text)
    )


def _own_frame(grammar: Grammar, lines: Sequence[Line], at: int) -> tuple[Line | None, str | None]:
    own = [
        (i, found)
        for i, line in enumerate(lines)
        if (found := grammar.frame.search(line.text)) and not grammar.foreign.search(line.text)
    ]
    if not own:
        return None, None
    # frames of the decisive exception stand before it in Python, after it elsewhere
    near = own if grammar.kind == "python" else ([pair for pair in own if pair[0] >= at] or own)
    index, found = near[grammar.frame_at(len(near))]
    return lines[index], _where(found.groupdict())


def _where(groups: Mapping[str, str | None]) -> str:
    place = f"{groups['file']}:{groups['line']}"
    name = (groups.get("name") or "").strip()
    return f"{place} in {name}" if name and name != "<module>" else place
