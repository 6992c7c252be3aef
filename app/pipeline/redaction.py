"""Secrets and personal data become placeholders such as `<EMAIL_1>`, the same value always the same one in a log."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import re2

from app.pipeline import repeats
from app.pipeline.blocks import Lines
from app.pipeline.kinds.rule import Rule
from app.pipeline.lines import latin1
from app.pipeline.secrets import RULES
from app.pipeline.suspects import Places, Suspects, compiled

_PLACEHOLDER = re.compile(rb"<([A-Z][A-Z0-9_]*)_(\d{1,9})>")
#: A key in PEM spans this many lines at most (RSA 16384 needs 200).
_KEY_LINES = 400
#: Bytes of suspicious lines that go through the rules together, about: each rule is tried once for all of them.
_TOGETHER = 1 << 18
_KEY_MARK = b"PRIVATE KEY"
_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_GROUPS = ("value", "double", "single", "escaped", "spaced", "tight", "prose", "coded")
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
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

    def irreversible(self) -> Mapping[str, str]:
        """Values and their placeholders; of two kinds the first one."""
        found: dict[str, str] = {}
        for (_, value), name in self.names.items():
            if name not in self.reversible:
                found.setdefault(value, name)
        return found

    def count(self, repeated: Mapping[str, int]) -> None:
        for name, times in repeated.items():
            kind = name[1:].rpartition("_")[0]
            self.counts[kind] = self.counts.get(kind, 0) + times


def redact(lines: Lines, suspects: Suspects | None = None) -> Redacted:
    """Replace in place, line by line, so that line numbers stay true. Redacting again changes nothing."""
    suspects = suspects or Suspects(lines)
    ledger: _Ledger | None = None
    places: dict[int, Places] = {}
    size = 0
    for number in lines.numbers:
        found = suspects.lines_with(_TRIGGERS, number)
        if found:
            ledger = ledger or _ledger(lines)
            places[number] = found
            size += sum(end - start for start, end in found)
            if size > _TOGETHER:
                _redact_blocks(lines, places, (suspects, ledger))
                places, size = {}, 0
    if ledger is None:
        return Redacted(counts={}, placeholders={})
    _redact_blocks(lines, places, (suspects, ledger))
    ledger.count(repeats.hide(lines, ledger.irreversible()))
    return Redacted(counts=dict(sorted(ledger.counts.items())), placeholders=ledger.reversible)


def _ledger(lines: Lines) -> _Ledger:
    """A new one. Placeholders that already stand in the log keep their numbers to themselves."""
    ledger = _Ledger()
    for block in lines.blocks():
        for kind, number in _PLACEHOLDER.findall(block) if b"<" in block else ():
            ledger.last[kind.decode()] = max(ledger.last.get(kind.decode(), 0), int(number))
    return ledger


def _redact_blocks(lines: Lines, places: dict[int, Places], into: tuple[Suspects, _Ledger]) -> None:
    """Every rule, one after the other, on the lines that one of them may match."""
    suspects, ledger = into
    for changed in _redact_keys(lines, places, ledger):
        suspects.look_again(changed)
        if changed in places:
            places[changed] = suspects.lines_with(_TRIGGERS, changed)
    text = b"\n".join(lines.block(number)[start:end] for number, found in places.items() for start, end in found)
    worth_trying = frozenset(_BY_WORDS.Match(text, True) or ())
    for number, (rule, finder, pattern) in enumerate(_COMPILED):
        starts = [hit.start() for hit in finder.finditer(text)] if number in worth_trying else ()
        if starts:
            text = _apply(rule, pattern, starts, (text.decode("latin-1"), ledger)).encode("latin-1")
            worth_trying = frozenset(_BY_WORDS.Match(text, True) or ())
    clean = iter(text.decode("utf-8", "replace").encode().split(b"\n"))
    for number, found in places.items():
        lines.rewrite(number, _spliced(lines.block(number), found, clean))


def _spliced(block: bytes, places: Places, clean: Iterator[bytes]) -> bytes:
    """`block` with the next clean lines in those places."""
    parts: list[bytes] = []
    done = 0
    for start, end in places:
        parts += (block[done:start], b"\n".join(islice(clean, block.count(b"\n", start, end) + 1)))
        done = end
    return b"".join((*parts, block[done:]))


def _apply(rule: Rule, pattern: re.Pattern[str], starts: Sequence[int], where: tuple[str, _Ledger]) -> str:
    """One rule at the places where it may match, in text that holds UTF-8 bytes, each as one character."""
    text, ledger = where
    groups = [name for name in _GROUPS if name in pattern.groupindex]
    parts: list[str] = []
    done = 0
    for start in starts:
        if start < done:
            continue
        match = pattern.match(text, start, _line_end(text, start))
        if not match:
            continue
        group = next((name for name in groups if match[name] is not None), 0)
        value = match[group].encode("latin-1").decode("utf-8", "replace")
        judge = rule.judges.get(str(group), rule.accept)
        if judge is None or judge(value):
            parts += (text[done : match.start(group)], ledger.placeholder(rule.kind, value, reversible=rule.reversible))
            done = match.end(group)
    return "".join((*parts, text[done:])) if parts else text


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _redact_keys(lines: Lines, places: Mapping[int, Places], ledger: _Ledger) -> set[int]:
    """Private keys over several lines: each line of one becomes a placeholder, so that the count of lines stays.

    Returns the numbers of the blocks that have changed.
    """
    fresh: dict[int, str] = {}
    for number, found in places.items():
        block = lines.block(number)
        for start, end in found:
            if _KEY_MARK in block[start:end]:
                first = lines.first(number) + block.count(b"\n", 0, start)
                for index in range(first, first + block.count(b"\n", start, end) + 1):
                    fresh |= {} if index in fresh else _redacted_key(lines, index, ledger)
    return lines.replace(fresh)


def _redacted_key(lines: Lines, index: int, ledger: _Ledger) -> dict[int, str]:
    """What becomes of the lines of a key that begins in line `index`; nothing when it begins and ends there."""
    begin = _KEY_BEGIN.search(lines[index])
    if not begin or _KEY_END.search(lines[index], begin.end()):
        return {}
    name = ledger.placeholder("PRIVATE_KEY", "\n".join(lines[index : index + 8]))
    fresh = {index: f"{lines[index][: begin.start()]}{name}"}
    for inside in range(index + 1, _key_stop(lines, index)):
        end = _KEY_END.search(lines[inside])
        fresh[inside] = f"{name}{lines[inside][end.end() :]}" if end else name
    return fresh


def _key_stop(lines: Lines, begin: int) -> int:
    """Behind the last line of the key that begins in line `begin`; a key that was cut off ends with its base64."""
    bound = min(begin + _KEY_LINES, len(lines))
    for index in range(begin + 1, bound):
        if _KEY_END.search(lines[index]):
            return index + 1
    return next((index for index in range(begin + 1, bound) if not _KEY_BODY.search(lines[index])), bound)


_TRIGGERS = compiled(*(rule.trigger for rule in RULES))
_COMPILED = tuple((rule, compiled(rule.finder or rule.trigger), re.compile(rule.pattern, re.ASCII)) for rule in RULES)


def _by_words() -> "re2.Filter[bytes]":
    """Tells, by the words that a pattern cannot match without, which of `_COMPILED` may match a text."""
    found = re2.Filter()
    for _, finder, _ in _COMPILED:
        found.Add(finder.pattern, latin1())
    found.Compile()
    return found


_BY_WORDS = _by_words()
