"""A diagnosis as people read it: Markdown, plain text, annotations for GitHub. Text of models and logs is data."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.diagnoses import Coverage, Diagnosis, Doubt, Severity
from app.pipeline.escaping import (
    command_data,
    command_property,
    inert,
    markdown_block,
    markdown_inline,
    one_line,
    printable,
)
from app.pipeline.labels import LABELS

#: What makes "nothing is wrong" hardly believable.
_REFUTED = frozenset({Doubt.CONTRADICTED, Doubt.MILDER})
#: GitHub's annotation levels.
_ANNOTATIONS = {
    Severity.LOW: "notice",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A labelled paragraph of a diagnosis. Each line is free of control characters."""

    label: str
    lines: tuple[str, ...]


def markdown(
    diagnosis: Diagnosis, coverage: Coverage | None, *, language: str = "en", degraded: str | None = None
) -> str:
    """CommonMark. Nothing in it is active that the diagnosis brought along: no HTML, link, image or mention.

    `degraded`, here and below: why the rules answered though a model was wanted; None when they did not have to.
    """
    labels = _labels(language)
    blocks = [f"### {headline(diagnosis, language=language)} · {markdown_inline(one_line(diagnosis.summary))}"]
    blocks += [f"**{part.label}**\n\n{markdown_block(part.lines)}" for part in sections(diagnosis, language=language)]
    if diagnosis.evidence:
        blocks.append(f"**{labels['evidence']}**\n\n{_fenced(quotes(diagnosis))}")
    elif diagnosis.issues_found:
        blocks.append(f"**{labels['evidence']}** {labels['no_evidence']}")
    if degraded is not None:
        blocks.append(f"**{labels['answered']}** {markdown_inline(by_rules(degraded, language=language))}")
    if coverage:
        blocks.append(f"**{labels['read']}** {markdown_inline(coverage_line(coverage, language=language))}")
    blocks.append(f"**{labels['confidence']}** {confidence(diagnosis, language=language)}")
    return "\n\n".join(blocks) + "\n"


def plain(diagnosis: Diagnosis, coverage: Coverage | None, *, language: str = "en", degraded: str | None = None) -> str:
    """Text for pipes, mails and the logs of CI runners; lines are not wrapped."""
    labels = _labels(language)
    rows: list[tuple[str, tuple[str, ...]]] = [
        (part.label, part.lines) for part in sections(diagnosis, language=language)
    ]
    if diagnosis.evidence:
        rows.append((labels["evidence"], tuple(f"{mark} | {text}" for mark, text in quotes(diagnosis))))
    elif diagnosis.issues_found:
        rows.append((labels["evidence"], (labels["no_evidence"],)))
    if degraded is not None:
        rows.append((labels["answered"], (by_rules(degraded, language=language),)))
    if coverage:
        rows.append((labels["read"], (coverage_line(coverage, language=language),)))
    rows.append((labels["confidence"], (confidence(diagnosis, language=language),)))
    indent = max(_cells(label) for label, _ in rows) + 2
    out = [f"{headline(diagnosis, language=language)}  {one_line(diagnosis.summary)}"]
    for label, lines in rows:
        out.append("  " + label + " " * (indent - _cells(label)) + lines[0])
        out += [(" " * (indent + 2) + line).rstrip() for line in lines[1:]]
    return inert("\n".join(out)) + "\n"


def github(
    diagnosis: Diagnosis,
    coverage: Coverage | None,
    *,
    language: str = "en",
    file: str | None = None,
    degraded: str | None = None,
) -> str:
    """One workflow command that annotates the run, and the first quoted line of `file` when it is named."""
    level = _ANNOTATIONS[diagnosis.severity] if diagnosis.issues_found else "notice"
    title = f"{headline(diagnosis, language=language)}: {one_line(diagnosis.summary)}"
    properties = {"title": title[:200]}
    if file:
        line = {"line": str(diagnosis.evidence[0].line)} if diagnosis.evidence else {}
        properties = {"file": printable(file), **line, **properties}
    named = ",".join(f"{name}={command_property(value)}" for name, value in properties.items())
    message = plain(diagnosis, coverage, language=language, degraded=degraded).rstrip("\n")
    return f"::{level} {named}::{command_data(message)}\n"


def headline(diagnosis: Diagnosis, *, language: str = "en") -> str:
    """The severity in words, or that nothing is wrong."""
    return _labels(language)[diagnosis.severity.value if diagnosis.issues_found else "healthy"]


def trouble(code: str, detail: str) -> str:
    """What went wrong, with the code that the table of errors explains."""
    return f"{detail.rstrip('.')} ({code})"


def by_rules(why: str, *, language: str = "en") -> str:
    """That no model answered, and why, in one line."""
    said = _labels(language)["by_rules"]
    return f"{said}: {one_line(why)}" if why else said


def label(name: str, *, language: str = "en") -> str:
    """The word for a part: "evidence", "read", "confidence"."""
    return _labels(language)[name]


def sections(diagnosis: Diagnosis, *, language: str = "en") -> tuple[Section, ...]:
    """Cause and advice, those that say something. An all-clear that the log contradicts has none worth repeating."""
    if not diagnosis.issues_found and not _REFUTED.isdisjoint(diagnosis.doubts):
        return ()
    labels = _labels(language)
    texts = ((labels["cause"], diagnosis.root_cause), (labels["advice"], diagnosis.recommendation))
    found = ((label, tuple(line.rstrip() for line in printable(text).strip().split("\n"))) for label, text in texts)
    return tuple(Section(label=label, lines=lines) for label, lines in found if any(lines))


def confidence(diagnosis: Diagnosis, *, language: str = "en") -> str:
    """In percent, and why it is lower than its author's."""
    labels = _labels(language)
    percent = f"{round(diagnosis.confidence * 100)}%"
    reasons = ", ".join(labels[doubt.value] for doubt in diagnosis.doubts)
    return labels["lowered"].format(percent=percent, reasons=reasons) if reasons else percent


def quotes(diagnosis: Diagnosis) -> tuple[tuple[str, str], ...]:
    """Line numbers, aligned to the right, and the lines quoted, as they follow each other in the log."""
    found = sorted(diagnosis.evidence, key=lambda quote: quote.line)
    width = max((len(str(quote.line)) for quote in found), default=0)
    return tuple((str(quote.line).rjust(width), one_line(quote.text)) for quote in found)


def coverage_line(coverage: Coverage, *, language: str = "en") -> str:
    """What became of every line, in one line. The counts of lines add up to the total."""
    labels = _labels(language)
    redacted = sorted(coverage.redactions.items())
    kinds = ", ".join(f"{_number(count)} {one_line(kind).replace('_', ' ').lower()}" for kind, count in redacted)
    amounts: list[tuple[str, int, Mapping[str, str]]] = [
        ("sent", coverage.lines_sent, {}),
        ("cut", coverage.lines_cut, {}),
        ("counted", coverage.lines_counted, {"templates": _number(coverage.templates_sent)}),
        ("blank", coverage.lines_blank, {}),
        *(("left_out", part.lines, {"reason": one_line(part.reason).replace("_", " ")}) for part in coverage.left_out),
    ]
    extras: list[tuple[str, int, Mapping[str, str]]] = [
        ("redacted", sum(coverage.redactions.values()), {"kinds": kinds}),
        ("replaced", coverage.bytes_replaced, {}),
        ("dropped", coverage.evidence_dropped, {"cited": _number(coverage.evidence_cited)}),
        ("windows", coverage.windows, {"asked": _number(coverage.windows_asked)}),
        # of several prompts, the last one's say nothing
        (
            "tokens",
            0 if coverage.windows_asked else coverage.tokens_estimated,
            {"budget": _number(coverage.token_budget)},
        ),
    ]
    lines = _counted(labels, "lines", coverage.lines_total).format(total=_number(coverage.lines_total))
    one_of = {"counted": coverage.templates_sent}
    said = [
        _counted(labels, name, one_of.get(name, count)).format(n=_number(count), **more)
        for name, count, more in amounts
        if count
    ]
    aside = [_counted(labels, name, count).format(n=_number(count), **more) for name, count, more in extras if count]
    if coverage.similar_to is not None:
        aside.insert(0, labels["similar"].format(n=coverage.similar_to))
    return " · ".join([f"{lines}: {', '.join(said)}" if said else lines, *aside])


def _labels(language: str) -> Mapping[str, str]:
    return LABELS.get(language, LABELS["en"])


def _counted(labels: Mapping[str, str], name: str, count: int) -> str:
    """The label for as many; languages without a singular have one for all."""
    return labels.get(f"{name}_1", labels[name]) if count == 1 else labels[name]


def _number(count: int) -> str:
    return f"{count:,}"


def _cells(text: str) -> int:
    """Columns on a terminal: a Hangul syllable takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _fenced(rows: tuple[tuple[str, str], ...]) -> str:
    body = "\n".join(f"{mark} | {text}" for mark, text in rows)
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{inert(body)}\n{fence}"
