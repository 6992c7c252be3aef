"""What is said when no signature tells the story: unknown errors, many warnings, or nothing wrong."""

from collections.abc import Sequence

from app.domain.diagnoses import Severity
from app.domain.logs import Level, Line, PreparedLog, Template
from app.pipeline.levels import claims_error
from app.pipeline.wrappers import unwrap
from app.providers.rules.criteria import overwhelmed
from app.providers.rules.findings import Findings
from app.providers.rules.legibility import unreadable
from app.providers.rules.replies import Reply, cut, distinct, numbered, often
from app.providers.rules.stamps import stamp, unstamped
from app.providers.rules.wording import Words, counted, quoted

#: Warnings above this share of the records are told as a (small) issue.
WARNING_SHARE = 0.2
WARNINGS_LEAST = 20
ERRORS_MANY = 100
#: As many unknown errors, of one kind or of several, are more than one request that failed.
LASTING = 3
#: A line this near before the first error is told with it.
BEFORE_LINES = 3
#: A change this many lines before the cause is told with it.
CHANGE_LINES = 40
#: Who fails in as many last lines has ended with it.
LAST_LINES = 5
MUTE_SHARE = 0.5
UNSURE = 0.65
NO_LOG = 0.2


def change_before(changes: Sequence[Line], line: int) -> Line | None:
    """The last deployment or other change shortly before a line; None when nothing tells of one."""
    near = [change for change in changes if 0 < line - change.number <= CHANGE_LINES]
    return near[-1] if near else None


def lasting(errors: Sequence[Template]) -> bool:
    """Are the unknown errors more than the one request that failed?"""
    fatal = any(template.level >= Level.CRITICAL for template in errors)
    return fatal or sum(template.count for template in errors) >= LASTING


def passing(errors: Sequence[Template], log: PreparedLog) -> bool:
    """Do only one or two records speak of failure, none of which calls itself an error, and did the log go on?

    Many words of failure are names, titles or attempts that were made again. Told they are nevertheless.
    """
    if lasting(errors) or any(template.last > log.coverage.lines_total - LAST_LINES for template in errors):
        return False
    heads = (record[0] for template in errors for record in template.exemplars)
    return not any(claims_error(unwrap(head.text)) for head in heads)


def unknown(found: Findings, log: PreparedLog, beside: str, text: Words) -> Reply:
    """What to say about errors that show no signature. `beside`: trifles that were found besides, in words."""
    ranked = sorted(
        found.errors, key=lambda template: (-template.level, template.first != log.first_error, -template.count)
    )
    top = ranked[0]
    line = top.exemplars[0][0]
    title = text.unknown_fatal if top.level >= Level.CRITICAL else text.unknown_title
    summary = [title.format(times=often(top.count, text), quote=quoted(unstamped(line.text))) + "."]
    if len(ranked) > 1:
        other = ranked[1].exemplars[0][0]
        summary.append(
            counted(text.unknown_others, len(ranked) - 1, line=other.number, quote=quoted(unstamped(other.text))) + "."
        )
    first = min(found.errors, key=lambda template: template.first).exemplars[0][0]
    time = stamp(first.text)
    cause = text.unknown_cause.format(line=first.number, time=f" ({time})" if time else "")
    earlier = [line for line in log.shown if line.number < first.number and line.text.strip()]
    before = max(earlier, key=lambda line: line.number, default=None)
    if before is not None and first.number - before.number <= BEFORE_LINES:
        cause += text.unknown_before.format(line=before.number, quote=quoted(unstamped(before.text)))
    change = change_before(found.changes, first.number)
    if change is not None and change is not before:
        cause += text.changed.format(line=change.number, quote=quoted(unstamped(change.text)))
    if beside:
        summary.append(text.others.format(list=beside))
    return Reply(
        summary=" ".join(summary),
        root_cause=cause,
        recommendation=numbered(step.format(line=first.number) for step in text.unknown_steps),
        severity=_severity(found.errors, log).value,
        confidence=0.4,
        issues_found=True,
        evidence=distinct(
            [cut(line), *([cut(change)] if change else []), *(cut(t.exemplars[0][0]) for t in ranked[1:])]
        ),
    )


def _severity(errors: Sequence[Template], log: PreparedLog) -> Severity:
    total = sum(template.count for template in errors)
    many = total >= ERRORS_MANY and total >= log.coverage.records * WARNING_SHARE
    if many or overwhelmed(log) or any(template.level >= Level.CRITICAL for template in errors):
        return Severity.HIGH
    return Severity.MEDIUM if lasting(errors) else Severity.LOW


def healthy(found: Findings, log: PreparedLog, remarks: str, text: Words) -> Reply:
    """What to say about a log without an error that is one: that it is fine, has very many warnings, or is none.

    `remarks`: what was found and is no problem, in words.
    """
    strange = unreadable(log, text)
    if strange:
        return _no_log(strange, text)
    warnings = (*found.warnings, *found.errors)
    count = sum(template.count for template in warnings)
    top = max(warnings, key=lambda template: template.count, default=None)
    told = {
        "records": counted(text.records, log.coverage.records),
        "messages": counted(text.messages, log.coverage.templates),
        "lines": counted(text.physical, log.coverage.lines_total),
    }
    fine = text.healthy.format(**told) + (f" {remarks}" if remarks else "")
    if top is None:
        return _quiet(fine, text, confidence=_sureness(log, 0.85))
    line = top.exemplars[0][0]
    quote = {"times": often(top.count, text), "quote": quoted(unstamped(line.text))}
    if count < WARNINGS_LEAST or count < log.coverage.records * WARNING_SHARE:
        summary = f"{fine} {counted(text.healthy_warnings, count, **quote)}."
        return _quiet(summary, text, confidence=_sureness(log, 0.75))
    return Reply(
        summary=text.warnings_title.format(**quote, count=count, records=log.coverage.records) + ".",
        root_cause=text.warnings_cause,
        recommendation=text.warnings_steps.format(line=line.number),
        severity=Severity.LOW.value,
        confidence=0.4,
        issues_found=True,
        evidence=distinct([cut(line), *(cut(t.exemplars[0][0]) for t in warnings)]),
    )


def _sureness(log: PreparedLog, told: float) -> float:
    """Less sure of a log whose lines mostly name no level: their errors may not look like errors."""
    mute = sum(template.count for template in log.templates if template.level is Level.UNKNOWN)
    return min(told, UNSURE) if mute > log.coverage.records * MUTE_SHARE else told


def _quiet(summary: str, text: Words, *, confidence: float) -> Reply:
    return Reply(
        summary=summary,
        root_cause=text.healthy_cause,
        recommendation=text.healthy_steps,
        severity=Severity.LOW.value,
        confidence=confidence,
        issues_found=False,
        evidence=[],
    )


def _no_log(reason: str, text: Words) -> Reply:
    """Not healthy, but nothing that could be quoted either."""
    return Reply(
        summary=text.unreadable.format(reason=reason),
        root_cause=text.unreadable_cause,
        recommendation=numbered(text.unreadable_steps),
        severity=Severity.LOW.value,
        confidence=NO_LOG,
        issues_found=True,
        evidence=[],
    )
