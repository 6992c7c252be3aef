"""A small Heimdall: asks what stands in `examples/heimdall/`, and prints what comes back."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Consumer, Message, Producer

import app
from app.kafka import properties
from app.pipeline.escaping import one_line
from app.settings import Kafka

_EXAMPLES = Path(app.__file__).parents[1] / "examples" / "heimdall"
_POLL_SECONDS = 0.2
_FLUSH_SECONDS = 10.0


class SmallHeimdall:
    """While entered, prints each answer in a line."""

    def __init__(self, kafka: Kafka, *, say: Callable[[str], object], examples: Path = _EXAMPLES) -> None:
        self._kafka = kafka
        self._say = say
        self._examples = examples
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="heimdall", daemon=True)

    def __enter__(self) -> Self:
        """Listen first, then ask."""
        self._thread.start()
        producer = Producer(properties.producer(self._kafka), logger=properties.logger())
        for path in sorted(self._examples.glob("*.json")):
            value = path.read_bytes()
            fields = _fields(value)
            log_id = _either(fields, "log_id", "logId")
            key = "" if log_id is None else str(log_id)
            producer.produce(self._kafka.request_topic, value=value, key=key)
            self._say(f"  asked     {self._kafka.request_topic}  {path.name}")
        producer.flush(_FLUSH_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._ended.set()
        self._thread.join()

    def _listen(self) -> None:
        kafka = self._kafka.model_copy(update={"group_id": "heimdall"})
        consumer = Consumer(properties.consumer(kafka), logger=properties.logger())
        consumer.subscribe([self._kafka.result_topic, self._kafka.dead_letter_topic])
        while not self._ended.is_set():
            message = consumer.poll(_POLL_SECONDS)
            if message is not None and message.error() is None:
                self._tell(message)
        consumer.close()

    def _tell(self, message: Message) -> None:
        value = message.value()
        fields = _fields(value if isinstance(value, bytes) else b"")
        found = _either(fields, "analysis_result", "analysisResult")
        if isinstance(found, dict):
            log_id = _either(fields, "log_id", "logId")
            told = f"log {log_id}: {found.get('severity')}, {found.get('summary')} ({fields.get('model')})"
        else:
            headers = dict(message.headers() or ())
            reason = headers.get("bifrost.error.message")
            told = reason.decode(errors="replace") if isinstance(reason, bytes) else ""
        self._say(f"  answered  {message.topic()}  {one_line(told)}")


def _fields(value: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(value)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _either(fields: Mapping[str, Any], snake: str, camel: str) -> Any:
    return fields.get(snake, fields.get(camel))
