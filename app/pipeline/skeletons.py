"""Lines that differ only in digits have one skeleton: everything else is worked out once per skeleton, not per line.

A line's bones are the line without its digits, except for those of meaningful numbers. They are made in C for a block
of lines at a time (`translate`, `split`, a dictionary); no Python code runs per line.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress

from app.pipeline.blocks import Lines
from app.pipeline.constants import hide_differences

_DIGITS = b"0123456789"
#: What digits leave of an id in hexadecimal: letters up to f, in groups with dashes between them.
_RESIDUE = re.compile(
    rb"(?s:[a-f-](?<![A-Za-z].)[a-f-]*+(?![A-Za-z])|[A-F-](?<![A-Za-z].)[A-F-]*+(?![A-Za-z]))",
)
#: Words and names of such letters.
_WORDS = frozenset(
    b"ac ad be cd db dc de ed fd abc ace add bad bed cab dad dec def fed fee bead beef cafe dead deaf deed face fade"
    b" feed added ceded faced faded decade facade".split()
)
#: From this many skeletons on ids may be why: they are, when half of the skeletons would go with them.
_SEVERAL = 64
#: New bones after which a log with ids is looked at for what stands before them, and how many are looked at.
_MANY, _SAMPLE = 500, 200
#: What stands before ids is looked for in every line: so many texts of so many bytes, each before one id in so many.
_CARRIERS, _CARRIER_BYTES, _SHARE = 12, 10, 40
#: Bones remembered of one log; with more, nearly every line has its own.
_REMEMBERED = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Skeletons:
    """`of_line[i]` is the skeleton (0-based) of line i, `example[s]` the first line that has skeleton s."""

    of_line: list[int]
    example: list[int]


def skeletons(lines: Lines) -> Skeletons:
    """Which lines differ only in digits, or in ids when there are many. Meaningful numbers count as text."""
    known = _Known()
    of_line: list[int] = []
    example: list[int] = []
    counts: list[int] = []
    for block in lines.blocks():
        first = len(of_line)
        bones = _bones(block, known)
        counts.append(len(bones))
        numbers = list(map(known.__getitem__, bones))
        if known.count > len(example):
            places = dict(zip(reversed(numbers), range(first + len(numbers) - 1, first - 1, -1), strict=True))
            example += [places[number] for number in range(len(example), known.count)]
        of_line += numbers
        fewer = known.learn()
        if fewer:
            of_line = list(map(fewer.__getitem__, of_line))
            merged = dict(zip(reversed(fewer), reversed(example), strict=True))
            example = [merged[number] for number in range(known.count)]
    lines.counted(counts)
    return Skeletons(of_line=of_line, example=example)


def _bones(block: bytes, known: "_Known") -> list[bytes]:
    bones = known.without_ids(hide_differences(block)).translate(None, _DIGITS).split(b"\n")
    bare = {bone for bone in set(bones) if not bone.strip()}
    if bare:
        # nothing but digits is not nothing
        lines = block.split(b"\n")
        for place in compress(range(len(bones)), map(bare.__contains__, bones)):
            if lines[place].strip():
                bones[place] = b"0"
    return bones


def _without_residues(bones: Sequence[bytes]) -> list[bytes]:
    rests = _RESIDUE.sub(_left_of, b"\n".join(bones)).split(b"\n")
    # nothing but an id is not nothing either
    return [rest if rest.strip() or not bone.strip() else b"0" for bone, rest in zip(bones, rests, strict=True)]


def _left_of(match: re.Match[bytes]) -> bytes:
    residue = match[0]
    return b"" if _of_an_id(residue) else residue


@lru_cache(maxsize=4096)
def _of_an_id(residue: bytes) -> bool:
    """Words stay, and so do capitals by themselves, which may be levels, and dashes."""
    letters = residue.strip(b"-")
    if residue.count(b"-") > 1:
        return letters != b""
    return letters.lower() not in _WORDS and (len(letters) > 1 or letters.islower())


class _Known(dict[bytes, int]):
    """Bones -> skeletons, which are numbered in order of appearance when they are first looked up.

    Once there are many, ids in hexadecimal do not count any more. What stands before most of them is learned, and
    leads to them at memory speed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[bytes, int] = {}
        self._ids = False
        self._carriers: dict[bytes, re.Pattern[bytes]] = {}
        self._look_at = _SEVERAL

    def __missing__(self, bone: bytes) -> int:
        name = _without_residues((bone,))[0] if self._ids else bone
        number = self[bone] = self._numbers.setdefault(name, len(self._numbers))
        return number

    @property
    def count(self) -> int:
        """Skeletons so far."""
        return len(self._numbers)

    def without_ids(self, block: bytes) -> bytes:
        """`block` without those ids that stand where many do."""
        for carrier, pattern in self._carriers.items():
            block = pattern.sub(carrier, block)
        return block

    def learn(self) -> list[int]:
        """Look at what has come in. Returns the new number of each skeleton when many have become one."""
        if len(self) < self._look_at:
            return []
        fewer: list[int] = []
        if self._ids:
            self._find_carriers()
            if len(self) > _REMEMBERED:
                self.clear()
        else:
            rests = dict(zip(self, _without_residues(list(self)), strict=True))
            if 2 * len(set(rests.values())) <= len(rests):
                self._ids = True
                self._find_carriers()
                self._numbers = {}
                for bone, rest in rests.items():
                    self[bone] = self._numbers.setdefault(rest, len(self._numbers))
                fewer = list(self.values())
        self._look_at = len(self) + _MANY if self._ids else 2 * len(self)
        return fewer

    def _find_carriers(self) -> None:
        """What stands before the ids of the latest bones, the last word of it, when it does so often."""
        bones = list(self)[-_SAMPLE:]
        before = Counter(
            bone[max(match.start() - _CARRIER_BYTES, 0) : match.start()].rpartition(b" ")[2]
            for bone in bones
            for match in _RESIDUE.finditer(bone)
            if _of_an_id(match[0])
        )
        for carrier, count in before.most_common(_CARRIERS - len(self._carriers)):
            if len(carrier) > 1 and count * _SHARE > len(bones):
                self._carriers[carrier] = re.compile(re.escape(carrier) + rb"[0-9a-f-]++(?![A-Za-z])")
