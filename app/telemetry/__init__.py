"""How Bifrost tells what it does: the log's format and context, and the metrics, each in one place."""

from app.telemetry.budgets import BudgetMetrics
from app.telemetry.logs import bind, bound, configure_logging, unbind
from app.telemetry.metrics import (
    clear_metrics,
    count_analysis,
    count_cache_lookup,
    count_calls,
    count_delivery,
    count_error,
    count_follower,
    count_rest,
    exposition,
    forget_process,
    serve_metrics,
    share_metrics,
    shared_directory,
)
from app.telemetry.records import BridgeMetrics, count_published, count_records, observe_batch

__all__ = [
    "BridgeMetrics",
    "BudgetMetrics",
    "bind",
    "bound",
    "clear_metrics",
    "configure_logging",
    "count_analysis",
    "count_cache_lookup",
    "count_calls",
    "count_delivery",
    "count_error",
    "count_follower",
    "count_published",
    "count_records",
    "count_rest",
    "exposition",
    "forget_process",
    "observe_batch",
    "serve_metrics",
    "share_metrics",
    "shared_directory",
    "unbind",
]
