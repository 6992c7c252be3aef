"""Beside the work: is Kafka there, how far behind are we, which dead letters go again, and tell all that."""

import threading
from collections.abc import Sequence
from concurrent.futures import TimeoutError as FutureTimeout

import structlog
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from app import telemetry
from app.container import Container
from app.domain.errors import BifrostError
from app.kafka import properties
from worker.bridge.adapter import Reader
from worker.bridge.tally import Place, Progress, Tally

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 2.0
_PATIENCE_SECONDS = 3.0
_FORGET_SECONDS = 60.0
_REVIVED_AT_A_TIME = 100


class Keeping:
    """In a thread of its own: a broker that does not answer holds up nobody."""

    def __init__(self, parts: Container, reader: Reader, project_id: int, tally: Tally, ended: threading.Event) -> None:
        self._parts = parts
        self._kafka = parts.settings.kafka
        self._reader = reader
        self._project_id = project_id
        self._tally = tally
        self._ended = ended
        self._admin = AdminClient(properties.client(self._kafka), logger=properties.logger())
        self._forgot = parts.clock.monotonic()
        #: All partitions of the requests, as the brokers know them.
        self._all: frozenset[Place] = frozenset()

    def run(self) -> None:
        """Until `ended`."""
        pause = 0.0
        while not self._ended.wait(pause):
            pause = _EVERY_SECONDS
            self._look()
            try:
                self._watch()
                self._parts.bridges.report(self._tally.state(self._progress(), self._parts.clock.monotonic()))
                if self._revive():
                    pause = 0.0
                self._forget()
            except Exception as error:  # noqa: BLE001 - told here; the next turn comes
                code = error.code if isinstance(error, BifrostError) else BifrostError.code
                telemetry.count_error(code, where="bridge")
                log.warning("keeper_waits", code=code, detail=str(error), seconds=pause)
        try:
            self._parts.bridges.leave(self._tally.name)
        except BifrostError as error:
            log.warning("keeper_waits", code=error.code, detail=error.detail, seconds=0)

    def _look(self) -> None:
        """Do the brokers answer, and do they have our topics?"""
        wanted = {self._kafka.request_topic, self._kafka.result_topic, self._kafka.dead_letter_topic}
        try:
            there = self._admin.list_topics(timeout=_PATIENCE_SECONDS).topics
        except KafkaException as error:
            trouble = f"cannot reach Kafka at {self._kafka.bootstrap_servers}: {error.args[0].str()}"
        else:
            missing = sorted(wanted - there.keys())
            trouble = f"Kafka has no topic {', '.join(missing)}: run `bifrost-cli heimdall topics`" if missing else ""
            topic = self._kafka.request_topic
            self._all = (
                frozenset((topic, number) for number in there[topic].partitions) if topic in there else frozenset()
            )
        if trouble != self._tally.trouble:
            if trouble:
                log.warning("kafka_away", detail=trouble)
            else:
                log.info("kafka_reached")
        self._tally.trouble = trouble
        self._tally.connected = not trouble

    def _watch(self) -> None:
        """Which partitions does nobody hold? While Kafka or the database is away, that cannot be told."""
        unheld: frozenset[Place] = frozenset()
        try:
            if self._tally.connected:
                others = [one for one in self._parts.bridges.states() if one.connected and one.name != self._tally.name]
                held = {(part.topic, part.partition) for one in others for part in one.partitions}
                unheld = self._all - held - set(self._tally.places())
        finally:
            self._tally.saw_unheld(unheld, self._parts.clock.monotonic())

    def _progress(self) -> dict[Place, Progress]:
        """As the brokers know it. A group that has committed nothing yet begins where the partition does."""
        places = sorted({*self._tally.places(), *self._tally.unheld()})
        if not (places and self._tally.connected):
            return {}
        try:
            committed, ends, begins = self._committed(places), self._offsets(places, "latest"), {}
            if fresh := [place for place in places if committed[place] < 0]:
                begins = self._offsets(fresh, "earliest")
        except (KafkaException, FutureTimeout):
            return {}
        return {place: Progress(committed=begins.get(place, committed[place]), end=ends[place]) for place in places}

    def _committed(self, places: Sequence[Place]) -> dict[Place, int]:
        """Negative: nothing."""
        group = ConsumerGroupTopicPartitions(self._kafka.group_id, [TopicPartition(*place) for place in places])
        asked = self._admin.list_consumer_group_offsets([group], request_timeout=_PATIENCE_SECONDS)
        found = asked[self._kafka.group_id].result(_PATIENCE_SECONDS).topic_partitions
        return {(one.topic, one.partition): one.offset for one in found}

    def _offsets(self, places: Sequence[Place], which: str) -> dict[Place, int]:
        wanted = {TopicPartition(*place): getattr(OffsetSpec, which)() for place in places}
        asked = self._admin.list_offsets(wanted, request_timeout=_PATIENCE_SECONDS)
        return {
            (place.topic, place.partition): future.result(_PATIENCE_SECONDS).offset for place, future in asked.items()
        }

    def _revive(self) -> bool:
        """True: there may be more."""
        count = self._parts.intake.revive(
            self._project_id,
            lambda record, attempt: self._reader.read(record, attempt=attempt),
            limit=_REVIVED_AT_A_TIME,
        )
        if count:
            log.info("dead_records_revived", count=count)
        return count == _REVIVED_AT_A_TIME

    def _forget(self) -> None:
        now = self._parts.clock.monotonic()
        if now - self._forgot >= _FORGET_SECONDS:
            self._forgot = now
            while self._parts.intake.forget() and not self._ended.is_set():
                pass
