"""Diagnoses as SARIF 2.1.0, for GitHub's code scanning and whatever else reads results of analyses.

The format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html (sections in brackets below).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from posixpath import normpath
from urllib.parse import quote

import orjson

from app import __version__
from app.domain.diagnoses import Coverage, Diagnosis, Evidence, Severity
from app.pipeline import rendering
from app.pipeline.escaping import inert_json, one_line, printable, sarif_markdown, sarif_text

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULE = "log-diagnosis"
#: Times, counts, ids and addresses.
_CHANGING = re.compile(r"[0-9a-fA-F]{8,}|\d+")
#: Levels of SARIF [3.27.10].
_LEVELS = {
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}

Json = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What is told of one log. Without a diagnosis, `trouble` says why there is none.

    `file`: path of the log, where there is one; a relative one is meant from the root of the sources.
    """

    diagnosis: Diagnosis | None
    coverage: Coverage | None = None
    language: str = "en"
    file: str | None = None
    trouble: str = ""
    #: Why the rules answered though a model was wanted; None when they did not have to.
    degraded: str | None = None
    #: The id of the analysis, for a log without a file.
    analysis: int | None = None


def sarif(reports: Sequence[Report]) -> str:
    """One SARIF log, a run for each report. A healthy log has no result; its run says in a notification that it is."""
    runs = [_run(report, category) for report, category in zip(reports, _categories(reports), strict=True)]
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": runs}
    return inert_json(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()) + "\n"


def _categories(reports: Sequence[Report]) -> list[str]:
    """What a run is of, each its own: GitHub refuses two runs of one tool in one category, and takes what stands
    before the last slash of `automationDetails.id` [3.17] for it. The next run of the same log has the same one.
    """
    categories: list[str] = []
    for number, report in enumerate(reports, 1):
        unnamed = f"analysis-{report.analysis or number}" if len(reports) > 1 else "log"
        category = f"bifrost/{quote(_path(report.file)).strip('/') if report.file else unnamed}/"
        categories.append(f"{category}{number}/" if category in categories else category)
    return categories


def _run(report: Report, category: str) -> Json:
    found = report.diagnosis
    artifact: Json = {"roles": ["analysisTarget"], "description": {"text": "The log."}}
    if report.file:
        artifact["location"] = _location(report.file)
    return {
        "tool": {"driver": _driver()},
        "automationDetails": {"id": category},
        "language": report.language,
        "artifacts": [artifact],
        "invocations": [{"executionSuccessful": found is not None, "toolExecutionNotifications": _notes(report)}],
        "results": [_result(found, report)] if found and found.issues_found else [],
    }


def _driver() -> Json:
    rule = {
        "id": _RULE,
        "name": "LogDiagnosis",
        "shortDescription": {"text": "Something is wrong in this log."},
        "fullDescription": {
            "text": "A diagnosis of a log: what is wrong, why, what to do, and the lines that show it."
        },
        "defaultConfiguration": {"level": "warning"},
    }
    return {"name": "Bifrost", "version": __version__, "rules": [rule]}


def _notes(report: Report) -> list[Json]:
    """What is no finding [3.58]: that all is well, that there is no diagnosis, and what was read."""
    found, language = report.diagnosis, report.language
    if found is None:
        return [_note("error", report.trouble)]
    notes = []
    if not found.issues_found:
        notes.append(_note("note", f"{rendering.headline(found, language=language)}: {one_line(found.summary)}"))
    if report.degraded is not None:
        answered = rendering.label("answered", language=language)
        notes.append(_note("warning", f"{answered}: {rendering.by_rules(report.degraded, language=language)}"))
    if report.coverage:
        read = rendering.coverage_line(report.coverage, language=language)
        notes.append(_note("note", f"{rendering.label('read', language=language)}: {read}"))
    return notes


def _note(level: str, text: str) -> Json:
    return {"level": level, "message": {"text": sarif_text(text)}}


def _result(found: Diagnosis, report: Report) -> Json:
    first, *others = [_quoted(quote, report.file) for quote in found.evidence] or [_whole(report.file)]
    return {
        "ruleId": _RULE,
        "ruleIndex": 0,
        "level": _LEVELS[found.severity],
        "rank": round(found.confidence * 100, 1),
        "message": {
            "text": sarif_text(_text(found, report)),
            "markdown": sarif_markdown(
                rendering.markdown(found, report.coverage, language=report.language, degraded=report.degraded)
            ),
        },
        "locations": [first],
        "relatedLocations": others,
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(found, report)},
        "properties": {"severity": found.severity.value, "confidence": found.confidence},
    }


def _text(found: Diagnosis, report: Report) -> str:
    language = report.language
    head = f"{rendering.headline(found, language=language)}: {one_line(found.summary)}"
    parts = ["\n".join((part.label, *part.lines)) for part in rendering.sections(found, language=language)]
    if report.degraded is not None:
        answered = rendering.label("answered", language=language)
        parts.append(f"{answered}\n{rendering.by_rules(report.degraded, language=language)}")
    return "\n\n".join([head, *parts])


def _fingerprint(found: Diagnosis, report: Report) -> str:
    """The same for the same trouble in a later log [3.27.17], in the form that GitHub knows: by the first line quoted,
    whose times and numbers change from run to run; by the severity when none is.
    """
    quoted = next((one_line(quote.text) for quote in found.evidence), found.severity.value)
    seen = f"{_path(report.file) if report.file else ''}\n{_CHANGING.sub('#', quoted)}"
    return f"{sha256(seen.encode()).hexdigest()[:16]}:1"


def _quoted(found: Evidence, file: str | None) -> Json:
    region = {"startLine": max(found.line, 1), "snippet": {"text": one_line(found.text)}}
    return {"physicalLocation": {"artifactLocation": _place(file), "region": region}}


def _whole(file: str | None) -> Json:
    """A finding without a quote. Its place is the log."""
    return {"physicalLocation": {"artifactLocation": _place(file)}}


def _place(file: str | None) -> Json:
    return {**(_location(file) if file else {}), "index": 0}


def _path(file: str) -> str:
    return normpath(printable(file).replace("\\", "/"))


def _location(file: str) -> Json:
    """A valid reference [3.4.3] whatever the file is called."""
    path = _path(file)
    if path.startswith("/"):
        return {"uri": f"file://{quote('/' + path.lstrip('/'))}"}
    return {"uri": quote(path), "uriBaseId": "%SRCROOT%"}
