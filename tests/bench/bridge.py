"""The bridge, beside a bare client of the same library in the same run: broker to rows, and outbox to broker."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from sqlalchemy import text

from app.container import Container, build
from app.embedded import EmbeddedServers
from app.embedded.mock_kafka import MockKafka
from app.settings import Settings
from app.storage.engine import make_engine
from app.storage.schema import upgrade
from tests.bench.measures import Measure
from worker.bridge.adapter import Reader
from worker.bridge.consumer import Consumption
from worker.bridge.process import limits_of
from worker.bridge.publisher import Publishing
from worker.bridge.tally import Tally

#: The mock keeps 5 MB of each partition.
TOPICS = {"analysis.request": 12, "analysis.result": 12, "dlq.failed": 1}
#: As if a worker had answered all of them.
ANSWERED = """
    WITH ended AS (
        UPDATE analysis_results SET status = 'completed', finished_at = now(), model = 'm', severity = 'HIGH',
            duration_seconds = 1, diagnosis = '{"summary": "s", "root_cause": "r", "recommendation": "r",
            "severity": "HIGH", "confidence": 0.9, "evidence": [], "issues_found": true}'
        WHERE status = 'queued' RETURNING id, callback
    )
    INSERT INTO outbox (analysis_id, kind, callback, key) SELECT id, 'analysis.completed', callback, callback->>'key'
    FROM ended
"""


def bridge(directory: Path, *, count: int) -> list[Measure]:
    """Rates for `count` events of 400 bytes."""
    with (
        EmbeddedServers(directory, durable=True, redis=False) as servers,
        MockKafka(TOPICS, brokers=1) as kafka,
    ):
        upgrade(str(servers.database_url))
        settings = Settings.model_validate(
            {
                "database": {"url": servers.database_url},
                "redis": {"url": "redis://127.0.0.1:1/0"},
                "kafka": {"bootstrap_servers": kafka.bootstrap_servers, "source": "rules", "pause_above": 10 * count},
            }
        )
        parts = build(settings)
        try:
            return _measured(parts, kafka.bootstrap_servers, count)
        finally:
            parts.close()


def _measured(parts: Container, brokers: str, count: int) -> list[Measure]:
    bare_in = _produced(brokers, "analysis.request", count)
    bare_out = _consumed(brokers, "analysis.request", count)
    taken = _taken(parts, count)
    url = parts.settings.database.url
    assert url
    engine = make_engine(parts.settings.database)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM analysis_results")).scalar() == count
        connection.execute(text(ANSWERED))
    engine.dispose()
    published = _published(parts, count)
    group = f"{count} events of 400 bytes through the bridge"
    return [
        Measure(group=group, name="broker to committed rows", value=taken, unit="1/s"),
        Measure(group=group, name="bare consumer", value=bare_out, unit="1/s"),
        Measure(group=group, name="outbox to broker", value=published, unit="1/s"),
        Measure(group=group, name="bare producer", value=bare_in, unit="1/s"),
    ]


def _event(number: int) -> bytes:
    log = f"2026-03-01T10:00:00Z ERROR db connection to 10.0.0.7:5432 refused {number}\n"
    fields = {
        "requestId": str(uuid.uuid4()),
        "timestamp": "2026-03-01T10:00:00Z",
        "logId": number,
        "logContent": log,
        "serviceName": "checkout",
        "environment": "prod",
        "analysisType": "error",
        "priority": "NORMAL",
        "callbackTopic": None,
        "correlationId": str(uuid.uuid4()),
        "metadata": {"host": "checkout-7d9f"},
    }
    return json.dumps(fields).encode()


def _produced(brokers: str, topic: str, count: int) -> float:
    events = [_event(number) for number in range(count)]
    producer = Producer(
        {"bootstrap.servers": brokers, "enable.idempotence": True, "compression.type": "snappy", "linger.ms": 5}
    )
    began = time.perf_counter()
    for number, event in enumerate(events):
        producer.produce(topic, value=event, key=str(number))
        producer.poll(0)
    producer.flush(60)
    return count / (time.perf_counter() - began)


def _consumed(brokers: str, topic: str, count: int) -> float:
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bare", "auto.offset.reset": "earliest"})
    began = time.perf_counter()
    consumer.assign([TopicPartition(topic, number, 0) for number in range(TOPICS[topic])])
    found = 0
    while found < count:
        found += len(consumer.consume(500, 0.1))
    rate = count / (time.perf_counter() - began)
    consumer.close()
    return rate


def _taken(parts: Container, count: int) -> float:
    """From the first record in hand to the last COMMIT."""
    tally, ended = Tally(name="bench", started_at=parts.clock.now()), threading.Event()
    project_id = parts.intake.project()
    reader = Reader(limits_of(parts.settings), project_id=project_id)
    return _timed(
        Consumption(parts, reader, project_id, tally, ended).run,
        ended,
        began=lambda: tally.received,
        done=lambda: tally.accepted >= count,
        count=count,
    )


def _published(parts: Container, count: int) -> float:
    tally, ended = Tally(name="bench", started_at=parts.clock.now()), threading.Event()
    return _timed(
        Publishing(parts, tally, ended).run,
        ended,
        began=lambda: True,
        done=lambda: tally.published >= count,
        count=count,
    )


def _timed(
    run: Callable[[], None],
    ended: threading.Event,
    *,
    began: Callable[[], object],
    done: Callable[[], bool],
    count: int,
) -> float:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not began():
        time.sleep(0.001)
    start = time.perf_counter()
    while not done():
        time.sleep(0.001)
    rate = count / (time.perf_counter() - start)
    ended.set()
    thread.join(30)
    return rate
