"""What librdkafka is told: ours, and what `kafka.properties` passes on."""

import logging

import structlog

from app.domain.errors import ConfigurationInvalid
from app.settings import Kafka

log = structlog.get_logger(__name__)

Properties = dict[str, str | int | float | bool]


def client(kafka: Kafka) -> Properties:
    """For any client. Raises `ConfigurationInvalid` without brokers."""
    if not kafka.bootstrap_servers:
        raise ConfigurationInvalid("No Kafka is configured: set BIFROST_KAFKA__BOOTSTRAP_SERVERS.")
    return {
        "bootstrap.servers": kafka.bootstrap_servers,
        "client.id": "bifrost",
        # a broker that comes back is found within seconds, however long it was away
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 5000,
        "socket.keepalive.enable": True,
        "log.connection.close": False,
        **{name: value.get_secret_value() for name, value in kafka.properties.items()},
    }


def consumer(kafka: Kafka) -> Properties:
    """Offsets are ours to commit, and only after the database has."""
    return {
        "queued.max.messages.kbytes": 16_384,
        "fetch.message.max.bytes": max(1_048_576, min(kafka.max_record_bytes, 1_000_000_000)),
        "fetch.wait.max.ms": 100,
        **client(kafka),
        "group.id": kafka.group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(kafka.session_timeout * 1000),
        # never less than the session: librdkafka refuses that
        "max.poll.interval.ms": max(300_000, int(kafka.session_timeout * 1000)),
    }


def producer(kafka: Kafka) -> Properties:
    """Acknowledged by all replicas, in order, and once for each time we send it."""
    return {
        "compression.type": "snappy",
        "linger.ms": 5,
        # the original bytes of a record may be as large as it was, and its headers come on top
        "message.max.bytes": max(1_000_000, min(kafka.max_record_bytes + 65_536, 1_000_000_000)),
        **client(kafka),
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": int(kafka.delivery_timeout * 1000),
        # a topic that is not there is named as such before it looks like an outage
        "topic.metadata.propagation.max.ms": int(kafka.delivery_timeout * 500),
    }


def logger() -> logging.Logger:
    """For librdkafka's own lines: each as an event of our log."""
    made = logging.getLogger("bifrost.librdkafka")
    if not made.handlers:
        made.addHandler(_Handler())
        made.propagate = False
    return made


class _Handler(logging.Handler):
    """What it says of lost connections comes again with each attempt: that is for whoever looks closely."""

    def emit(self, record: logging.LogRecord) -> None:
        log.debug("kafka_client_said", level_name=record.levelname, detail=record.getMessage())
