"""Lines that differ only in digits have one skeleton: everything else is worked out once per skeleton, not per line.

A line's bones are the line without its digits, except for those of meaningful numbers. They are made in C for a block
of lines at a time (`translate`, `split`, a dictionary); no Python code runs per line.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import compress

from app.pipeline.blocks import Lines
from app.pipeline.constants import hide_differences

_DIGITS = b"0123456789"
#: What digits leave of an id in hexadecimal: letters up to f, in groups. Words that consist of such letters stay.
_RESIDUE = re.compile(
    rb"-*\b(?!(?:add(?:ed)?|ba[dr]|dea[df]|fee?d|fac(?:ed?|ade)|fade[dr]?|be[de]d?|beef|bead|cab|cafe|dad|deed|decade)\b)"
    rb"(?:[a-f]+|[A-F]{2,}|(?<=-)[A-F]|[A-F](?=-))\b-*"
)
#: Above this many skeletons, ids in hexadecimal are probably why.
_MANY = 500
#: What stands before ids: at most so many different texts, of so many bytes, are looked for in every line.
_CARRIERS, _CARRIER_BYTES = 12, 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Skeletons:
    """`of_line[i]` is the skeleton (0-based) of line i, `example[s]` the first line that has skeleton s."""

    of_line: list[int]
    example: list[int]


class _Numbering(dict[bytes, int]):
    """Numbers in order of appearance, given out by looking up."""

    def __missing__(self, name: bytes) -> int:
        number = self[name] = len(self)
        return number


def skeletons(lines: Lines) -> Skeletons:
    """Which lines differ only in digits, or in ids when there are many. Meaningful numbers count as text."""
    numbering = _Numbering()
    of_line: list[int] = []
    example: list[int] = []
    ids: _Ids | None = None
    for first, block in lines.blocks():
        bones = _bones(block, ids)
        numbers = list(map((ids.names(bones, numbering) if ids else numbering).__getitem__, bones))
        if len(numbering) > len(example):
            places = dict(zip(reversed(numbers), range(first + len(numbers) - 1, first - 1, -1), strict=True))
            example += [places[number] for number in range(len(example), len(numbering))]
        of_line += numbers
        if ids is None and len(numbering) > _MANY:
            ids = _Ids()
            fine, numbering = list(numbering), _Numbering()
            coarse = list(map(ids.names(fine, numbering).__getitem__, fine))
            of_line = list(map(coarse.__getitem__, of_line))
            merged = dict(zip(reversed(coarse), reversed(example), strict=True))
            example = [merged[number] for number in range(len(numbering))]
    return Skeletons(of_line=of_line, example=example)


def _bones(block: bytes, ids: "_Ids | None") -> list[bytes]:
    flat = hide_differences(block).translate(None, _DIGITS)
    bones = (ids.without(flat) if ids else flat).split(b"\n")
    bare = {bone for bone in set(bones) if not bone.strip()}
    if bare:
        # nothing but digits is not nothing
        lines = block.split(b"\n")
        for place in compress(range(len(bones)), map(bare.__contains__, bones)):
            if lines[place].strip():
                bones[place] = b"0"
    return bones


class _Ids:
    """Ids in hexadecimal in the bones of a log that has many. What stands before them leads to most at memory speed."""

    def __init__(self) -> None:
        self._carriers: list[tuple[re.Pattern[bytes], bytes]] = []
        self._known: set[bytes] = set()

    def without(self, flat: bytes) -> bytes:
        """`flat` without most of its ids."""
        for pattern, carrier in self._carriers:
            flat = pattern.sub(carrier, flat)
        return flat

    def names(self, bones: Sequence[bytes], numbering: _Numbering) -> dict[bytes, int]:
        """Each of the bones with the number of what remains of it without ids; new ones are added to `numbering`."""
        distinct = list(dict.fromkeys(bones))
        if len(distinct) > _MANY:
            self._learn(distinct)
        rests = _RESIDUE.sub(b"", b"\n".join(distinct)).split(b"\n")
        return dict(zip(distinct, map(numbering.__getitem__, rests), strict=True))

    def _learn(self, distinct: Collection[bytes]) -> None:
        """Look for what stands before the ids of these bones."""
        before: Counter[bytes] = Counter()
        for bone in distinct:
            for match in _RESIDUE.finditer(bone):
                before[bone[max(match.start() - _CARRIER_BYTES, 0) : match.start()]] += 1
        for carrier, _ in before.most_common(_CARRIERS - len(self._carriers)):
            if len(carrier) == _CARRIER_BYTES and carrier not in self._known:
                self._known.add(carrier)
                self._carriers.append((re.compile(re.escape(carrier) + rb"[a-f-]++(?![A-Za-z])"), carrier))
