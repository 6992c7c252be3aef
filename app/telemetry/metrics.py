"""The metrics: what is counted where it happens, and what is asked of the store at each scrape."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.announcements import OutboxDepth
from app.domain.guards import Load
from app.domain.storage_ports import QueueDepth, Swept
from app.telemetry.records import make_metrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector

#: Seconds; the rules answer in milliseconds, a large model on a small machine in minutes.
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
#: Model calls of one attempt.
_CALLS = (1, 2, 3, 4, 6, 8, 12, 16, 32)
_DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Metrics:
    analyses: "Counter"
    duration: "Histogram"
    cache_lookups: "Counter"
    calls: "Histogram"
    errors: "Counter"
    rests: "Counter"
    deliveries: "Counter"


def share_metrics(directory: Path | None) -> None:
    """Let all processes of this machine that name the same directory be seen by one scrape; None: this one alone.

    A process begins with it, before its threads: two that make the metrics at the same time make them twice, which
    prometheus_client refuses. It decides at its import, too; a `RuntimeError` says when this came too late.
    """
    if directory is not None:
        _share(directory)
    _metrics()
    make_metrics()


def _share(directory: Path) -> None:
    values = sys.modules.get("prometheus_client.values")
    if values is not None and not values.ValueClass._multiprocess:  # noqa: SLF001 - the only place that tells
        raise RuntimeError("prometheus_client was imported before share_metrics")
    directory.mkdir(parents=True, exist_ok=True)
    os.environ[_DIRECTORY_VARIABLE] = str(directory)  # noqa: TID251 - written, not read: the library's only switch


def shared_directory() -> Path | None:
    """Where this process shares its metrics; None when it does not."""
    directory = os.environ.get(_DIRECTORY_VARIABLE)  # noqa: TID251 - the library's switch, perhaps set by a parent
    return Path(directory) if directory else None


def clear_metrics(directory: Path) -> None:
    """Forget what earlier runs left. For the supervisor, before the first process starts."""
    for left in directory.glob("*.db"):
        left.unlink(missing_ok=True)


def forget_process(pid: int) -> None:
    """A process has ended: its gauges go, what it counted stays."""
    directory = shared_directory()
    if directory is not None:
        for left in directory.glob(f"gauge_*_{pid}.db"):
            left.unlink(missing_ok=True)


def count_analysis(*, status: str, source: str, provider: str | None, degraded: bool, seconds: float) -> None:
    """An analysis reached a terminal state, `seconds` after it was accepted."""
    metrics = _metrics()
    metrics.analyses.labels(status, source, provider or "none", str(degraded).lower()).inc()
    metrics.duration.labels(status, provider or "none").observe(seconds)


def count_calls(calls: int, *, provider: str) -> None:
    """An attempt to answer an analysis asked its model so often."""
    _metrics().calls.labels(provider).observe(calls)


def count_cache_lookup(kind: str, outcome: str) -> None:
    """An earlier answer was looked for: "exact" ("hit", "miss"), "in_flight" ("hit"), or "similar" ("hit", "miss",
    "unsupported" when too few of its quotes hold, "unknown" when the log has no warnings and errors to be known by).
    """
    _metrics().cache_lookups.labels(kind, outcome).inc()


def count_follower(follower: Swept) -> None:
    """An analysis got the answer of the same one in flight."""
    count_cache_lookup("in_flight", "hit")
    count_analysis(
        status=follower.status,
        source=follower.source,
        provider=follower.provider,
        degraded=False,
        seconds=follower.seconds or 0.0,
    )


def count_error(code: str, *, where: str) -> None:
    """Something went wrong: its stable code, and where: "api", "prepare", "dispatcher", or a provider's name."""
    _metrics().errors.labels(where, code).inc()


def count_rest(provider: str) -> None:
    """A breaker opened: one of the provider's models rests."""
    _metrics().rests.labels(provider).inc()


def count_delivery(publisher: str, outcome: str) -> None:
    """An attempt to publish an event ended: "published", "failed", "dead" or "taken_over"."""
    _metrics().deliveries.labels(publisher, outcome).inc()


def exposition(
    accept: str,
    depths: Callable[[], Sequence[QueueDepth]],
    *,
    loads: Callable[[], Sequence[Load]] = tuple,
    outbox: Callable[[], Sequence[OutboxDepth]] = tuple,
    further: "Iterable[Collector]" = (),
    more: "Iterable[CollectorRegistry]" = (),
) -> tuple[bytes, str]:
    """Everything for Prometheus, and its content type: the shared processes or this one, and the queues right now.

    `further`: collectors of what else is asked of the store.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Sources((*_counted(more), _Queues(depths), _Guards(loads), _Outbox(outbox), *further)))
    return encode(registry), content_type


def serve_metrics(port: int, host: str = "127.0.0.1") -> Callable[[], None]:
    """Answer scrapes of this process on a port of its own, in a thread; what is returned stops it."""
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Sources(_counted(())))
    server, thread = start_http_server(port, addr=host, registry=registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


@cache
def _metrics() -> _Metrics:
    from prometheus_client import Counter, Histogram

    return _Metrics(
        analyses=Counter(
            "analysis_total", "Analyses that reached a terminal state.", ("status", "source", "provider", "degraded")
        ),
        duration=Histogram(
            "analysis_duration_seconds", "From acceptance to the end.", ("status", "provider"), buckets=_BUCKETS
        ),
        calls=Histogram("analysis_model_calls", "Model calls of one attempt.", ("provider",), buckets=_CALLS),
        cache_lookups=Counter(
            "cache_lookups_total", "Looks for an earlier answer, by what was found.", ("kind", "outcome")
        ),
        errors=Counter("errors_total", "Errors by their stable code.", ("where", "code")),
        rests=Counter("provider_rests_total", "Times a model of the provider was given a rest.", ("provider",)),
        deliveries=Counter("deliveries_total", "Attempts to publish an event.", ("publisher", "outcome")),
    )


def _counted(more: "Iterable[CollectorRegistry]") -> tuple[Any, ...]:
    from prometheus_client import REGISTRY
    from prometheus_client.multiprocess import MultiProcessCollector

    _metrics()
    if shared_directory():
        return (MultiProcessCollector(None),)  # type: ignore[no-untyped-call]  # the library leaves it so
    return (REGISTRY, *more)


class _Sources:
    """Several sources of metrics as one."""

    def __init__(self, sources: tuple[Any, ...]) -> None:
        self._sources = sources

    def collect(self) -> "Iterable[Metric]":
        for source in self._sources:
            yield from source.collect()


class _Queues:
    """The open work. Asked of the store at each scrape, so that any number of processes tell the same."""

    def __init__(self, depths: Callable[[], Sequence[QueueDepth]]) -> None:
        self._depths = depths

    def collect(self) -> "Iterable[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        running = GaugeMetricFamily("in_progress", "Analyses a worker holds right now.", labels=("queue",))
        waiting = GaugeMetricFamily("queue_depth", "Analyses that wait for a worker.", labels=("queue",))
        oldest = GaugeMetricFamily("queue_oldest_seconds", "How long the longest has waited.", labels=("queue",))
        for depth in self._depths():
            running.add_metric((depth.queue,), depth.running)
            waiting.add_metric((depth.queue,), depth.waiting)
            oldest.add_metric((depth.queue,), depth.oldest_seconds)
        return (running, waiting, oldest)


class _Guards:
    """What all workers together know of the providers. Asked of Redis at each scrape."""

    def __init__(self, loads: Callable[[], Sequence[Load]]) -> None:
        self._loads = loads

    def collect(self) -> "Iterable[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        calls = GaugeMetricFamily(
            "provider_calls", "Calls that occupy one of the provider's slots.", labels=("provider",)
        )
        limit = GaugeMetricFamily("provider_calls_limit", "Slots of the provider; 0: any number.", labels=("provider",))
        resting = GaugeMetricFamily("provider_resting", "Models that are not asked right now.", labels=("provider",))
        for load in self._loads():
            calls.add_metric((load.provider,), load.calls)
            limit.add_metric((load.provider,), load.limit)
            resting.add_metric((load.provider,), len(load.rests))
        return (calls, limit, resting)


class _Outbox:
    """Events still to be published, asked of the store as well."""

    def __init__(self, depths: Callable[[], Sequence[OutboxDepth]]) -> None:
        self._depths = depths

    def collect(self) -> "Iterable[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        waiting = GaugeMetricFamily("outbox_depth", "Events that are still to be published.", labels=("publisher",))
        oldest = GaugeMetricFamily(
            "outbox_oldest_seconds", "How long the longest waiting event has been due.", labels=("publisher",)
        )
        for depth in self._depths():
            waiting.add_metric((depth.publisher,), depth.waiting)
            oldest.add_metric((depth.publisher,), depth.oldest_seconds)
        return (waiting, oldest)
