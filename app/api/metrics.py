"""What Prometheus scrapes, and the counting of HTTP requests."""

from collections.abc import Sequence
from typing import cast

import structlog
from flask import Blueprint, Flask, Request, Response, current_app, request

from app import telemetry
from app.api.context import container
from app.domain.errors import StorageUnavailable
from app.domain.ports import QueueDepth

log = structlog.get_logger()

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
        request.headers.get("Accept", ""), _depths, more=(current_app.extensions[_EXTENSION],)
    )
    return Response(text, content_type=content_type)


def route(asked: Request) -> str:
    """The label that requests are grouped by; the exporter names it after this function."""
    return asked.url_rule.rule if asked.url_rule else "unknown"


def _depths() -> Sequence[QueueDepth]:
    """Without the database there is still much to tell."""
    try:
        return cast(Sequence[QueueDepth], container().health.depths())
    except StorageUnavailable as error:
        telemetry.count_error(error.code, where="api")
        log.warning("queue_depths_unavailable", code=error.code)
        return ()
