"""Whether librdkafka takes what `kafka.properties` passes on: found before anything starts, and told by name."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from app.domain.errors import ConfigurationInvalid
from app.kafka import properties
from app.settings import Kafka

_SECTION = "kafka.properties"
#: librdkafka takes a word in place of this file: it looks for the system's own.
_PROBE = "probe"
_OF_A_PROPERTY = re.compile(r"^(invalid value|configuration property)\b", re.IGNORECASE)
_CLIENT = re.compile(r"^Failed to create [a-z ]+: ")


def check(kafka: Kafka) -> None:
    """Raises `ConfigurationInvalid` with every property that is wrong, its value not shown. Asks no broker."""
    values = {name: value.get_secret_value() for name, value in kafka.properties.items()}
    problems = {f"{_SECTION}.{name}": told for name, value in values.items() if (told := _wrong(name, value))}
    if not problems and (told := _refused(kafka)):
        problems[_SECTION] = _hidden(told, values)
    if problems:
        lines = "".join(f"\n  {name}: {told}" for name, told in problems.items())
        raise ConfigurationInvalid(f"The properties of the Kafka client are not valid:{lines}")


def _wrong(name: str, value: str) -> str | None:
    """Of one property, seen alone."""
    if name.endswith(".location") and value != _PROBE:
        return _unreadable(Path(value))
    try:
        # without brokers: it connects to nothing
        AdminClient({name: value}, logger=properties.logger())
    except KafkaException as error:
        told = error.args[0].str()
        if told.startswith("No such"):
            return "librdkafka has no such property"
        return "librdkafka does not take this value" if _OF_A_PROPERTY.match(told) else None
    except (TypeError, ValueError, AttributeError):  # what the binding itself wants as an object, not as text
        return "must not be set"
    return None


def _unreadable(path: Path) -> str | None:
    if not path.exists():
        return "there is no such file"
    return None if os.access(path, os.R_OK) else "this file cannot be read"


def _refused(kafka: Kafka) -> str | None:
    """Of all properties together, by each kind of client."""
    try:
        AdminClient(properties.client(kafka), logger=properties.logger())
        Producer(properties.producer(kafka), logger=properties.logger())
        Consumer(properties.consumer(kafka), logger=properties.logger()).close()
    except KafkaException as error:
        return _CLIENT.sub("", error.args[0].str())
    return None


def _hidden(text: str, values: Mapping[str, str]) -> str:
    """What may be secret is not repeated; the names of mechanisms and protocols may be."""
    for name, value in values.items():
        if value and re.search(r"password|username|secret|pem|config|token", name):
            text = text.replace(value, "…")
    return text
