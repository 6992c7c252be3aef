"""Lines that differ only in digits have one skeleton: everything else is worked out once per skeleton, not per line.

Whole-text work in C (`translate`, `replace`, `split`), no Python code per line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.pipeline.constants import HIDE, PATTERN

_ZEROES = bytes.maketrans(b"123456789", b"000000000")
_RUNS = (b"0" * 16, b"0" * 4, b"00", b"00")
#: A word of hexadecimal digits, its digits already collapsed.
_HEX = re.compile(rb"\b(?=[a-fA-F]*0)(?:[0a-f]+|[0A-F]+)\b")
#: Above this many skeletons, ids in hexadecimal are probably why.
_MANY = 500
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Skeletons:
    """`of_line[i]` is the skeleton (0-based) of line i, `example[s]` a line that has skeleton s."""

    of_line: list[int]
    example: list[int]


def skeletons(lines: Sequence[str]) -> Skeletons:
    """Which lines differ only in digits, or in ids when there are many. Meaningful numbers count as text."""
    data = "\n".join(lines).encode()
    bones = _collapse(_without_digits(data)).split(b"\n")
    numbering = {bone: number for number, bone in enumerate(dict.fromkeys(bones))}
    if len(numbering) > _MANY:
        merged = _HEX.sub(b"0", b"\n".join(numbering))
        coarse = _collapse(merged).split(b"\n")
        renumbered = {bone: number for number, bone in enumerate(dict.fromkeys(coarse))}
        numbering = dict(zip(numbering, map(renumbered.__getitem__, coarse), strict=True))
    of_line = list(map(numbering.__getitem__, bones))
    first = dict(zip(reversed(of_line), range(len(of_line) - 1, -1, -1), strict=True))
    return Skeletons(of_line=of_line, example=[first[number] for number in range(len(first))])


def _without_digits(data: bytes) -> bytes:
    """Every digit as 0, except in meaningful numbers, whose digits are hidden."""
    flat = data.translate(_ZEROES)
    parts: list[bytes] = []
    begin = 0
    while begin < len(data):
        # re2 is slower at the end of a long text than at its start: blocks of whole lines
        end = data.find(b"\n", begin + _BLOCK)
        end = len(data) if end < 0 else end
        done = begin
        for match in PATTERN.finditer(data[begin:end]):
            start, stop = begin + match.start(), begin + match.end()
            parts += (flat[done:start], data[start:stop].translate(HIDE))
            done = stop
        parts.append(flat[done:end])
        begin = end
    return b"".join(parts)


def _collapse(data: bytes) -> bytes:
    for run in _RUNS:
        data = data.replace(run, b"0")
    return data
