"""A Heimdall for tests: the requests it sends, the poison it might, and the topics of one test."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from pydantic.alias_generators import to_camel

from app.domain.records import Spelling
from tests.support.waiting import until

PRIORITIES = ("LOW", "normal", "High", "CRITICAL", None)
_numbers = count(1)


def request(log_id: int = 7, **changes: object) -> dict[str, object]:
    """The fields of a good request, in snake_case. `...` takes one away."""
    fields = {
        "request_id": str(uuid.uuid4()),
        "timestamp": "2024-11-12T10:30:00Z",
        "log_id": log_id,
        "log_content": f"ERROR db connection to 10.0.0.7:5432 refused {log_id}\n",
        "service_name": "checkout",
        "environment": "prod",
        "analysis_type": "error",
        "priority": "HIGH",
        "callback_topic": None,
        "correlation_id": f"c-{log_id}",
        "metadata": {"host": "a-1"},
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def spelled(fields: Mapping[str, object], spelling: Spelling) -> bytes:
    """As a record's value."""
    name = to_camel if spelling is Spelling.CAMEL else str
    return json.dumps({name(key): value for key, value in fields.items()}).encode()


#: Ten ways to be no request: name -> (bytes of the value, stage, code).
POISON: Mapping[str, tuple[Callable[[], bytes | None], str, str]] = {
    "no bytes": (lambda: None, "decode", "record_unreadable"),
    "not UTF-8": (lambda: b'{"request_id": "\xff\xfe"}', "decode", "record_unreadable"),
    "not JSON": (lambda: b"log_id=7", "decode", "record_unreadable"),
    "null": (lambda: b"null", "decode", "record_unreadable"),
    "a list": (lambda: b"[1, 2]", "decode", "record_unreadable"),
    "too deep": (lambda: b"[" * 50_000, "decode", "record_unreadable"),
    "without a log": (lambda: spelled(request(log_content=...), Spelling.CAMEL), "validate", "record_invalid"),
    "a log id in quotes": (lambda: spelled(request(log_id="7"), Spelling.SNAKE), "validate", "record_invalid"),
    "a strange topic": (
        lambda: spelled(request(callback_topic="payroll"), Spelling.CAMEL),
        "validate",
        "callback_topic_refused",
    ),
    "a blank log": (lambda: spelled(request(log_content=" \n\0"), Spelling.SNAKE), "validate", "log_empty"),
}


@dataclass(kw_only=True)
class Heimdall:
    """Speaks to brokers. Its topics are its own, so that tests on a real broker do not meet."""

    bootstrap_servers: str
    requests: str = "analysis.request"
    results: str = "analysis.result"
    dead: str = "dlq.failed"
    group: str = "bifrost-consumer-group"
    _producer: Producer | None = field(default=None, repr=False)

    @property
    def settings(self) -> dict[str, str]:
        """For the bridge."""
        return {
            "BIFROST_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "BIFROST_KAFKA__REQUEST_TOPIC": self.requests,
            "BIFROST_KAFKA__RESULT_TOPIC": self.results,
            "BIFROST_KAFKA__DEAD_LETTER_TOPIC": self.dead,
            "BIFROST_KAFKA__GROUP_ID": self.group,
        }

    def send(self, values: Iterable[tuple[str | None, bytes | None]], *, headers: object = None) -> None:
        """Keys and values; returns when the brokers have them."""
        self.post(values, headers=headers)
        assert self.flush(30)

    def post(self, values: Iterable[tuple[str | None, bytes | None]], *, headers: object = None) -> None:
        """Does not wait for brokers."""
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self.bootstrap_servers,
                    "log_level": 0,
                    "linger.ms": 2,
                    "reconnect.backoff.max.ms": 500,
                    # what it sends once is there once, however often it has to try
                    "enable.idempotence": True,
                }
            )
        for key, value in values:
            self._producer.produce(self.requests, value=value, key=key, headers=headers or [])
            self._producer.poll(0)

    def flush(self, seconds: float) -> bool:
        """Have the brokers everything?"""
        return self._producer is None or self._producer.flush(seconds) == 0

    def ask(self, *requests: Mapping[str, object], spelling: Spelling = Spelling.CAMEL) -> None:
        """Requests, by their fields in snake_case."""
        self.send((str(one.get("log_id")), spelled(one, spelling)) for one in requests)

    def hear(self, topic: str, enough: Callable[[list[Message]], object], *, timeout: float = 30) -> list[Message]:
        """Everything on a topic from its beginning, until it is enough."""
        found: list[Message] = []
        with self.listening(topic) as consumer:

            def heard() -> object:
                found.extend(one for one in consumer.consume(500, 0.1) if one.error() is None)
                return enough(found)

            until(heard, timeout=timeout, what=f"enough on {topic}: {len(found)}")
        return found

    @contextmanager
    def listening(self, topic: str) -> Iterator[Consumer]:
        """To all of a topic, from its beginning."""
        consumer = self._consumer(f"heard-{next(_numbers)}-{uuid.uuid4()}")
        try:
            numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
            yield consumer
        finally:
            consumer.close()

    def committed(self) -> dict[int, tuple[int, int]]:
        """Of each partition of the requests: what the group has committed, and the end."""
        consumer = self._consumer(self.group)
        try:
            numbers = consumer.list_topics(self.requests, timeout=10).topics[self.requests].partitions
            asked = consumer.committed([TopicPartition(self.requests, number) for number in numbers], timeout=10)
            ends = {one.partition: consumer.get_watermark_offsets(one, timeout=10)[1] for one in asked}
            return {one.partition: (max(0, one.offset), ends[one.partition]) for one in asked}
        finally:
            consumer.close()

    def all_committed(self) -> bool:
        """To the end."""
        return all(offset == end for offset, end in self.committed().values())

    def _consumer(self, group: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 0,
                "reconnect.backoff.max.ms": 500,
            }
        )


def header(message: Message, name: str) -> str | None:
    """One header as text."""
    found = [value for each, value in message.headers() or () if each == name]
    return found[0].decode() if found else None


def fields_of(message: Message) -> dict[str, object]:
    """The object in a record."""
    return json.loads(message.value())
