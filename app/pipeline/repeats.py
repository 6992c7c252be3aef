"""Secrets that stand a second time where nothing gives them away: `-p …` in one line, `password=…` in another.

Whatever a rule has recognized is looked for once more in the whole log, all of it in one pass of one automaton, and
only when there is anything to look for.
"""

import re
from collections import Counter
from collections.abc import Mapping

import re2

from app.pipeline.blocks import Lines
from app.pipeline.lines import latin1

#: Values that are looked for, the first ones that were found; with more, later ones stay where no rule sees them.
MOST_VALUES = 500
#: Characters that a value must have at least: with letters and digits among them, and with digits alone.
LEAST_MIXED = 6
LEAST_DIGITS = 10
#: Characters of a value at most, so that the automaton stays small.
MOST_CHARS = 256
#: What would be hidden all over a log though it is no secret there: words with a number, algorithms, addresses, dates,
#: paths, placeholders, and names of fields.
_COMMON = re.compile(
    r"(?i)(?:[a-z]+[-_.])*(?:password|passwd|pass|secret|token|key|admin|user|root|test|guest|demo|default|example|changeme"
    r"|host|localhost|node|server|client|service|worker|db|web|app|api|master|replica|prod|production|staging|dev|sha|aes"
    r"|base|utf|version|release|build|task|job|thread|pool|container|cluster|region|zone|postgres|mysql|redis|kafka|log"
    r"|http|tls|oauth)[-_.]?\d{1,5}|(?:us|eu|ap|sa|ca|me|af)-[a-z]+-\d[a-z]?|v?\d+(?:\.\d+)+[\w.-]*"
    r"|\d{4}-\d\d-\d\d\S*|(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?|(?-i:(?:[a-z0-9_.-]*/)+[a-z0-9_.-]*)|<?[A-Z][A-Z0-9_]*_\d{1,9}>?|0x[0-9a-f]{1,7}"
)
_WORD = re.compile(rb"[A-Za-z0-9_]")
#: What may stand right before a value though it ends in a letter: an escape, a short option.
_BEFORE = re.compile(rb"(?:\\[nrt]|(?:^|[\s\"'])-[A-Za-z]|%[0-9A-Fa-f]{2}|u00[0-9A-Fa-f]{2}|\[[0-9;]{0,8}m)\Z")
_AROUND = 12


def worth_repeating(value: str) -> bool:
    """Can it be looked for without its label? Not a word, nor what many lines hold for another reason."""
    if (
        not LEAST_MIXED <= len(value) <= MOST_CHARS
        or not re.fullmatch(r"\S+(?: \S+)*", value)
        or _COMMON.fullmatch(value)
    ):
        return False
    if not re.search(r"\d", value):
        return False
    return bool(re.search(r"[^\W\d_]", value)) or sum(map(str.isdigit, value)) >= LEAST_DIGITS


def hide(lines: Lines, found: Mapping[str, str]) -> Mapping[str, int]:
    """Replace in place every occurrence, at the borders of words, of values by their placeholders.

    `found`: value -> placeholder. Returns how many times each placeholder was put.
    """
    names = {value.encode(): name.encode() for value, name in found.items() if worth_repeating(value)}
    names = dict(list(names.items())[:MOST_VALUES])
    counts: Counter[str] = Counter()
    if not names:
        return counts
    # of two that begin alike the longer one
    pattern = re2.compile(b"|".join(map(re2.escape, sorted(names, key=len, reverse=True))), latin1())
    for number in lines.numbers:
        block = lines.block(number)
        parts: list[bytes] = []
        done = 0
        for match in pattern.finditer(block):
            start, end = match.span()
            if _apart(block, start, end):
                name = names[match[0]]
                parts += (block[done:start], name)
                counts[name.decode()] += 1
                done = end
        if parts:
            lines.rewrite(number, b"".join((*parts, block[done:])))
    return counts


def _apart(block: bytes, start: int, end: int) -> bool:
    """No part of a longer word."""
    if _WORD.match(block, end - 1) and _WORD.match(block, end):
        return False
    if not (_WORD.match(block, start) and start and _WORD.match(block, start - 1)):
        return True
    return bool(_BEFORE.search(block[max(start - _AROUND, 0) : start]))
