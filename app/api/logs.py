"""Logs themselves: some of their records, and how they are made up. Nothing is stored, no model is asked."""

from typing import Any

from app.api import log_schemas as schemas
from app.api import paths
from app.api.auth import needs
from app.api.context import caller, container, limits
from app.api.openapi import SUBMISSION_BODY
from app.api.parsing import Blueprint
from app.domain.keys import Scope

blueprint = Blueprint(
    "logs", __name__, url_prefix="/api/v1", description="Records of a log by level, words and time; counts by template."
)

_EXCERPT = schemas.ExcerptSchema()
_STATISTICS = schemas.LogStatisticsSchema()


@blueprint.route("/logs/filter", methods=["POST"])
@needs(Scope.SUBMIT)
@blueprint.doc(requestBody=SUBMISSION_BODY)
@blueprint.arguments(schemas.ExcerptBodySchema())
@blueprint.response(200, _EXCERPT)
def filter_(asked: dict[str, Any]) -> object:
    """Filter a log.

    Secrets are returned as they came, unless `redact` is true. The body may also be text/plain, with the rest as query.
    """
    return container().previews.filter(asked["log"], asked["wanted"], asked["paging"])


@blueprint.route("/logs/statistics", methods=["POST"])
@needs(Scope.SUBMIT)
@blueprint.doc(requestBody=SUBMISSION_BODY)
@blueprint.arguments(schemas.StatisticsBodySchema())
@blueprint.response(200, _STATISTICS)
def statistics(asked: dict[str, Any]) -> object:
    """Count a log by level and by template. Patterns are redacted."""
    most = asked.get("limit", limits().page_default)
    return container().previews.statistics(asked["log_content"], most=most)


@blueprint.route("/analyses/<analysis_id>/log", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(schemas.ExcerptQuerySchema(), location="query")
@blueprint.response(200, _EXCERPT)
def filter_stored(asked: dict[str, Any], analysis_id: str) -> object:
    """Filter the log of an analysis.

    Whoever may read the analysis may read its log as it was sent, as with `?include=log_content`; `redact=true` hides
    secrets.
    """
    return container().previews.filter_stored(
        caller().project_id, paths.analysis_id(analysis_id), asked["wanted"], asked["paging"]
    )


@blueprint.route("/analyses/<analysis_id>/log/statistics", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(schemas.StatisticsQuerySchema(), location="query")
@blueprint.response(200, _STATISTICS)
def statistics_stored(asked: dict[str, Any], analysis_id: str) -> object:
    """Count the log of an analysis by level and by template. Patterns are redacted."""
    most = asked.get("limit", limits().page_default)
    return container().previews.statistics_stored(caller().project_id, paths.analysis_id(analysis_id), most=most)
