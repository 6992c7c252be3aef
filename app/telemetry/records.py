"""The metrics of the bridge to Kafka."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from app.domain.records import BridgeState

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram
    from prometheus_client.metrics_core import Metric

#: Records.
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)
#: Seconds; in an outage, hours.
_WAITS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 43_200)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Metrics:
    records: "Counter"
    batches: "Histogram"
    published: "Counter"
    latency: "Histogram"


def count_records(fate: str, count: int) -> None:
    """Records of requests were committed: "queued", "cached", "known", "announced" or "dead"."""
    _metrics().records.labels(fate).inc(count)


def observe_batch(size: int) -> None:
    """So many records were stored in one transaction."""
    _metrics().batches.observe(size)


def count_published(topic: str, outcome: str, *, age: float | None = None) -> None:
    """An event was "published" (`age` seconds after it had happened), put back ("failed"), or given up ("dead")."""
    metrics = _metrics()
    metrics.published.labels(topic, outcome).inc()
    if age is not None:
        metrics.latency.labels(topic).observe(age)


def make_metrics() -> None:
    """Before anything is counted."""
    _metrics()


@cache
def _metrics() -> _Metrics:
    from prometheus_client import Counter, Histogram

    return _Metrics(
        records=Counter("kafka_records_total", "Records of requests that were committed.", ("fate",)),
        batches=Histogram("kafka_batch_records", "Records stored in one transaction.", buckets=_SIZES),
        published=Counter("kafka_published_total", "Attempts to publish an event to Kafka.", ("topic", "outcome")),
        latency=Histogram(
            "kafka_publish_seconds",
            "From the end of an analysis to the acknowledgment of its result.",
            ("topic",),
            buckets=_WAITS,
        ),
    )


class BridgeMetrics:
    """What the bridges say of themselves. Asked of the store at each scrape, so that any process tells the same."""

    def __init__(self, states: Callable[[], Sequence[BridgeState]]) -> None:
        self._states = states

    def collect(self) -> "Iterable[Metric]":
        """Lag and pauses."""
        from prometheus_client.core import GaugeMetricFamily

        lag = GaugeMetricFamily(
            "kafka_consumer_lag", "Records that are not committed yet.", labels=("topic", "partition")
        )
        paused = GaugeMetricFamily("kafka_paused", "Partitions that are not read right now.", labels=("bridge",))
        connected = GaugeMetricFamily("kafka_connected", "1 while the bridge reaches Kafka.", labels=("bridge",))
        lags: dict[tuple[str, str], int] = {}
        states = sorted(self._states(), key=lambda one: one.age, reverse=True)
        # what one bridge misses another may hold by now: its word counts
        for part in (part for state in states for part in state.unheld):
            if part.lag is not None:
                lags[part.topic, str(part.partition)] = part.lag
        for state in states:
            connected.add_metric((state.name,), int(state.connected))
            paused.add_metric((state.name,), sum(part.paused for part in state.partitions))
            # one that was killed is listed for a while beside the one that took over: the later word counts
            for part in state.partitions:
                if part.lag is not None:
                    lags[part.topic, str(part.partition)] = part.lag
        for place, behind in lags.items():
            lag.add_metric(place, behind)
        return (lag, paused, connected)
