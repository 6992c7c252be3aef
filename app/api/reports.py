"""Diagnoses as people and their tools read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response
from marshmallow import fields, validate

from app.api import paths
from app.api.auth import needs
from app.api.context import caller, container
from app.api.fields import Name
from app.api.parsing import Blueprint
from app.api.schemas import Strict
from app.domain.analyses import TERMINAL, Analysis
from app.domain.diagnoses import Diagnosis
from app.domain.errors import AnalysisUnfinished, DiagnosisMissing
from app.domain.keys import Scope
from app.pipeline import rendering
from app.pipeline.sarif import Report, sarif

blueprint = Blueprint("reports", __name__, url_prefix="/api/v1", description="Diagnoses in other formats than JSON.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Format:
    """`write`: what is told, as a run of SARIF has it."""

    media_type: str
    write: Callable[[Diagnosis, Report], str]


_FORMATS: Mapping[str, _Format] = {
    "markdown": _Format(
        media_type="text/markdown; charset=utf-8",
        write=lambda found, told: rendering.markdown(
            found, told.coverage, language=told.language, degraded=told.degraded
        ),
    ),
    "plain": _Format(
        media_type="text/plain; charset=utf-8",
        write=lambda found, told: rendering.plain(found, told.coverage, language=told.language, degraded=told.degraded),
    ),
    "github": _Format(
        media_type="text/plain; charset=utf-8",
        write=lambda found, told: rendering.github(
            found, told.coverage, language=told.language, file=told.file, degraded=told.degraded
        ),
    ),
    "sarif": _Format(media_type="application/sarif+json", write=lambda _, told: sarif([told])),
}


class ReportQuerySchema(Strict):
    """Which format."""

    error_messages = {"unknown": "Unknown query parameter."}  # noqa: RUF012 - marshmallow's way

    format = fields.String(validate=validate.OneOf(_FORMATS), metadata={"default": "markdown"})
    file = Name(
        metadata={"description": "With `github` and `sarif`: the log's path, where its lines can be looked up."}
    )


@blueprint.route("/analyses/<analysis_id>/report", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(ReportQuerySchema(), location="query")
@blueprint.alt_response(
    200, description="The report.", content_type="text/markdown", schema={"type": "string"}, success=True
)
def report(asked: dict[str, Any], analysis_id: str) -> Response:
    """The diagnosis as Markdown, plain text, an annotation for GitHub, or SARIF.

    In the language of the analysis. Nothing in it is active that the log or the model brought along.
    """
    analysis = container().analyses.get(caller().project_id, paths.analysis_id(analysis_id))
    if analysis.status not in TERMINAL:
        raise AnalysisUnfinished(f"The analysis has not ended yet: it is {analysis.status}.")
    if analysis.diagnosis is None:
        said = f": {analysis.error.detail}" if analysis.error else "."
        raise DiagnosisMissing(f"The analysis has no diagnosis, since it is {analysis.status}{said}")
    chosen = _FORMATS[asked.get("format", "markdown")]
    told = Report(
        diagnosis=analysis.diagnosis,
        coverage=analysis.coverage,
        language=analysis.language.value,
        file=asked.get("file"),
        degraded=_why(analysis),
        analysis=analysis.id,
    )
    return Response(chosen.write(analysis.diagnosis, told), content_type=chosen.media_type)


def _why(analysis: Analysis) -> str | None:
    """Why the rules answered though a model was wanted."""
    if not analysis.degraded:
        return None
    return rendering.trouble(analysis.error.code, analysis.error.detail) if analysis.error else ""
