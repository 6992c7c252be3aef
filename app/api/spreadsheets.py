"""Analyses as rows of CSV that a spreadsheet may open: no cell of them is a formula."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from app.domain.analyses import Analysis
from app.domain.diagnoses import Diagnosis
from app.domain.prompts import Usage

#: How a formula begins, also in the full width that East Asian keyboards write, and what some programs skip before it
#: (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\0")
Cell = str | int | float | bool | datetime | None


def _of_diagnosis(read: Callable[[Diagnosis], Cell]) -> Callable[[Analysis], Cell]:
    return lambda analysis: None if analysis.diagnosis is None else read(analysis.diagnosis)


def _of_usage(read: Callable[[Usage], Cell]) -> Callable[[Analysis], Cell]:
    return lambda analysis: None if analysis.usage is None else read(analysis.usage)


#: Column -> what stands there.
COLUMNS: Mapping[str, Callable[[Analysis], Cell]] = {
    "id": lambda analysis: analysis.id,
    "created_at": lambda analysis: analysis.created_at,
    "finished_at": lambda analysis: analysis.finished_at,
    "status": lambda analysis: analysis.status.value,
    "severity": _of_diagnosis(lambda found: found.severity.value),
    "issues_found": _of_diagnosis(lambda found: found.issues_found),
    "confidence": _of_diagnosis(lambda found: found.confidence),
    "summary": _of_diagnosis(lambda found: found.summary),
    "root_cause": _of_diagnosis(lambda found: found.root_cause),
    "recommendation": _of_diagnosis(lambda found: found.recommendation),
    "service_name": lambda analysis: analysis.service_name,
    "environment": lambda analysis: analysis.environment,
    "tags": lambda analysis: ", ".join(analysis.tags),
    "priority": lambda analysis: analysis.priority.name,
    "language": lambda analysis: analysis.language.value,
    "source": lambda analysis: analysis.source.value,
    "provider": lambda analysis: analysis.provider,
    "model": lambda analysis: analysis.model,
    "degraded": lambda analysis: analysis.degraded,
    "cached": lambda analysis: analysis.cached,
    "attempts": lambda analysis: analysis.attempts,
    "duration_seconds": lambda analysis: analysis.duration_seconds,
    "prompt_tokens": _of_usage(lambda usage: usage.prompt_tokens),
    "completion_tokens": _of_usage(lambda usage: usage.completion_tokens),
    "error_code": lambda analysis: analysis.error.code if analysis.error else None,
    "error_detail": lambda analysis: analysis.error.detail if analysis.error else None,
    "request_id": lambda analysis: analysis.request_id,
}


def head() -> str:
    """The first line."""
    return _lines([list(COLUMNS)])


def rows(analyses: Iterable[Analysis]) -> str:
    """A line for each; a text with line breaks in it takes several."""
    return _lines([[_written(read(analysis)) for read in COLUMNS.values()] for analysis in analyses])


def safe(text: str) -> str:
    """With an apostrophe before what a spreadsheet would compute; it shows the text, and not the apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def _written(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.isoformat()
    return safe(cell) if isinstance(cell, str) else cell


def _lines(written: Iterable[list[str | int | float]]) -> str:
    text = io.StringIO()
    # every text in quotes: what separates cells elsewhere begins no cell here
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n").writerows(written)
    return text.getvalue()
