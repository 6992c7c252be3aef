"""How well groups of lines agree with the events that people have assigned to the lines.

- Grouping accuracy: the share of lines whose group holds all lines of their event and no other (Zhu et al., "Tools and
  Benchmarks for Automated Log Parsing", ICSE-SEIP 2019).
- F1: of pairs of lines, those that are rightly in one group: the harmonic mean of precision and recall.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from math import comb


def accuracy(found: Sequence[Hashable], events: Sequence[Hashable]) -> float:
    """Share of lines, 0 to 1, whose group and event hold the same lines."""
    events_of: dict[Hashable, set[Hashable]] = defaultdict(set)
    for group, event in zip(found, events, strict=True):
        events_of[group].add(event)
    sizes, of_event = Counter(found), Counter(events)
    right = 0
    for group, held in events_of.items():
        if len(held) == 1 and of_event[next(iter(held))] == sizes[group]:
            right += sizes[group]
    return right / len(events)


def pairwise_f1(found: Sequence[Hashable], events: Sequence[Hashable]) -> float:
    """Harmonic mean, 0 to 1, of precision and recall over pairs of lines in one group."""
    both, ours, theirs = (
        sum(comb(size, 2) for size in Counter(of).values()) for of in (zip(found, events, strict=True), found, events)
    )
    return 2 * both / (ours + theirs)
