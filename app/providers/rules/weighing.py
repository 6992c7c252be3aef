"""Which finding is the cause, and which are its consequences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.diagnoses import Severity
from app.providers.rules.nouns import Finding

#: What one step of severity is worth beside a signature's weight.
SEVERITY_POINTS = 8.0
EXPLAINED_POINTS = 4.0
COUNT_POINTS = 8.0
RECOVERED_POINTS = -40.0
#: Another independent finding this near makes us less sure of the first.
RIVAL_POINTS = 12.0
CERTAIN = 0.96


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The strongest cause, what it explains, and what stands beside it unexplained."""

    cause: Finding
    consequences: tuple[Finding, ...]
    others: tuple[Finding, ...]
    severity: Severity
    confidence: float


def weigh(findings: Sequence[Finding]) -> Verdict | None:
    """Choose the cause; None when nothing was found."""
    if not findings:
        return None
    findings = _united(findings)
    roots = [f for f in findings if not any(_explains(other, f) for other in findings)] or list(findings)
    reach = {root.signature.id: _consequences(root, findings) for root in roots}
    ranked = sorted(roots, key=lambda root: _rank(root, reach[root.signature.id]), reverse=True)
    cause = ranked[0]
    consequences = reach[cause.signature.id]
    others = [f for f in findings if f is not cause and f not in consequences]
    others.sort(key=lambda f: _points(f, 0), reverse=True)
    return Verdict(
        cause=cause,
        consequences=tuple(sorted(consequences, key=lambda f: (-f.severity.rank, -f.count))),
        others=tuple(others),
        severity=max((f.severity for f in findings), key=lambda severity: severity.rank),
        confidence=_confidence(cause, consequences, ranked[1:], reach),
    )


def _united(findings: Sequence[Finding]) -> list[Finding]:
    """Several views of one event as one finding."""
    covered = {name for finding in findings for name in finding.signature.covers}
    united = []
    for finding in findings:
        if finding.signature.id in covered:
            continue
        views = [other for other in findings if other.signature.id in finding.signature.covers]
        if views:
            finding = replace(  # noqa: PLW2901 - the united finding takes the place of its parts
                finding,
                first=min(finding.first, *(view.first for view in views)),
                last=max(finding.last, *(view.last for view in views)),
                details=(*finding.details, *(hit for view in views for hit in view.hits[:1])),
                fields={**{k: v for view in views for k, v in view.fields.items()}, **finding.fields},
                severity=max(
                    (finding.severity, *(view.severity for view in views)), key=lambda severity: severity.rank
                ),
            )
        united.append(finding)
    return united


def _explains(cause: Finding, effect: Finding) -> bool:
    """A cause does not begin after its effect has ended, and what has passed does not explain what lasts.

    Of two that explain each other, the one nearer to the root does.
    """
    if cause.recovered is not None and effect.recovered is None and effect.last > cause.recovered:
        return False
    mutual = effect.signature.explains_signature(cause.signature)
    if mutual and cause.signature.weight <= effect.signature.weight:
        return False
    return cause.signature.explains_signature(effect.signature) and cause.first <= effect.last


def _consequences(cause: Finding, findings: Sequence[Finding]) -> list[Finding]:
    """Everything it explains, and what that explains."""
    reached = [cause]
    for step in reached:  # grows while it is read: a walk through the graph
        reached += [f for f in findings if f not in reached and _explains(step, f)]
    return reached[1:]


def _rank(root: Finding, consequences: Sequence[Finding]) -> tuple[int, float]:
    """A cause must account for the worst there is, and only then be near to the root."""
    worst = max(finding.severity.rank for finding in (root, *consequences))
    return worst, _points(root, len(consequences))


def _points(finding: Finding, explained: int) -> float:
    points = finding.signature.weight + SEVERITY_POINTS * finding.severity.rank
    points += min(COUNT_POINTS, math.log2(max(1, finding.count))) + EXPLAINED_POINTS * explained
    return points + (RECOVERED_POINTS if finding.recovered is not None else 0.0)


def _confidence(
    cause: Finding, consequences: Sequence[Finding], rivals: Sequence[Finding], reach: dict[str, list[Finding]]
) -> float:
    confidence = cause.confidence
    confidence += 0.02 * min(3, len(consequences)) + (0.02 if cause.count >= 3 else 0.0)
    mine = _points(cause, len(consequences))
    near = [r for r in rivals if mine - _points(r, len(reach[r.signature.id])) < RIVAL_POINTS and r.severity.rank > 0]
    confidence -= 0.06 * min(3, len(near))
    return round(min(CERTAIN, max(0.2, confidence)), 2)
