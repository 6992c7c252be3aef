"""From findings to the answer: summary, cause, steps and evidence, in words."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.diagnoses import Severity
from app.domain.logs import Line, PreparedLog
from app.providers.rules.criteria import overall, remarks_only
from app.providers.rules.findings import Findings
from app.providers.rules.nouns import Finding, Hit
from app.providers.rules.replies import MAX_EVIDENCE, Quote, Reply, cut, distinct, numbered, often
from app.providers.rules.stamps import stamp, unstamped
from app.providers.rules.unexplained import change_before, healthy, lasting, passing, unknown
from app.providers.rules.weighing import Verdict, weigh
from app.providers.rules.wording import Words, counted, fill, quoted, words

#: Consequences and side findings that a summary names.
NAMED = 4
#: Independent findings whose first step is told too.
SIDE_STEPS = 2


def answer(found: Findings, log: PreparedLog, language: str) -> Reply:
    """The diagnosis of what was found."""
    text = words(language)
    verdict = weigh(found.known)
    beside = _named(found.known, language, text)
    if verdict is None or remarks_only(found.known):
        fine = not found.errors or passing(found.errors, log)
        return healthy(found, log, _remarks(found, beside, text), text) if fine else unknown(found, log, beside, text)
    verdict = replace(verdict, severity=overall(verdict.severity, found.known, log))
    if verdict.severity is Severity.LOW and lasting(found.errors):
        return unknown(found, log, beside, text)
    return _known(verdict, found, language, text)


def _known(verdict: Verdict, found: Findings, language: str, text: Words) -> Reply:
    change = change_before(found.changes, verdict.cause.first)
    return Reply(
        summary=_summary(verdict, found, language, text),
        root_cause=_root_cause(verdict, language, text) + _changed(change, text),
        recommendation=_recommendation(verdict, language, text),
        severity=verdict.severity.value,
        confidence=verdict.confidence,
        issues_found=True,
        evidence=_evidence(verdict, change),
    )


def _remarks(found: Findings, beside: str, text: Words) -> str:
    passed = max((finding.recovered or 0 for finding in found.known), default=0)
    told = [text.others.format(list=beside)] if beside else []
    return " ".join([*told, text.recovered.format(line=passed)] if passed else told)


def _changed(change: Line | None, text: Words) -> str:
    return "" if change is None else text.changed.format(line=change.number, quote=quoted(unstamped(change.text)))


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
        others.append(counted(text.also_unknown, total, quote=quoted(unstamped(head.text), 120), line=head.number))
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
        parts.append(text.exception.format(type=trace.type, message=trace.message).rstrip(": .") + ".")
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
    return numbered(steps)


def _evidence(verdict: Verdict, change: Line | None) -> list[Quote]:
    """The decisive line first; then its trace; then one line for each other finding; then more of the cause."""
    cause = verdict.cause
    decisive = cause.hits[0]
    picked = [cut(decisive.line, decisive.offset)]
    trace = decisive.trace or cause.trace
    if trace is not None:
        picked += [cut(line) for line in (trace.decisive, trace.frame) if line is not None]
    picked += [cut(hit.line, hit.offset) for hit in cause.details[:1]]
    picked += [cut(change)] if change is not None else []
    rest = (*verdict.consequences, *_worth_telling(verdict))
    picked += [cut(f.hits[0].line, f.hits[0].offset) for f in rest]
    picked[MAX_EVIDENCE - 2 :] = []
    picked += [cut(hit.line, hit.offset) for hit in (*reversed(cause.hits[1:]), *cause.details[1:])]
    return distinct(picked)


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
    return often(finding.count, text)


def _time(hits: Sequence[Hit]) -> str:
    found = _stamp_of(hits)
    return f" ({found})" if found else ""


def _stamp_of(hits: Sequence[Hit]) -> str | None:
    """The time of a line, else of the head of its record."""
    return next((s for hit in hits for line in (hit.line, hit.record[0]) if (s := stamp(line.text))), None)
