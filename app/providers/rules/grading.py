"""How severe a finding is, by its count, its company, its place, and whether it passed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.domain.diagnoses import Severity
from app.providers.rules.catalog import Escalation
from app.providers.rules.nouns import Finding
from app.providers.rules.traffic import Traffic

#: Passing troubles seen at least this often are not forgiven when they end.
LASTING_COUNT = 20
#: Fewer lines than this after a record: the log ends with it.
LAST_LINES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What a finding is judged beside."""

    known: Mapping[str, Finding]
    traffic: Traffic
    recoveries: tuple[int, ...]
    lines: int


def graded(finding: Finding, scene: Scene) -> Finding:
    """With the severity that its count and its company give it."""
    signature = finding.signature
    steps = [step for step in signature.escalate if _reached(step, finding, scene)]
    severity = max((signature.severity, *(step.to for step in steps)), key=lambda reached: reached.rank)
    confidence = max((signature.confidence, *(step.confidence or 0.0 for step in steps)))
    finding = replace(finding, severity=severity, confidence=confidence)
    after = [line for line in scene.recoveries if line > finding.last]
    if not (signature.transient and after):
        return finding
    passed = Severity.LOW if finding.count < LASTING_COUNT else Severity.MEDIUM
    return replace(finding, recovered=min(after), severity=min(severity, passed, key=lambda reached: reached.rank))


def _reached(step: Escalation, finding: Finding, scene: Scene) -> bool:
    meter = finding.signature.meter
    share = scene.traffic.share(meter) if meter else 1.0
    if finding.count < step.count or share < step.share:
        return False
    if step.at_end and scene.lines - max(hit.record[-1].number for hit in finding.hits) > LAST_LINES:
        return False
    return not step.company or _in_company(step, finding, scene.known)


def _in_company(step: Escalation, finding: Finding, known: Mapping[str, Finding]) -> bool:
    """Is one of its company here, with the same value where that is asked for?"""
    company = [known[name] for name in step.company if name in known]
    if not step.shares:
        return bool(company)
    own = set(finding.fields.get(step.shares, ()))
    return any(own.intersection(other.fields.get(step.shares, ())) for other in company)
