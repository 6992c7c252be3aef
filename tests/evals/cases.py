"""Labeled logs: read from `cases/`, their lines found, their numbers computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from app.domain.diagnoses import Severity
from tests.evals.generating import generate

_HERE = Path(__file__).parent
GROUPS = ("tuned", "held_out")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One log and what is true of it. Line numbers are 1-based; a healthy log has no severity and no decisive line."""

    name: str
    #: "tuned", or "held_out": the rules may be improved by the former only.
    group: str
    system: str
    log: str
    severity: Severity | None = None
    #: Lines any of which tells the cause.
    decisive: frozenset[int] = frozenset()
    #: Alternatives, divided by `|`, of which an answer has to name one; of each entry.
    cause: tuple[str, ...] = ()
    #: Lines that catch the eye and are consequences, or nothing.
    herrings: frozenset[int] = frozenset()

    @property
    def healthy(self) -> bool:
        """Nothing is wrong in it."""
        return self.severity is None


def read_cases(group: str | None = None) -> tuple[Case, ...]:
    """All cases of a group, or of both. Raises `ValueError` when a label does not fit its log."""
    files = [path for one in GROUPS if group in (None, one) for path in sorted((_HERE / "cases" / one).rglob("*.txt"))]
    return tuple(map(_read, files))


def _read(path: Path) -> Case:
    header, _, script = path.read_text(encoding="utf-8").partition("---\n")
    facts = yaml.safe_load(header)
    log = generate(script, seed=path.stem, pools=_pools(), wrap=facts.get("wrap"))
    lines = log.split("\n")
    if path.parent.name == "healthy":
        return Case(name=path.stem, group=path.parent.parent.name, system=facts["system"], log=log)
    return Case(
        name=path.stem,
        group=path.parent.parent.name,
        system=facts["system"],
        log=log,
        severity=Severity(facts["severity"]),
        decisive=frozenset(_only(lines, text, path) for text in facts["decisive"]),
        cause=tuple(facts["cause"]),
        herrings=frozenset(number for text in facts["herrings"] for number in _all(lines, text, path)),
    )


def _only(lines: Sequence[str], text: str, path: Path) -> int:
    found = _all(lines, text, path)
    if len(found) > 1:
        raise ValueError(f"{path}: {text!r} stands in {len(found)} lines")
    return found[0]


def _all(lines: Sequence[str], text: str, path: Path) -> list[int]:
    # a wrapper may have escaped the line's quotes
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    found = [number for number, line in enumerate(lines, 1) if text in line or escaped in line]
    if not found:
        raise ValueError(f"{path}: {text!r} stands in no line")
    return found


@cache
def _pools() -> Mapping[str, Sequence[str]]:
    pools: Mapping[str, Sequence[str]] = yaml.safe_load((_HERE / "noise.yaml").read_text(encoding="utf-8"))
    return pools
