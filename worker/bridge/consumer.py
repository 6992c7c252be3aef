"""Poll, hand over, commit: nothing is committed that is not stored, and nothing is skipped that could not be."""

import threading
from collections.abc import Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from app import telemetry
from app.container import Container
from app.domain.errors import BifrostError, Unavailable
from app.domain.records import DeadRecord, Record, Request
from app.kafka import properties
from worker.bridge.adapter import Reader
from worker.bridge.offsets import Offsets
from worker.bridge.tally import Place, Tally

log = structlog.get_logger(__name__)

#: How long one poll waits; signals and pauses are looked at in between.
_POLL_SECONDS = 0.2
_LONGEST_BACKOFF = 5.0
#: Told several times a second while it lasts; the keeper says so once.
_AWAY = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}  # noqa: SLF001 - the library's own names
)
#: Between two counts of the open work.
_LOOK_SECONDS = 1.0
#: So many session timeouts without partitions that nobody else holds, and the group is joined anew.
_SESSIONS = 2


class Consumption:
    """One consumer of the group, in the thread that runs it. It lives through every outage."""

    def __init__(self, parts: Container, reader: Reader, project_id: int, tally: Tally, ended: threading.Event) -> None:
        self._kafka = parts.settings.kafka
        self._intake = parts.intake
        self._clock = parts.clock
        self._reader = reader
        self._project_id = project_id
        self._tally = tally
        self._ended = ended
        #: Read, and not stored yet.
        self._hand: list[Request | DeadRecord] = []
        self._offsets = Offsets(self._trouble)
        self._backoff = 0.0
        self._retry_at = 0.0
        self._looked_at = float("-inf")
        #: How many more may be accepted before the next look.
        self._room = 0
        self._touched_at = float("-inf")
        self._full = False
        self._paused = False
        self._reassigned = False
        self._broken = False
        #: When this client was last seen with partitions, or was made.
        self._held_at = 0.0

    def run(self) -> None:
        """Until `ended`: the batch in hand is finished and committed, and the group is left."""
        while not self._ended.is_set():
            self._consume()

    def _consume(self) -> None:
        """With one client, until `ended` or until it is of no use any more."""
        settings = properties.consumer(self._kafka) | {
            "on_commit": self._offsets.answered,
            "error_cb": self._trouble,
        }
        client = Consumer(settings, logger=properties.logger())
        self._broken = self._paused = False
        self._offsets.restart()
        self._held_at = self._clock.monotonic()
        self._tally.joins += 1
        try:
            client.subscribe(
                [self._kafka.request_topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
            )
            while not (self._ended.is_set() or self._broken):
                self._turn(client)
        finally:
            self._leave(client)
        self._ended.wait(_LONGEST_BACKOFF if self._broken else 0)

    def _turn(self, client: Consumer) -> None:
        self._touch()
        self._gather(client)
        if self._hand and self._clock.monotonic() >= self._retry_at:
            self._store()
        self._offsets.commit(client)
        self._regulate(client)
        self._look_for_partitions()

    def _look_for_partitions(self) -> None:
        """Without any for long, while nobody else holds them: the group has forgotten this client, so make another."""
        now = self._clock.monotonic()
        if self._tally.places() or not self._tally.unheld():
            self._held_at = now
        elif now - self._held_at >= _SESSIONS * self._kafka.session_timeout:
            log.warning("bridge_joins_again", seconds=now - self._held_at)
            self._broken = True

    def _gather(self, client: Consumer) -> None:
        """What is there, up to a batch. While a batch cannot be stored, only callbacks are served."""
        message = client.poll(_POLL_SECONDS)
        if message is None:
            return
        messages = [message]
        while messages:
            for one in messages:
                self._take(one)
            room = self._kafka.batch_records - len(self._hand)
            messages = [] if self._backoff or room <= 0 else client.consume(min(room, self._kafka.poll_records), 0)

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            self._trouble(error)
            return
        self._tally.received += 1
        self._tally.refusal = ""
        self._hand.append(self._reader.read(_record(message)))

    def _store(self) -> None:
        """One transaction. What it could not store stays in hand, however long."""
        try:
            taken = self._intake.take(self._project_id, self._hand)
        except Exception as error:  # noqa: BLE001 - told below; whatever it is, the next try comes
            self._hold(error)
            return
        telemetry.observe_batch(len(self._hand))
        self._tally.accepted += taken.accepted
        self._room -= taken.accepted
        self._tally.known += taken.known
        self._tally.dead += taken.dead
        self._offsets.store(one.record for one in self._hand)
        self._hand.clear()
        if self._backoff:
            log.info("bridge_goes_on")
        self._backoff = 0.0

    def _hold(self, error: Exception) -> None:
        seconds = self._backoff_next()
        self._retry_at = self._clock.monotonic() + seconds
        code = error.code if isinstance(error, BifrostError) else BifrostError.code
        telemetry.count_error(code, where="bridge")
        if isinstance(error, Unavailable):
            log.warning("bridge_waits", code=code, seconds=seconds, records=len(self._hand))
        else:
            log.error("bridge_crashed", records=len(self._hand), seconds=seconds, exc_info=error)

    def _backoff_next(self) -> float:
        self._backoff = min(_LONGEST_BACKOFF, self._backoff * 2 + 0.25)
        return self._backoff

    def _regulate(self, client: Consumer) -> None:
        """Read on, or not: with enough open work, or while a batch cannot be stored."""
        now = self._clock.monotonic()
        due = now - self._looked_at >= _LOOK_SECONDS or (self._room < 0 and not self._full)
        if due and not self._backoff:
            self._looked_at = now
            self._full = self._is_full()
        wanted = self._full or bool(self._backoff)
        if wanted == self._paused and not self._reassigned:
            return
        self._reassigned = False
        (client.pause if wanted else client.resume)(client.assignment())
        if wanted != self._paused:
            if wanted:
                log.info("bridge_paused", open_work_is_enough=self._full)
            else:
                log.info("bridge_resumed")
        self._paused = wanted
        self._tally.pause = "" if not wanted else "enough is waiting" if self._full else "the database is away"

    def _is_full(self) -> bool:
        bound = self._kafka.pause_above
        try:
            waiting = self._intake.open_work(bound + 1)
        except Unavailable:
            return self._full
        self._room = bound - waiting
        return waiting > bound // 2 if self._full else waiting > bound

    def _assigned(self, _client: Consumer, partitions: list[TopicPartition]) -> None:
        self._reassigned = True
        self._tally.assigned(_places(partitions))
        self._tally.refusal = ""
        log.info("partitions_assigned", partitions=[one.partition for one in partitions])

    def _revoked(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """They go to another bridge: finish what is in hand, and say how far it is."""
        if self._hand and not self._backoff:
            self._store()
        if self._tally.connected:
            self._offsets.finish(client, _places(partitions))
        self._forget(partitions)

    def _lost(self, _client: Consumer, partitions: list[TopicPartition]) -> None:
        """They went to another bridge before we knew: nothing of them is ours to commit."""
        log.warning("partitions_lost", partitions=[one.partition for one in partitions])
        self._forget(partitions)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        gone = _places(partitions)
        self._hand = [one for one in self._hand if (one.record.topic, one.record.partition) not in gone]
        self._offsets.forget(gone)
        self._tally.revoked(gone)
        self._reassigned = True

    def _trouble(self, error: KafkaError) -> None:
        """Of the client's own: it goes on by itself, unless it says that it cannot."""
        if error.code() in _AWAY:
            log.debug("kafka_unreachable", name=error.name(), detail=error.str())
            return
        telemetry.count_error("kafka_error", where="bridge")
        log.warning("kafka_trouble", name=error.name(), detail=error.str(), fatal=error.fatal())
        self._tally.refusal = f"Kafka refuses: {error.str()}"
        self._broken |= error.fatal()

    def _leave(self, client: Consumer) -> None:
        """Closing calls `_revoked` for what is still assigned."""
        try:
            client.close()
        except (KafkaException, RuntimeError) as error:
            log.warning("kafka_not_closed", detail=str(error))

    def _touch(self) -> None:
        file = self._kafka.heartbeat_file
        now = self._clock.monotonic()
        if file is not None and now - self._touched_at >= 1:
            self._touched_at = now
            file.touch()


def _places(partitions: Sequence[TopicPartition]) -> list[Place]:
    return [(one.topic, one.partition) for one in partitions]


def _record(message: Message) -> Record:
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=[(one[0], _bytes(one[1])) for one in message.headers() or ()],
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
