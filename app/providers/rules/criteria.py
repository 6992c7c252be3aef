"""What severity means for a log as a whole, beyond what each finding says of itself; see docs/evaluation.md."""

from collections.abc import Sequence

from app.domain.diagnoses import Severity
from app.domain.logs import Level, PreparedLog
from app.providers.rules.nouns import Finding

#: Nobody but its authors is affected by a build that fails.
BUILD = frozenset(
    {
        "ci_failed",
        "compile_error",
        "dependency_resolution",
        "docker_build_failed",
        "lint_failed",
        "pytest_failed",
        "terraform_failed",
        "tests_failed",
    }
)
#: Quiet for this share of the log and this many lines; then errors are this share of the lines, and this many.
QUIET_SHARE, QUIET_LINES = 0.2, 30
LOUD_SHARE, LOUD_RECORDS = 0.25, 5


def overall(severity: Severity, findings: Sequence[Finding], log: PreparedLog) -> Severity:
    """At most MEDIUM for a build; at least HIGH when a log that was quiet consists of errors from some line on."""
    if any(finding.signature.id in BUILD for finding in findings):
        return min(severity, Severity.MEDIUM, key=lambda one: one.rank)
    if severity is Severity.MEDIUM and overwhelmed(log):
        return Severity.HIGH
    return severity


def overwhelmed(log: PreparedLog) -> bool:
    """Did errors take over a log that had begun quietly?"""
    total, first = log.coverage.lines_total, log.first_error
    if first is None or first <= max(QUIET_LINES, total * QUIET_SHARE):
        return False
    errors = [template for template in log.templates if template.level >= Level.ERROR]
    loud = sum(template.lines for template in errors) >= LOUD_SHARE * (total - first + 1)
    return loud and sum(template.count for template in errors) >= LOUD_RECORDS


def remarks_only(findings: Sequence[Finding]) -> bool:
    """Are these only things that everybody has every day, or that have passed?"""
    return all(
        finding.severity is Severity.LOW and (finding.signature.remark or finding.recovered is not None)
        for finding in findings
    )
