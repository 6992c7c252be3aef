"""Which lines are worth a closer look before anything is hidden: one automaton for all of it, in one pass.

A pass of re2 over a log costs the same whatever it looks for. So all that is hidden in every log is looked for
together: secrets (the triggers of `secrets.RULES`), what a line's end cuts in two (`kinds/cuts.py`), and public
addresses (`kinds/places.py`). Few lines have any of it, and only there one is told from the other.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import re2

from app.domain.analyses import Mask
from app.pipeline.blocks import Lines
from app.pipeline.kinds.cuts import SEEN
from app.pipeline.kinds.places import PLACES
from app.pipeline.lines import latin1
from app.pipeline.secrets import RULES

#: Where lines begin and end in a block.
Places = Sequence[tuple[int, int]]


def compiled(*patterns: str) -> "re2._Regexp[bytes]":
    """Any of `patterns`, over bytes."""
    return re2.compile("|".join(f"(?:{pattern})" for pattern in patterns).encode("latin-1"), latin1())


#: Places that are looked for together with the secrets, because most logs have the default policy.
LOOKED_FOR = PLACES[Mask.PUBLIC]
_ADDRESSES = compiled(*(place.pattern for place in LOOKED_FOR))
_ANYTHING = compiled(*(rule.trigger for rule in RULES), SEEN, *(place.pattern for place in LOOKED_FOR))
#: Suspicious lines of a block that are told apart; with more, the rest of the block is one of them. To tell twice as
#: many apart takes as long as to look at the whole block for each of the three.
_MOST = 32


class Suspects:
    """Of each block of a log, the lines that may hold anything to hide."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._places: dict[int, Places] = {}
        #: Numbers of the blocks in which one of `LOOKED_FOR` may stand.
        self.addressed: set[int] = set()
        for number in lines.numbers:
            self.look_again(number)

    def look_again(self, number: int) -> None:
        """A block was rewritten."""
        block = self._lines.block(number)
        found = list(islice(_lines_with(_ANYTHING, block, [(0, len(block))]), _MOST))
        if len(found) == _MOST:
            found[-1] = (found[-1][0], len(block))
        self._places[number] = found
        if next(_lines_with(_ADDRESSES, block, found), None):
            self.addressed.add(number)

    def lines_with(self, pattern: "re2._Regexp[bytes]", number: int) -> Places:
        """Where the lines begin and end in which `pattern` matches, which must be one of those looked for."""
        return list(_lines_with(pattern, self._lines.block(number), self._places[number]))


def _lines_with(pattern: "re2._Regexp[bytes]", block: bytes, within: Places) -> Iterator[tuple[int, int]]:
    at = 0
    for start, end in within:
        at = max(at, start)
        # a match may take the end of its line with it, or the beginning of the next one
        stop = block.find(b"\n", end + 1) + 1 or len(block)
        while at <= end and (match := pattern.search(block, at, stop)) and match.start() <= end:
            at = block.find(b"\n", match.end() - 1)
            at = len(block) if at < 0 else at
            yield block.rfind(b"\n", 0, match.start()) + 1, at
