"""The lines of a log as UTF-8 in blocks: a million lines, and no million objects.

Whatever looks at every line looks at a block at a time, in C; only lines that are shown or stand for others are
taken out one by one.
"""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import overload

#: Characters of a block, about: few enough for a processor's cache, enough for what is done once for each.
SIZE = 1 << 17


class Lines(Sequence[str]):
    """Physical lines by their index (0-based). Each block holds one or more, joined by newlines."""

    def __init__(self, blocks: Sequence[bytes] = ()) -> None:
        self._blocks = list(blocks)
        self._counted: Sequence[int] = ()
        #: Block -> the ends of its lines, newlines not counted; of blocks that a line was taken out of.
        self._ends: dict[int, Sequence[int]] = {}

    @property
    def _first(self) -> Sequence[int]:
        """Index of the first line of each block, and how many lines there are."""
        if not self._counted:
            self.counted([block.count(b"\n") + 1 for block in self._blocks])
        return self._counted

    def counted(self, counts: Iterable[int]) -> None:
        """Takes the number of lines in each block from whoever knows it: counting is a pass over the log."""
        self._counted = list(accumulate(counts, initial=0))

    def __len__(self) -> int:
        return self._first[-1]

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect_right(self._first, index) - 1
        ends, place = self._ends_of(number), index - self._first[number]
        start = ends[place - 1] + place if place else 0
        return self._blocks[number][start : ends[place] + place].decode()

    def __iter__(self) -> Iterator[str]:
        for block in self._blocks:
            yield from block.decode().split("\n")

    def blocks(self) -> Iterator[bytes]:
        """Every block."""
        return iter(self._blocks)

    @property
    def numbers(self) -> range:
        """The numbers of the blocks."""
        return range(len(self._blocks))

    def block(self, number: int) -> bytes:
        """One block by its number."""
        return self._blocks[number]

    def first(self, number: int) -> int:
        """Index of the first line of a block."""
        return self._first[number]

    def rewrite(self, number: int, block: bytes) -> None:
        """Put another block of as many lines in the place of one."""
        self._blocks[number] = block
        self._ends.pop(number, None)

    def replace(self, fresh: Mapping[int, str]) -> set[int]:
        """Put other lines in the place of some, by their index. Returns the numbers of the blocks that they are in."""
        changes: dict[int, dict[int, bytes]] = defaultdict(dict)
        for index, line in fresh.items():
            number = bisect_right(self._first, index) - 1
            changes[number][index - self._first[number]] = line.encode()
        for number, lines in changes.items():
            whole = self._blocks[number].split(b"\n")
            for place, data in lines.items():
                whole[place] = data
            self.rewrite(number, b"\n".join(whole))
        return set(changes)

    def _ends_of(self, number: int) -> Sequence[int]:
        ends = self._ends.get(number)
        if ends is None:
            ends = array("I", accumulate(map(len, self._blocks[number].split(b"\n"))))
            self._ends[number] = ends
        return ends
