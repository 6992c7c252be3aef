"""Lines that differ only in digits have one skeleton: everything else is worked out once per skeleton, not per line.

Work in C on a megabyte at a time (`translate`, `replace`, `split`), no Python code per line.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from app.pipeline.constants import HIDE, spans
from app.pipeline.lines import blocks

_ZEROES = bytes.maketrans(b"123456789", b"000000000")
_RUNS = (b"0" * 16, b"0" * 4, b"00", b"00")
#: A word of hexadecimal digits and letters, its digits already collapsed.
_HEX = re.compile(rb"\b(?:0+[a-f][0a-f]*|[a-f]+0[0a-f]*|0+[A-F][0A-F]*|[A-F]+0[0A-F]*)\b")
#: Most of such a word: from its first digit on, when few letters precede it. `re` finds its 0 at memory speed.
_HEX_END = re.compile(
    rb"0(?:[a-f](?:%s)[0a-f]*+|[A-F](?:%s)[0A-F]*+)\b"
    % tuple(b"|".join(rb"(?<=\W%s..)" % (letter * count) for count in range(7)) for letter in (b"[a-f]", b"[A-F]"))
)
#: Above this many skeletons, ids in hexadecimal are probably why.
_MANY = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Skeletons:
    """`of_line[i]` is the skeleton (0-based) of line i, `example[s]` a line that has skeleton s."""

    of_line: list[int]
    example: list[int]


def skeletons(lines: Sequence[str]) -> Skeletons:
    """Which lines differ only in digits, or in ids when there are many. Meaningful numbers count as text."""
    numbering: dict[bytes, int] = {}
    of_line: list[int] = []
    ids = False
    for _, block in blocks(lines):
        flat = _collapse(_without_digits(block))
        bones = (_HEX_END.sub(b"0", flat) if ids else flat).split(b"\n")
        numbers = _numbered(dict.fromkeys(bones), numbering, ids=ids)
        of_line += map(numbers.__getitem__, bones)
        if not ids and len(numbering) > _MANY:
            ids, fine, numbering = True, numbering, {}
            again = list(_numbered(fine, numbering, ids=True).values())
            of_line = list(map(again.__getitem__, of_line))
    first = dict(zip(reversed(of_line), range(len(of_line) - 1, -1, -1), strict=True))
    return Skeletons(of_line=of_line, example=[first[number] for number in range(len(first))])


def _numbered(bones: Collection[bytes], numbering: dict[bytes, int], *, ids: bool) -> dict[bytes, int]:
    """Each of the (distinct) bones with its number; new ones are added to `numbering`. `ids`: all ids are one."""
    names: Iterable[bytes] = _collapse(_HEX.sub(b"0", b"\n".join(bones))).split(b"\n") if ids else bones
    return {bone: numbering.setdefault(name, len(numbering)) for bone, name in zip(bones, names, strict=True)}


def _without_digits(data: bytes) -> bytes:
    """Every digit as 0, except in meaningful numbers, whose digits are hidden."""
    flat = bytearray(data.translate(_ZEROES))
    for start, end in spans(data):
        flat[start:end] = data[start:end].translate(HIDE)
    return bytes(flat)


def _collapse(data: bytes) -> bytes:
    for run in _RUNS:
        data = data.replace(run, b"0")
    return data
