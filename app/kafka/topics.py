"""The topics that Heimdall and Bifrost agree on: made where they are missing, compared where they are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from app.domain.errors import Unavailable
from app.kafka import properties
from app.settings import Kafka

_PATIENCE_SECONDS = 10.0
_DAY = 86_400
_RETENTION = "retention.ms"


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """How a topic is, or should be."""

    name: str
    partitions: int
    replication: int
    retention_seconds: float


class State(StrEnum):
    """What was found, or done."""

    SAME = "as agreed"
    DIFFERS = "differs"
    MISSING = "missing"
    CREATED = "created"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """About one topic."""

    topic: Topic
    state: State
    detail: str = ""


def agreed(kafka: Kafka, *, partitions: int = 3, replication: int = 2) -> tuple[Topic, ...]:
    """As the contract has them."""
    working = dict.fromkeys((kafka.request_topic, kafka.result_topic, *kafka.callback_topics))
    return (
        *(
            Topic(name=name, partitions=partitions, replication=replication, retention_seconds=7 * _DAY)
            for name in working
        ),
        Topic(name=kafka.dead_letter_topic, partitions=1, replication=replication, retention_seconds=30 * _DAY),
    )


class Topics:
    """Asks the brokers. Raises `Unavailable` when they do not answer."""

    def __init__(self, kafka: Kafka) -> None:
        self._admin = AdminClient(properties.client(kafka), logger=properties.logger())

    def compare(self, wanted: Sequence[Topic]) -> list[Finding]:
        """Each as it is."""
        there = self._there(wanted)
        return [_compared(one, there.get(one.name)) for one in wanted]

    def create(self, wanted: Sequence[Topic]) -> list[Finding]:
        """Make those that are missing. Those that are there stay as they are: changing them is somebody's decision."""
        found = self.compare(wanted)
        missing = [one.topic for one in found if one.state is State.MISSING]
        made = {one.name: self._create(one) for one in missing}
        return [made.get(one.topic.name, one) for one in found]

    def _create(self, topic: Topic) -> Finding:
        config = {_RETENTION: str(int(topic.retention_seconds * 1000))}
        new = NewTopic(topic.name, topic.partitions, topic.replication, config=config)
        try:
            self._admin.create_topics([new], request_timeout=_PATIENCE_SECONDS)[topic.name].result()
        except KafkaException as error:
            return Finding(topic=topic, state=State.REFUSED, detail=error.args[0].str())
        return Finding(topic=topic, state=State.CREATED)

    def _there(self, wanted: Sequence[Topic]) -> dict[str, Topic]:
        try:
            listed = self._admin.list_topics(timeout=_PATIENCE_SECONDS).topics
            names = [one.name for one in wanted if one.name in listed]
            retention = self._retention(names)
        except KafkaException as error:
            raise Unavailable(f"Kafka does not answer: {error.args[0].str()}.") from error
        found = {}
        for name in names:
            parts = listed[name].partitions.values()
            found[name] = Topic(
                name=name,
                partitions=len(parts),
                replication=min((len(part.replicas) for part in parts), default=0),
                retention_seconds=retention[name],
            )
        return found

    def _retention(self, names: Sequence[str]) -> dict[str, float]:
        if not names:
            return {}
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        asked = self._admin.describe_configs(resources, request_timeout=_PATIENCE_SECONDS)
        return {one.name: float(answer.result()[_RETENTION].value) / 1000 for one, answer in asked.items()}


def _compared(wanted: Topic, there: Topic | None) -> Finding:
    if there is None:
        return Finding(topic=wanted, state=State.MISSING)
    differences = []
    if there.partitions != wanted.partitions:
        differences.append(f"{there.partitions} partitions instead of {wanted.partitions}")
    if there.replication != wanted.replication:
        differences.append(f"replication {there.replication} instead of {wanted.replication}")
    if there.retention_seconds != wanted.retention_seconds:
        differences.append(f"kept for {_days(there.retention_seconds)} instead of {_days(wanted.retention_seconds)}")
    return Finding(topic=wanted, state=State.DIFFERS if differences else State.SAME, detail=", ".join(differences))


def _days(seconds: float) -> str:
    return "ever" if seconds < 0 else f"{seconds / _DAY:g} days"
