"""From findings to the answer: summary, cause, steps and evidence, in words."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from app.domain.diagnoses import Severity
from app.domain.logs import Level, Line, PreparedLog, Template
from app.providers.rules.findings import Finding, Findings, Hit
from app.providers.rules.stamps import stamp, unstamped
from app.providers.rules.weighing import Verdict, weigh
from app.providers.rules.wording import Words, fill, quoted, values, words

MAX_EVIDENCE = 8
QUOTE_CHARS = 400
#: Consequences and side findings that a summary names.
NAMED = 4
#: Independent findings whose first step is told too.
SIDE_STEPS = 2
#: Warnings above this share of the records are told as a (small) issue.
WARNING_SHARE = 0.2
WARNINGS_LEAST = 20
ERRORS_MANY = 100
#: A line this near before the first error is told with it.
BEFORE_LINES = 3


class Quote(TypedDict):
    """A line of evidence."""

    line: int
    quote: str


class Reply(TypedDict):
    """The answer's schema, as every provider gives it."""

    summary: str
    root_cause: str
    recommendation: str
    severity: str
    confidence: float
    issues_found: bool
    evidence: list[Quote]


def answer(found: Findings, log: PreparedLog, language: str) -> Reply:
    """The diagnosis of what was found."""
    text = words(language)
    verdict = weigh(found.known)
    if verdict is not None and not (verdict.severity is Severity.LOW and _lasting(found.errors)):
        return _known(verdict, found, language, text)
    if found.errors:
        return _unknown(found, log, language, text)
    return _healthy(found, log, text)


# --- a signature was found -------------------------------------------------------------------------------------------


def _known(verdict: Verdict, found: Findings, language: str, text: Words) -> Reply:
    return Reply(
        summary=_summary(verdict, found, language, text),
        root_cause=_root_cause(verdict, language, text),
        recommendation=_recommendation(verdict, language, text),
        severity=verdict.severity.value,
        confidence=verdict.confidence,
        issues_found=True,
        evidence=_evidence(verdict),
    )


def _summary(verdict: Verdict, found: Findings, language: str, text: Words) -> str:
    cause = verdict.cause
    parts = [f"{_title(cause, language, text)} ({', '.join(_where(cause, text))})."]
    if cause.recovered is not None:
        parts.append(text.recovered.format(line=cause.recovered))
    if verdict.consequences:
        parts.append(text.consequences.format(list=_named(verdict.consequences, language, text)))
    beside = _worth_telling(verdict)
    others = [_named(beside, language, text)] if beside else []
    if found.errors:
        first = found.errors[0]
        total = sum(template.count for template in found.errors)
        head = first.exemplars[0][0]
        others.append(text.also_unknown.format(count=total, quote=quoted(unstamped(head.text), 120), line=head.number))
    if others:
        parts.append(text.others.format(list="; ".join(others)))
    return " ".join(parts)


def _named(findings: Sequence[Finding], language: str, text: Words) -> str:
    return "; ".join(_brief(f, language, text) for f in findings[:NAMED])


def _brief(finding: Finding, language: str, text: Words) -> str:
    title = _title(finding, language, text)
    # what is measured has its numbers in its title
    return title if finding.signature.meter else f"{title} ({_times(finding, text)})"


def _root_cause(verdict: Verdict, language: str, text: Words) -> str:
    cause = verdict.cause
    parts = [fill(cause.signature.text(language).cause, _fields(cause), text)]
    trace = cause.trace
    if trace is not None and not cause.signature.trace:
        parts.append(text.exception.format(type=trace.type, message=trace.message).rstrip(": ") + ".")
    if trace is not None and trace.where and trace.frame and not cause.signature.trace:
        parts.append(text.own_code.format(where=trace.where, line=trace.frame.number))
    later = [f for f in verdict.consequences if f.exact and f.first > cause.first]
    if later:
        follows = min(later, key=lambda f: f.first)
        parts.append(text.began.format(line=cause.first, time=_time(cause.hits[:1])))
        title = _title(follows, language, text)
        parts.append(text.explains.format(line=follows.first, time=_time(follows.hits[:1]), title=title))
    return " ".join(parts)


def _recommendation(verdict: Verdict, language: str, text: Words) -> str:
    cause = verdict.cause
    steps = [fill(step, _fields(cause), text) for step in cause.signature.text(language).steps]
    for other in [f for f in _worth_telling(verdict) if f.recovered is None][:SIDE_STEPS]:
        step = fill(other.signature.text(language).steps[0], _fields(other), text)
        steps.append(text.separately.format(title=_title(other, language, text), step=step))
    return _numbered(steps)


def _evidence(verdict: Verdict) -> list[Quote]:
    """The decisive line first; then its trace; then one line for each other finding; then more of the cause."""
    cause = verdict.cause
    decisive = cause.hits[0]
    picked = [_cut(decisive.line, decisive.offset)]
    trace = decisive.trace or cause.trace
    if trace is not None:
        picked += [_cut(line) for line in (trace.decisive, trace.frame) if line is not None]
    picked += [_cut(hit.line, hit.offset) for hit in cause.details[:1]]
    rest = (*verdict.consequences, *_worth_telling(verdict))
    picked += [_cut(f.hits[0].line, f.hits[0].offset) for f in rest]
    picked[MAX_EVIDENCE - 2 :] = []
    picked += [_cut(hit.line, hit.offset) for hit in (*reversed(cause.hits[1:]), *cause.details[1:])]
    return _distinct(picked)


def _worth_telling(verdict: Verdict) -> list[Finding]:
    """Beside a serious problem, trifles are noise."""
    least = Severity.MEDIUM if verdict.severity.rank >= Severity.HIGH.rank else Severity.LOW
    return [finding for finding in verdict.others if finding.severity.rank >= least.rank]


def _title(finding: Finding, language: str, text: Words) -> str:
    return fill(finding.signature.text(language).title, _fields(finding), text)


def _fields(finding: Finding) -> dict[str, Sequence[str]]:
    told: dict[str, Sequence[str]] = dict(finding.fields)
    told |= {"count": [str(finding.count)], "first": [str(finding.first)], "last": [str(finding.last)]}
    trace = finding.trace
    if trace is not None and trace.where:
        told.setdefault("where", [trace.where])
    return told


def _where(finding: Finding, text: Words) -> list[str]:
    """How often, in which lines, and when."""
    one_line = finding.first == finding.last or finding.count == 1
    place = (text.line if one_line else text.lines).format(first=finding.first, last=finding.last)
    times = [_stamp_of(finding.hits[:1])]
    times += [_stamp_of(finding.hits[-1:])] if finding.hits[-1].line.number >= finding.last else []
    distinct = list(dict.fromkeys(time for time in times if time))
    often = [] if finding.signature.meter and finding.exact else [_times(finding, text)]
    return [*often, place, *([" – ".join(distinct)] if distinct else [])]


def _times(finding: Finding, text: Words) -> str:
    if not finding.exact:
        return text.at_least.format(count=finding.count)
    return text.once if finding.count == 1 else text.times.format(count=finding.count)


def _time(hits: Sequence[Hit]) -> str:
    found = _stamp_of(hits)
    return f" ({found})" if found else ""


def _stamp_of(hits: Sequence[Hit]) -> str | None:
    """The time of a line, else of the head of its record."""
    return next((s for hit in hits for line in (hit.line, hit.record[0]) if (s := stamp(line.text))), None)


# --- only errors that no signature knows ------------------------------------------------------------------------------


def _lasting(errors: Sequence[Template]) -> bool:
    """Are the unknown errors more than the one request that failed?"""
    return any(template.level >= Level.CRITICAL or template.count >= 3 for template in errors)


def _unknown(found: Findings, log: PreparedLog, language: str, text: Words) -> Reply:
    ranked = sorted(
        found.errors, key=lambda template: (-template.level, template.first != log.first_error, -template.count)
    )
    top = ranked[0]
    line = top.exemplars[0][0]
    title = text.unknown_fatal if top.level >= Level.CRITICAL else text.unknown_title
    summary = [title.format(times=_often(top.count, text), quote=quoted(unstamped(line.text))) + "."]
    if len(ranked) > 1:
        other = ranked[1].exemplars[0][0]
        summary.append(
            text.unknown_others.format(count=len(ranked) - 1, line=other.number, quote=quoted(unstamped(other.text)))
            + "."
        )
    first = min(found.errors, key=lambda template: template.first).exemplars[0][0]
    time = stamp(first.text)
    cause = text.unknown_cause.format(line=first.number, time=f" ({time})" if time else "")
    before = max(
        (line for line in log.shown if line.number < first.number and line.text.strip()),
        key=lambda line: line.number,
        default=None,
    )
    if before is not None and first.number - before.number <= BEFORE_LINES:
        cause += text.unknown_before.format(line=before.number, quote=quoted(unstamped(before.text)))
    if found.known:
        summary.append(text.others.format(list=_named(found.known, language, text)))
    return Reply(
        summary=" ".join(summary),
        root_cause=cause,
        recommendation=_numbered(step.format(line=first.number) for step in text.unknown_steps),
        severity=_severity(found.errors, log).value,
        confidence=0.4,
        issues_found=True,
        evidence=_distinct([_cut(line), *(_cut(t.exemplars[0][0]) for t in ranked[1:])]),
    )


def _severity(errors: Sequence[Template], log: PreparedLog) -> Severity:
    total = sum(template.count for template in errors)
    many = total >= ERRORS_MANY and total >= log.coverage.records * WARNING_SHARE
    if many or any(template.level >= Level.CRITICAL for template in errors):
        return Severity.HIGH
    return Severity.MEDIUM if _lasting(errors) else Severity.LOW


# --- nothing wrong ----------------------------------------------------------------------------------------------------


def _healthy(found: Findings, log: PreparedLog, text: Words) -> Reply:
    count = sum(template.count for template in found.warnings)
    top = max(found.warnings, key=lambda template: template.count, default=None)
    told = {"records": log.coverage.records, "templates": log.coverage.templates, "lines": log.coverage.lines_total}
    if top is None:
        return _quiet(text.healthy.format(**told), text, confidence=0.85)
    line = top.exemplars[0][0]
    quote = {"count": count, "times": _often(top.count, text), "quote": quoted(unstamped(line.text))}
    if count < WARNINGS_LEAST or count < log.coverage.records * WARNING_SHARE:
        summary = f"{text.healthy.format(**told)} {text.healthy_warnings.format(**quote)}."
        return _quiet(summary, text, confidence=0.75)
    return Reply(
        summary=text.warnings_title.format(**quote, records=log.coverage.records) + ".",
        root_cause=text.warnings_cause,
        recommendation=text.warnings_steps.format(line=line.number),
        severity=Severity.LOW.value,
        confidence=0.4,
        issues_found=True,
        evidence=_distinct([_cut(line), *(_cut(t.exemplars[0][0]) for t in found.warnings)]),
    )


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


# --- pieces -----------------------------------------------------------------------------------------------------------


def _often(count: int, text: Words) -> str:
    return text.once if count == 1 else text.times.format(count=count)


def _numbered(steps: Iterable[str]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _cut(line: Line, offset: int = 0) -> Quote:
    """The line word for word; of a long one the piece around what was found in it."""
    start = max(0, min(offset - QUOTE_CHARS // 4, len(line.text) - QUOTE_CHARS)) if len(line.text) > QUOTE_CHARS else 0
    return Quote(line=line.number, quote=line.text[start : start + QUOTE_CHARS].strip())


def _distinct(quotes: Iterable[Quote]) -> list[Quote]:
    """Each line once, in this order, blank ones left out."""
    by_line = {quote["line"]: quote for quote in reversed(list(quotes)) if quote["quote"]}
    order = dict.fromkeys(q["line"] for q in quotes if q["line"] in by_line) if isinstance(quotes, list) else by_line
    return [by_line[line] for line in order][:MAX_EVIDENCE]
