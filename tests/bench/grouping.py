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
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.pipeline.preparation import groups
from tests.bench.measures import Measure
from tests.bench.naive import drain
from tests.support.agreement import accuracy, pairwise_f1

#: The variable that names a copy of the collection.
LOGHUB = "BIFROST_TEST_LOGHUB"
#: Timed so many times, the best one counts.
_TIMES = 3
_OVER = 25


@dataclass(frozen=True, kw_only=True, slots=True)
class Labeled:
    """Lines as they stand in a log, what the programs said in them, and their events."""

    name: str
    lines: Sequence[str]
    contents: Sequence[str]
    events: Sequence[str]


def labeled_logs() -> list[Labeled]:
    """The logs of the collection; none without it."""
    directory = os.environ.get(LOGHUB, "")  # noqa: TID251 - where the benchmark finds it
    return [_labeled(path) for path in sorted(Path(directory).glob("*/*_2k.log"))] if directory else []


def _labeled(path: Path) -> Labeled:
    with (path.parent / f"{path.name}_structured.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Labeled(
        name=path.parent.name,
        lines=path.read_text(encoding="utf-8", errors="replace").split("\n")[: len(rows)],
        contents=[row["Content"] for row in rows],
        events=[row["EventId"] for row in rows],
    )


def grouping(logs: Iterable[Labeled]) -> list[Measure]:
    """Agreement and speed of both on every log."""
    measures = []
    for log in logs:
        for said, lines in (("what was said", log.contents), ("whole lines", log.lines)):
            for who, parse in (("ours", _ours), ("drain3", drain)):
                measures += _measured(f"grouping {log.name}: {said}", who, parse, (lines, log.events))
    return measures


def _measured(
    group: str, who: str, parse: Callable[[list[str]], Sequence[Hashable]], log: tuple[Sequence[str], Sequence[str]]
) -> list[Measure]:
    lines, events = list(log[0]), log[1]
    found = parse(lines)
    return [
        Measure(group=group, name=f"{who}: grouping accuracy", value=100 * accuracy(found, events), unit="%"),
        Measure(group=group, name=f"{who}: F1 of pairs", value=100 * pairwise_f1(found, events), unit="%"),
        Measure(group=group, name=f"{who}: speed", value=_speed(parse, lines), unit="lines/s"),
        Measure(
            group=group, name=f"{who}: speed, {_OVER} times over", value=_speed(parse, lines * _OVER), unit="lines/s"
        ),
    ]


def _speed(parse: Callable[[list[str]], Sequence[Hashable]], lines: list[str]) -> float:
    best = float("inf")
    for _ in range(_TIMES):
        began = time.process_time()
        parse(lines)
        best = min(best, time.process_time() - began)
    return len(lines) / best


def _ours(lines: list[str]) -> list[int | None]:
    return groups("\n".join(lines))
