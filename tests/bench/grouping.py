"""How well lines are grouped: our templates and drain3's, each beside the event ids that people have assigned.

The lines are those of the Loghub collection, when `BIFROST_TEST_LOGHUB` names a copy of it. As its authors do (Zhu et
al., "Loghub: A Large Collection of System Log Datasets for AI-driven Log Analytics", ISSRE 2023), the parsers read what
a program said, without the time and level before it; a second row gives both of them the whole lines.

- Grouping accuracy: the share of lines whose group holds all lines of their event and no other (Zhu et al., "Tools and
  Benchmarks for Automated Log Parsing", ICSE-SEIP 2019).
- F1: of pairs of lines, those that are rightly in one group: precision and recall, their harmonic mean.
"""

import csv
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path

from app.pipeline.preparation import groups
from tests.bench.measures import Measure
from tests.bench.naive import drain

#: Timed so many times, the best one counts.
_TIMES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Labeled:
    """Lines as they stand in a log, what the programs said in them, and their events."""

    name: str
    lines: Sequence[str]
    contents: Sequence[str]
    events: Sequence[str]


def labeled_logs(directory: Path) -> list[Labeled]:
    """The logs of a copy of Loghub."""
    found = []
    for path in sorted(directory.glob("*/*_2k.log")):
        with (path.parent / f"{path.name}_structured.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found.append(
            Labeled(
                name=path.parent.name,
                lines=path.read_text(encoding="utf-8", errors="replace").split("\n")[: len(rows)],
                contents=[row["Content"] for row in rows],
                events=[row["EventId"] for row in rows],
            )
        )
    return found


def grouping() -> list[Measure]:
    """Agreement and speed of both on every log; nothing without the collection."""
    directory = os.environ.get("BIFROST_TEST_LOGHUB", "")  # noqa: TID251 - where the benchmark finds it
    measures = []
    for log in labeled_logs(Path(directory)) if directory else []:
        for said, lines in (("what was said", log.contents), ("whole lines", log.lines)):
            for who, parse in (("ours", _ours), ("drain3", drain)):
                measures += _measured(f"grouping {log.name}: {said}", who, parse, (lines, log.events))
    return measures


def _measured(
    group: str, who: str, parse: Callable[[list[str]], Sequence[Hashable]], log: tuple[Sequence[str], Sequence[str]]
) -> list[Measure]:
    lines, events = list(log[0]), log[1]
    best = float("inf")
    for _ in range(_TIMES):
        began = time.process_time()
        found = parse(lines)
        best = min(best, time.process_time() - began)
    return [
        Measure(group=group, name=f"{who}: grouping accuracy", value=100 * accuracy(found, events), unit="%"),
        Measure(group=group, name=f"{who}: F1 of pairs", value=100 * pairwise_f1(found, events), unit="%"),
        Measure(group=group, name=f"{who}: speed", value=len(lines) / best, unit="lines/s"),
    ]


def _ours(lines: list[str]) -> list[int | None]:
    return groups("\n".join(lines))


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
        sum(comb(size, 2) for size in Counter(of).values())
        for of in (zip(found, events, strict=True), found, events)
    )
    return 2 * both / (ours + theirs)
