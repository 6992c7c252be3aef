"""How long recovery took, and the table that says so."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.clock import SystemClock


class Ended(Protocol):
    """An analysis: when it was accepted and when it ended, in seconds since the epoch."""

    status: str
    created: float
    finished: float | None


def now() -> float:
    """Seconds since the epoch, to be compared with the database's (it is on this machine)."""
    return SystemClock().now().timestamp()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Something that was done, and when (the same second twice for what takes no time)."""

    what: str
    began: float
    ended: float


@dataclass(kw_only=True)
class Outcome:
    """One line of the table. Seconds."""

    case: str
    jobs: int = 0
    lost: int = 0
    stuck: int = 0
    doubled: int = 0
    missing: int = 0
    failed: int = 0
    lost_attempts: int = 0
    fenced: int = 0
    refused: int = 0
    slowest: float = 0.0
    #: For each fault: until the first analysis submitted after it was completed, until all submitted before had ended.
    new: list[float] = field(default_factory=list)
    old: list[float] = field(default_factory=list)
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    @property
    def worst(self) -> float:
        return max([*self.new, *self.old], default=0.0)


def recoveries(rows: Sequence[Ended], faults: Sequence[Fault]) -> tuple[list[float], list[float]]:
    """See `Outcome`; counted from the end of each fault."""
    new, old = [], []
    for fault in faults:
        after = [
            row.finished for row in rows if row.created > fault.ended and row.status == "completed" and row.finished
        ]
        before = [row.finished for row in rows if row.created <= fault.ended and row.finished]
        new.append(min(after, default=fault.ended) - fault.ended)
        old.append(max(0.0, max(before, default=fault.ended) - fault.ended))
    return new, old


HEAD = (
    "case", "jobs", "lost", "stuck", "doubled", "events missing", "failed", "attempts lost", "writes fenced", "503s",
    "slowest answer", "recovered: new p50 / max", "recovered: all p50 / max",
)  # fmt: skip
#: The counts among them, by their names in `Outcome`.
COUNTED = ("jobs", "lost", "stuck", "doubled", "missing", "failed", "lost_attempts", "fenced", "refused")


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown."""
    lines = [HEAD, ("---",) + ("--:",) * (len(HEAD) - 1), *(_cells(one) for one in outcomes), _total(outcomes)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(one: Outcome) -> tuple[str, ...]:
    return (
        one.case,
        *(str(getattr(one, name)) for name in COUNTED),
        _seconds(one.slowest),
        _spread(one.new),
        _spread(one.old),
    )


def _total(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    sums = tuple(f"**{sum(getattr(one, name) for one in outcomes):,}**" for name in COUNTED)
    return ("**all**", *sums, _seconds(max((one.slowest for one in outcomes), default=0)), "", "")


def _spread(found: Sequence[float]) -> str:
    return f"{_seconds(statistics.median(found))} / {_seconds(max(found))}" if found else "–"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
