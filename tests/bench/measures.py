"""What a benchmark tells: rows of a name, a number and its unit."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One number. `group` says what was done, `name` what was measured."""

    group: str
    name: str
    value: float
    unit: str


def percentile(values: Iterable[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def latencies(group: str, name: str, seconds: Sequence[float]) -> list[Measure]:
    """p50 and p99 in milliseconds."""
    return [
        Measure(group=group, name=f"{name}, p{percent}", value=percentile(seconds, percent) * 1000, unit="ms")
        for percent in (50, 99)
    ]


def machine() -> str:
    """On what it was measured."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def as_json(measures: Sequence[Measure]) -> str:
    """For programs."""
    return json.dumps({"machine": machine(), "measures": [asdict(measure) for measure in measures]}, indent=2)


def as_table(measures: Sequence[Measure]) -> str:
    """For people, and for docs/benchmarks.md."""
    rows = [(measure.group, measure.name, _number(measure.value), measure.unit) for measure in measures]
    titles = ("What", "Measured", "Value", "Unit")
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(4)]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if at == 2 else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    ruler = [("-" * width) for width in widths]
    ruler[2] = "-" * (widths[2] - 1) + ":"
    return "\n".join([line(titles), line(ruler), *(line(row) for row in rows)])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
