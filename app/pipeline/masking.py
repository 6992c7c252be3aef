"""What is hidden by policy: addresses and names of machines, and what an operator's own patterns find."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import re2

from app.domain.analyses import Mask
from app.pipeline.blocks import Lines
from app.pipeline.kinds.places import PLACES
from app.pipeline.kinds.rule import Place
from app.pipeline.lines import latin1
from app.pipeline.suspects import LOOKED_FOR, Suspects

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*_\d{1,9}>")
#: Bytes before and after a value that are looked at.
_AROUND = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Masked:
    """What was hidden. `counts`: occurrences by kind; `placeholders`: those that may be put back, with their values."""

    counts: Mapping[str, int]
    placeholders: Mapping[str, str]


@dataclass(kw_only=True, slots=True)
class _Names:
    """Placeholders given out for one kind; the same value has the same one."""

    kind: str
    #: The highest number that stands in the log already.
    taken: int
    of: dict[bytes, str] = field(default_factory=dict)
    count: int = 0

    def name(self, value: bytes) -> str:
        self.count += 1
        found = self.of.get(value)
        if found is None:
            found = self.of[value] = f"<{self.kind}_{self.taken + len(self.of) + 1}>"
        return found


def own_places(patterns: Mapping[str, str]) -> tuple[Place, ...]:
    """An operator's patterns, checked, by the kind that they find. What they hide is never put back."""
    return tuple(Place(kind=kind, pattern=pattern, reversible=False) for kind, pattern in patterns.items())


def mask(lines: Lines, policy: Mask, own: Sequence[Place] = (), suspects: Suspects | None = None) -> Masked:
    """Replace in place, line by line. Redaction comes first: this looks at what it left."""
    suspects = suspects or Suspects(lines)
    given: dict[str, _Names] = {}
    placeholders: dict[str, str] = {}
    for place in (*own, *PLACES[policy]):
        pattern = re2.compile(place.pattern.encode(), latin1())
        for number in sorted(suspects.addressed) if place in LOOKED_FOR else lines.numbers:
            block = lines.block(number)
            if pattern.search(block):
                names = given.get(place.kind) or _Names(kind=place.kind, taken=_highest(lines, place.kind))
                given[place.kind] = names
                lines.rewrite(number, _hidden(block, (place, pattern), names))
        if place.reversible and place.kind in given:
            placeholders |= {name: value.decode("utf-8", "replace") for value, name in given[place.kind].of.items()}
    counts = {kind: names.count for kind, names in given.items() if names.count}
    return Masked(counts=counts, placeholders=placeholders)


def needed(placeholders: Mapping[str, str], texts: Iterable[str]) -> dict[str, str]:
    """Those of the placeholders that occur in `texts`."""
    if not placeholders:
        return {}
    return {name: placeholders[name] for text in texts for name in _PLACEHOLDER.findall(text) if name in placeholders}


def _hidden(block: bytes, place_and_pattern: tuple[Place, "re2._Regexp[bytes]"], names: _Names) -> bytes:
    place, pattern = place_and_pattern
    group = 1 if pattern.groups else 0
    judged: dict[bytes, bool] = {}
    parts: list[bytes] = []
    done = 0
    for match in pattern.finditer(block):
        start, end = match.span(group)
        value = block[start:end]
        known = judged.get(value)
        if known is None:
            known = judged[value] = b"\n" not in value and (
                place.accept is None or place.accept(value.decode("utf-8", "replace"))
            )
        around = (block[max(start - _AROUND, 0) : start], block[end : end + _AROUND])
        if known and (place.fits is None or place.fits(*around)):
            parts += (block[done:start], names.name(value).encode())
            done = end
    return b"".join((*parts, block[done:]))


def _highest(lines: Lines, kind: str) -> int:
    """Placeholders of this kind that already stand in the log keep their numbers to themselves."""
    written = re.compile(rf"<{kind}_(\d{{1,9}})>".encode())
    return max((int(number) for block in lines.blocks() for number in written.findall(block)), default=0)
