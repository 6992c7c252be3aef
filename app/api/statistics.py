"""What the last hours were like."""

from typing import Any

from app.api import statistics_schemas as schemas
from app.api.auth import needs
from app.api.context import caller, container
from app.api.parsing import Blueprint
from app.domain.keys import Scope
from app.domain.statistics import Summary

blueprint = Blueprint("statistics", __name__, description="How many, how long, how much.")

_HOURS = 24


@blueprint.route("/api/v1/stats")
@needs(Scope.READ)
@blueprint.arguments(schemas.PeriodSchema(), location="query")
@blueprint.response(200, schemas.SummarySchema())
def statistics(period: dict[str, Any]) -> object:
    """Count the analyses that ended in the last hours.

    Percentiles are estimated from a histogram. The counts outlive the analyses.
    """
    return _summary(period)


@blueprint.route("/metrics")
@needs(Scope.READ)
@blueprint.arguments(schemas.PeriodSchema(), location="query")
@blueprint.response(200, schemas.MetricsSchema())
def metrics(period: dict[str, Any]) -> object:
    """The same in short: analyses that ended, and those completed by each model.

    For Prometheus there is `/metrics/prometheus`.
    """
    found = _summary(period)
    return {
        "total_analyses": found.total.analyses,
        "avg_duration_seconds": found.total.durations.average,
        "model_stats": [
            {"model": one.model, "count": one.tally.completed, "avg_duration": one.tally.durations.average}
            for one in found.models
            if one.tally.completed
        ],
    }


def _summary(period: dict[str, Any]) -> Summary:
    found: Summary = container().statistics.summary(caller().project_id, period.get("hours", _HOURS))
    return found
