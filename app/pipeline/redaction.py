"""Secrets and personal data become placeholders such as `<EMAIL_1>`, the same value always the same one in a log."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import re2

from app.pipeline.blocks import Lines
from app.pipeline.kinds.rule import Rule
from app.pipeline.lines import latin1
from app.pipeline.secrets import RULES

_PLACEHOLDER = re.compile(rb"<([A-Z][A-Z0-9_]*)_(\d{1,9})>")
#: A key in PEM spans this many lines at most (RSA 16384 needs 200).
_KEY_LINES = 400
_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
#: Lines that the rules are applied to together.
_AT_ONCE = 5000
_GROUPS = ("value", "double", "single", "escaped", "spaced", "tight", "prose")
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
#: A line inside of a key: base64 or a PEM header, whatever a collector put before it.
_KEY_BODY = re.compile(r"(?:^|[\s\"|])(?:[A-Za-z0-9+/]{40,76}={0,2}(?:\\n)?|Proc-Type: .*|DEK-Info: .*)[\"'\s,}]*$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Redacted:
    """What was found. `counts`: occurrences by kind; `placeholders`: those that may be put back, with their values."""

    counts: Mapping[str, int]
    placeholders: Mapping[str, str]


@dataclass(kw_only=True, slots=True)
class _Ledger:
    """Placeholders given out so far."""

    names: dict[tuple[str, str], str] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    reversible: dict[str, str] = field(default_factory=dict)

    def placeholder(self, kind: str, value: str, *, reversible: bool = False) -> str:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        name = self.names.get((kind, value))
        if name is None:
            number = self.last[kind] = self.last.get(kind, 0) + 1
            name = self.names[kind, value] = f"<{kind}_{number}>"
            if reversible:
                self.reversible[name] = value
        return name


def redact(lines: Lines) -> Redacted:
    """Replace in place, line by line, so that line numbers stay true. Redacting again changes nothing."""
    ledger = _Ledger()
    suspects = _suspects(lines)
    if suspects:
        # placeholders that already stand in the log keep their numbers to themselves
        for _, block in lines.blocks():
            for kind, number in _PLACEHOLDER.findall(block) if b"<" in block else ():
                ledger.last[kind.decode()] = max(ledger.last.get(kind.decode(), 0), int(number))
        _redact_keys(lines, suspects, ledger)
        for run in _runs(suspects):
            _redact_lines(lines, run, ledger)
    return Redacted(counts=dict(sorted(ledger.counts.items())), placeholders=ledger.reversible)


def _suspects(lines: Lines) -> list[int]:
    """Indices of the lines where some rule's trigger fires, ascending. One pass of one automaton."""
    found: list[int] = []
    for first, block in lines.blocks():
        position = counted = 0
        number = first
        while match := _TRIGGERS.search(block, position):
            number += block.count(b"\n", counted, match.start())
            counted = match.start()
            found.append(number)
            position = block.find(b"\n", match.end())
            if position < 0:
                break
    return found


def _redact_lines(lines: Lines, suspects: Sequence[int], ledger: _Ledger) -> None:
    """Every rule, one after the other, on the lines that one of them may match."""
    text = "\n".join(lines[index] for index in suspects).encode().decode("latin-1")
    for rule, finder, pattern in _COMPILED:
        starts = [hit.start() for hit in finder.finditer(text.encode("latin-1"))]
        if starts:
            text = _apply(rule, pattern, starts, (text, ledger))
    clean = text.encode("latin-1").decode("utf-8", "replace").split("\n")
    lines.replace(dict(zip(suspects, clean, strict=True)))


def _runs(suspects: Sequence[int]) -> Iterator[Sequence[int]]:
    """So many at a time that what is held beside the log stays small."""
    for begin in range(0, len(suspects), _AT_ONCE):
        yield suspects[begin : begin + _AT_ONCE]


def _apply(rule: Rule, pattern: re.Pattern[str], starts: Sequence[int], where: tuple[str, _Ledger]) -> str:
    """One rule at the places where it may match, in text that holds UTF-8 bytes, each as one character."""
    text, ledger = where
    parts: list[str] = []
    done = 0
    for start in starts:
        if start < done:
            continue
        match = pattern.match(text, start, _line_end(text, start))
        if not match:
            continue
        group = next((name for name in _GROUPS if name in pattern.groupindex and match[name] is not None), 0)
        value = match[group].encode("latin-1").decode("utf-8", "replace")
        judge = rule.judges.get(str(group), rule.accept)
        if judge is None or judge(value):
            parts += (text[done : match.start(group)], ledger.placeholder(rule.kind, value, reversible=rule.reversible))
            done = match.end(group)
    return "".join((*parts, text[done:])) if parts else text


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _redact_keys(lines: Lines, suspects: Sequence[int], ledger: _Ledger) -> None:
    """Private keys over several lines: each line of one becomes a placeholder, so that the count of lines stays."""
    for index in suspects:
        begin = _KEY_BEGIN.search(lines[index])
        if not begin or _KEY_END.search(lines[index], begin.end()):
            continue
        name = ledger.placeholder("PRIVATE_KEY", "\n".join(lines[index : index + 8]))
        fresh = {index: f"{lines[index][: begin.start()]}{name}"}
        for inside in range(index + 1, _key_stop(lines, index)):
            end = _KEY_END.search(lines[inside])
            fresh[inside] = f"{name}{lines[inside][end.end() :]}" if end else name
        lines.replace(fresh)


def _key_stop(lines: Lines, begin: int) -> int:
    """Behind the last line of the key that begins in line `begin`; a key that was cut off ends with its base64."""
    bound = min(begin + _KEY_LINES, len(lines))
    for index in range(begin + 1, bound):
        if _KEY_END.search(lines[index]):
            return index + 1
    return next((index for index in range(begin + 1, bound) if not _KEY_BODY.search(lines[index])), bound)


_TRIGGERS = re2.compile("|".join(f"(?:{rule.trigger})" for rule in RULES).encode("latin-1"), latin1())
_COMPILED = tuple(
    (rule, re2.compile((rule.finder or rule.trigger).encode("latin-1"), latin1()), re.compile(rule.pattern, re.ASCII))
    for rule in RULES
)
