"""What Prometheus scrapes, and the counting of HTTP requests."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from flask import Blueprint, Flask, Request, Response, current_app, request

from app import telemetry
from app.api.context import container
from app.domain.errors import BrokerUnavailable, StorageUnavailable

log = structlog.get_logger()
Told = TypeVar("Told")

blueprint = Blueprint("metrics", __name__)
_EXTENSION = "bifrost-metrics"


def register(app: Flask) -> None:
    """Count the requests of `app` by route, method and status."""
    from prometheus_client import CollectorRegistry
    from prometheus_flask_exporter import PrometheusMetrics

    registry = CollectorRegistry()
    # by route, not by path: a scanner's thousand paths must not become a thousand series
    PrometheusMetrics(app, path=None, group_by=route, registry=registry)
    app.extensions[_EXTENSION] = registry


@blueprint.route("/metrics/prometheus")
def prometheus() -> Response:
    """Everything, in Prometheus' exposition format."""
    text, content_type = telemetry.exposition(
        request.headers.get("Accept", ""),
        lambda: _asked(container().health.depths),
        loads=lambda: _asked(container().health.loads),
        outbox=lambda: _asked(container().announcing.depths),
        further=(
            telemetry.BridgeMetrics(lambda: _asked(container().bridges.states)),
            telemetry.BudgetMetrics(lambda: _asked(container().budgets.states)),
        ),
        more=(current_app.extensions[_EXTENSION],),
    )
    return Response(text, content_type=content_type)


def route(asked: Request) -> str:
    """The label that requests are grouped by; the exporter names it after this function."""
    return asked.url_rule.rule if asked.url_rule else "unknown"


def _asked(what: Callable[[], Sequence[Told]]) -> Sequence[Told]:
    """Without the database or Redis there is still much to tell."""
    try:
        return what()
    except (BrokerUnavailable, StorageUnavailable) as error:
        telemetry.count_error(error.code, where="api")
        log.warning("metrics_unavailable", code=error.code)
        return ()
