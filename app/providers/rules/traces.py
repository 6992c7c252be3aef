"""Stack traces: the exception, its message, and the frame that belongs to the reader's own code."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.logs import Line

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


@dataclass(frozen=True, slots=True)
class _Grammar:
    """How one language prints a trace."""

    kind: str
    #: Must be found in some line, or the record is not a trace of this language.
    mark: re.Pattern[str]
    #: A line with the exception: groups `type` and `message`.
    error: re.Pattern[str]
    #: A frame: group `file`, maybe `line` and `name`.
    frame: re.Pattern[str]
    #: A frame of somebody else's code.
    foreign: re.Pattern[str]
    #: Which of several exceptions, and which of several frames after it, is meant.
    error_at: Callable[[int], int]
    frame_at: Callable[[int], int]


def _first(_: int) -> int:
    return 0


def _last(count: int) -> int:
    return count - 1


_GRAMMARS = (
    _Grammar(
        "python",
        re.compile(r"Traceback \(most recent call last\)"),
        re.compile(
            r"^(?:\S+ \| )?\s{0,4}(?P<type>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Timeout|Refused|\w))(?:: (?P<message>.*))?$"
        ),
        re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>\S+))?'),
        re.compile(r"site-packages|dist-packages|/lib(?:64)?/python|<frozen|<string>"),
        _last,
        _last,
    ),
    _Grammar(
        "java",
        re.compile(r"^\s+at [\w.$/<>]+\([^)]*\)|^\s*\.\.\. \d+ (?:more|common frames)"),
        re.compile(
            r"(?:Caused by: |^|\s)(?P<type>(?:[a-z][\w]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable|Timeout\w*|Failure|[A-Z]\w+)|"
            r"[A-Z]\w*(?:Exception|Error))(?::\s+(?P<message>.*))?$"
        ),
        re.compile(r"^\s+at (?P<name>[\w.$/<>]+)\((?P<file>[\w$]+\.\w+):(?P<line>\d+)\)"),
        re.compile(
            r"at (?:[\w.@]+/)*(?:java|javax|jakarta|jdk|sun|com\.sun|kotlin|kotlinx|scala|akka|io\.netty|reactor|org\.springframework|org\.apache"
            r"|org\.hibernate|com\.zaxxer|org\.postgresql|com\.mysql|org\.eclipse|io\.undertow|org\.jboss|feign|okhttp3|com\.fasterxml|org\.junit"
            r"|com\.google|io\.grpc|kafka|org\.gradle|lombok|oracle|rx|io\.vertx|org\.flywaydb|liquibase)\."
        ),
        _last,
        _first,
    ),
    _Grammar(
        "dotnet",
        re.compile(r"^\s+at .+ in .+:line \d+|^Unhandled exception\. |^\s+at (?:System|Microsoft)\."),
        re.compile(
            r"(?:--->\s+|Unhandled exception\.\s+|^|\s)(?P<type>(?:[A-Z]\w*\.)+[A-Z]\w*Exception)(?: \(\w+\))?: (?P<message>.*)$"
        ),
        re.compile(r"^\s+at (?P<name>[^(]+)\(.*?\) in (?P<file>.+):line (?P<line>\d+)"),
        re.compile(r"at (?:System|Microsoft)\."),
        _first,
        _first,
    ),
    _Grammar(
        "node",
        re.compile(r"^\s+at .*(?:\(.+:\d+:\d+\)|\S+:\d+:\d+)\s*$|^\s+at .*\(?node:internal"),
        re.compile(
            r"(?:^|\s)(?:Uncaught )?(?P<type>[A-Z]\w*(?:Error|Exception)|Error)(?: \[(?P<code>\w+)\])?: (?P<message>.*)$"
        ),
        re.compile(
            r"^\s+at (?:(?:async )?(?P<name>[^(]+?) )?\(?(?:file://)?(?P<file>[^()]+?):(?P<line>\d+):\d+\)?\s*$"
        ),
        re.compile(r"node_modules|node:|\(internal/|<anonymous>"),
        _first,
        _first,
    ),
    _Grammar(
        "go",
        re.compile(r"^goroutine \d+ \[|panic: "),
        re.compile(r"(?P<type>panic|fatal error): (?P<message>.*)$"),
        re.compile(r"^\s*(?P<file>/?\S+\.go):(?P<line>\d+)(?: \+0x[0-9a-f]+)?\s*$"),
        re.compile(r"/usr/local/go/|/go/pkg/mod/|/runtime/|/libexec/src/|/vendor/|@v\d"),
        _first,
        _first,
    ),
    _Grammar(
        "ruby",
        re.compile(r"\.rb:\d+:in "),
        re.compile(
            r"(?:'\s*:\s(?P<before>[^()]+) \()?\b(?P<type>(?:[A-Z]\w*::)*[A-Z]\w*(?:Error|NotFound|Invalid|Timeout|Exception))\b\)?"
            r"(?:[:\s(]+(?P<message>.*?)\)?)?:?$"
        ),
        re.compile(r"(?P<file>[\w./-]+\.rb):(?P<line>\d+):in [`'](?P<name>[^'`]+)'"),
        re.compile(r"/gems/|/ruby/\d|/lib/ruby/"),
        _first,
        _first,
    ),
    _Grammar(
        "rust",
        re.compile(r"thread '.*' panicked at"),
        re.compile(r"thread '.*' (?P<type>panicked) at (?P<message>.*)$"),
        re.compile(r"(?P<file>[\w./-]+\.rs):(?P<line>\d+)(?::\d+)?"),
        re.compile(r"/rustc/|\.cargo/registry"),
        _first,
        _first,
    ),
    _Grammar(
        "php",
        re.compile(r"PHP (?:Fatal|Parse) error|^#\d+ .+\.php\(\d+\)"),
        re.compile(r"PHP (?P<type>(?:Fatal|Parse) error):\s+(?P<message>.*)$"),
        re.compile(r"(?P<file>/\S+\.php)(?: on line |:|\()(?P<line>\d+)"),
        re.compile(r"/vendor/"),
        _first,
        _first,
    ),
)

_FRAME = re.compile(r'\s+(?:at |File "|from /|\.\.\. \d+ more)')


def parse(record: Sequence[Line]) -> Trace | None:
    """The trace in a record (its lines, head first); None when it holds none."""
    lines = record if len(record) <= MAX_LINES else [*record[: MAX_LINES // 2], *record[-MAX_LINES // 2 :]]
    for grammar in _GRAMMARS:
        if any(grammar.mark.search(line.text) for line in lines):
            trace = _read(grammar, lines)
            if trace is not None:
                return trace
    return None


def spoken(record: Sequence[Line]) -> list[Line]:
    """The lines of a record in which the program speaks: without frames, and without the source that Python shows below them."""
    heard: list[Line] = []
    source = False
    for line in record:
        frame = _FRAME.match(line.text)
        if not frame and not (source and line.text.startswith(" ")):
            heard.append(line)
        source = bool(frame) and "File " in line.text
    return heard


def _read(grammar: _Grammar, lines: Sequence[Line]) -> Trace | None:
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


def _error(grammar: _Grammar, text: str) -> re.Match[str] | None:
    """An exception line. A frame is none, though it may name an exception's class."""
    return (
        None
        if grammar.frame.search(text) and grammar.kind in ("java", "node", "python")
        else grammar.error.search(text)
    )


def _own_frame(grammar: _Grammar, lines: Sequence[Line], at: int) -> tuple[Line | None, str | None]:
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
