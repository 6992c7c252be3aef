"""How languages print stack traces: a table of grammars (in RE2: logs are not trusted with backtracking)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import re2


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one language prints a trace."""

    kind: str
    #: Must be found in some line, or the record is not a trace of this language.
    mark: Any
    #: A line with the exception: groups `type` and `message`.
    error: Any
    #: A frame: group `file`, maybe `line` and `name`.
    frame: Any
    #: A frame of somebody else's code.
    foreign: Any
    #: Which of several exceptions, and which of several frames after it, is meant.
    error_at: Callable[[int], int]
    frame_at: Callable[[int], int]


def _first(_: int) -> int:
    return 0


def _last(count: int) -> int:
    return count - 1


GRAMMARS = (
    Grammar(
        "python",
        re2.compile(r"Traceback \(most recent call last\)"),
        re2.compile(
            # at the line's begin, or after what a supervisor writes before it
            r"(?:^|[\]|:Z] )\s{0,4}(?P<type>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Timeout|Refused)"
            r"|[A-Za-z_]\w*(?:\.\w+)+)(?:: (?P<message>.*))?$"
        ),
        re2.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>\S+))?'),
        re2.compile(r"site-packages|dist-packages|/lib(?:64)?/python|<frozen|<string>"),
        _last,
        _last,
    ),
    Grammar(
        "java",
        re2.compile(r"^\s+at [\w.$/<>]+\([^)]*\)|^\s*\.\.\. \d+ (?:more|common frames)"),
        re2.compile(
            r"(?:Caused by: |^|\s)(?P<type>(?:[a-z]\w*\.)+[A-Z][\w$]+|[A-Z]\w*(?:Exception|Error))"
            r"(?::\s+(?P<message>.*))?$"
        ),
        re2.compile(r"^\s+at (?P<name>[\w.$/<>]+)\((?P<file>[\w$]+\.\w+):(?P<line>\d+)\)"),
        re2.compile(
            r"at (?:[\w.@]+/)*(?:java|javax|jakarta|jdk|sun|kotlin|kotlinx|scala|akka|reactor|feign|okhttp3|kafka"
            r"|lombok|oracle|rx|liquibase|io\.(?:netty|undertow|grpc|vertx)|com\.(?:sun|zaxxer|mysql|fasterxml|google)"
            r"|org\.(?:springframework|apache|hibernate|postgresql|eclipse|jboss|junit|gradle|flywaydb))\."
        ),
        _last,
        _first,
    ),
    Grammar(
        "dotnet",
        re2.compile(r"^\s+at .+ in .+:line \d+|^Unhandled exception\. |^\s+at (?:System|Microsoft)\."),
        re2.compile(
            r"(?:--->\s+|Unhandled exception\.\s+|^|\s)(?P<type>(?:[A-Z]\w*\.)+[A-Z]\w*Exception)(?: \(\w+\))?: "
            r"(?P<message>.*)$"
        ),
        re2.compile(r"^\s+at (?P<name>[^(]+)\(.*?\) in (?P<file>.+):line (?P<line>\d+)"),
        re2.compile(r"at (?:System|Microsoft)\."),
        _first,
        _first,
    ),
    Grammar(
        "node",
        re2.compile(r"^\s+at .*(?:\(.+:\d+:\d+\)|\S+:\d+:\d+)\s*$|^\s+at .*\(?node:internal"),
        re2.compile(
            r"(?:^|\s)(?:Uncaught )?(?P<type>[A-Z]\w*(?:Error|Exception)|Error)(?: \[\w+\])?: (?P<message>.*)$"
        ),
        re2.compile(
            r"^\s+at (?:(?:async )?(?P<name>[^(]+?) )?\(?(?:file://)?(?P<file>[^()]+?):(?P<line>\d+):\d+\)?\s*$"
        ),
        re2.compile(r"node_modules|node:|\(internal/|<anonymous>"),
        _first,
        _first,
    ),
    Grammar(
        "go",
        re2.compile(r"^goroutine \d+ \[|panic: "),
        re2.compile(r"(?P<type>panic|fatal error): (?P<message>.*)$"),
        re2.compile(r"^\s*(?P<file>/?\S+\.go):(?P<line>\d+)(?: \+0x[0-9a-f]+)?\s*$"),
        re2.compile(r"/usr/local/go/|/go/pkg/mod/|/runtime/|/libexec/src/|/vendor/|@v\d"),
        _first,
        _first,
    ),
    Grammar(
        "ruby",
        re2.compile(r"\.rb:\d+:in "),
        re2.compile(
            r"(?:'\s*:\s(?P<before>[^()]+) \()?"
            r"\b(?P<type>(?:[A-Z]\w*::)*[A-Z]\w*(?:Error|NotFound|Invalid|Timeout|Exception))\b\)?(?:[:\s(]+(?P<message>.*?)\)?)?:?$"
        ),
        re2.compile(r"(?P<file>[\w./-]+\.rb):(?P<line>\d+):in [`'](?P<name>[^'`]+)'"),
        re2.compile(r"/gems/|/ruby/\d|/lib/ruby/"),
        _first,
        _first,
    ),
    Grammar(
        "rust",
        re2.compile(r"thread '.*' panicked at"),
        re2.compile(r"thread '.*' (?P<type>panicked) at (?P<message>.*)$"),
        re2.compile(r"(?P<file>[\w./-]+\.rs):(?P<line>\d+)(?::\d+)?"),
        re2.compile(r"/rustc/|\.cargo/registry"),
        _first,
        _first,
    ),
    Grammar(
        "php",
        re2.compile(r"PHP (?:Fatal|Parse) error|^#\d+ .+\.php\(\d+\)"),
        re2.compile(r"PHP (?P<type>(?:Fatal|Parse) error):\s+(?P<message>.*)$"),
        re2.compile(r"(?P<file>/\S+\.php)(?: on line |:|\()(?P<line>\d+)"),
        re2.compile(r"/vendor/"),
        _first,
        _first,
    ),
)
