"""Drains the outbox: claim, publish, wait for acknowledgments, mark; in order for each key, however long it takes."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from app import telemetry
from app.container import Container
from app.domain.analyses import Failure
from app.domain.errors import BifrostError, DeliveryFailed, Unavailable
from app.domain.records import Event, EventOutcome
from app.kafka import properties
from worker.bridge import answers
from worker.bridge.answers import Outgoing
from worker.bridge.tally import Tally

log = structlog.get_logger(__name__)

_LONGEST_BACKOFF = 5.0
_FLUSH_SECONDS = 0.5
_PROBE_SECONDS = 2.0
#: Seconds: what one topic refuses is no outage, and holds up nobody else.
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 300.0
#: It would be refused for ever.
_HOPELESS = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD})
#: About this topic alone; somebody has to do something about it.
_REFUSED = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - the library's own name for it
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
)


class Publishing:
    """One producer, in a thread of its own."""

    def __init__(self, parts: Container, tally: Tally, ended: threading.Event) -> None:
        self._kafka = parts.settings.kafka
        self._grace = parts.settings.worker.shutdown_seconds
        self._events = parts.events
        self._clock = parts.clock
        self._tally = tally
        self._ended = ended
        self._owner = tally.name
        self._producer: Producer | None = None
        self._extended = 0.0
        self._marker = ThreadPoolExecutor(1, thread_name_prefix="mark")
        self._marking: Future[None] | None = None

    def run(self) -> None:
        """Until `ended`; what is on its way then is waited for, or put back."""
        pause = 0.0
        while not self._ended.wait(pause):
            try:
                pause = self._round()
            except Exception as error:  # noqa: BLE001 - told below; claims run out, and are sent again
                pause = min(_LONGEST_BACKOFF, pause * 2 + 0.25)
                self._tell(error, pause)
        # whatever is being marked is
        self._marker.shutdown()

    def _round(self) -> float:
        """Seconds to wait before the next one."""
        events = self._events.claim(self._owner, limit=self._kafka.publish_batch)
        if not events:
            self._settled()
            return self._kafka.publish_poll_seconds
        began = self._clock.monotonic()
        try:
            errors = self._deliver(events)
            outcomes, back = self._judged(events, errors)
        except Exception:
            # or nobody could publish them until the claims run out
            self._events.release(events, owner=self._owner)
            raise
        self._settled()
        # While these are marked the next ones are claimed: what follows them of the same key waits for the marks.
        self._marking = self._marker.submit(self._mark, outcomes, back, self._clock.monotonic() - began)
        if back:
            first = next(error for error in errors.values() if error is not None)
            log.warning("events_put_back", count=len(back), name=first.name(), detail=first.str())
            return 1.0
        return 0.0

    def _settled(self) -> None:
        """The marks before these are made. Raises what they did: then the claims run out."""
        marking, self._marking = self._marking, None
        if marking is not None:
            marking.result()

    def _mark(self, outcomes: Sequence[EventOutcome], back: Sequence[Event], seconds: float) -> None:
        until = self._clock.monotonic() + self._kafka.delivery_timeout
        while True:
            try:
                if outcomes:
                    self._events.settle(outcomes, owner=self._owner)
                if back:
                    self._events.release(back, owner=self._owner)
                break
            except Unavailable:
                # without the marks they are sent again; the claims last a little longer than this
                if self._clock.monotonic() > until or self._ended.wait(_FLUSH_SECONDS):
                    raise
        self._count(outcomes, seconds=seconds)
        self._tally.published += sum(one.error is None for one in outcomes)

    def _deliver(self, events: Sequence[Event]) -> dict[int, KafkaError | None]:
        """Event id -> None when it was acknowledged, else why not."""
        producer = self._made()
        ended: dict[int, KafkaError | None] = {}
        for event in events:
            outgoing = self._outgoing(event)
            try:
                self._produce(producer, outgoing, _noting(ended, event.id))
            except KafkaException as error:
                ended[event.id] = error.args[0]
        self._wait(producer, events, ended)
        if any(each is not None and each.fatal() for each in ended.values()):
            # an idempotent producer that lost count of what it sent: another one begins anew
            self._producer = None
        return ended

    def _produce(
        self, producer: Producer, outgoing: Outgoing, note: Callable[[KafkaError | None, Message], None]
    ) -> None:
        while True:
            try:
                producer.produce(
                    outgoing.topic,
                    value=outgoing.value,
                    key=outgoing.key,
                    headers=[(name, value) for name, value in outgoing.headers],
                    on_delivery=note,
                )
            except BufferError:
                producer.poll(_FLUSH_SECONDS)
            else:
                return

    def _wait(self, producer: Producer, events: Sequence[Event], ended: dict[int, KafkaError | None]) -> None:
        """Each gets its answer: of the brokers, or that they gave none in time."""
        until: float | None = None
        self._extended = self._clock.monotonic()
        while len(ended) < len(events):
            producer.flush(_FLUSH_SECONDS)
            if self._ended.is_set():
                until = until or self._clock.monotonic() + self._grace / 2
                if self._clock.monotonic() > until:
                    producer.purge()
                    producer.flush(_FLUSH_SECONDS)
                    for event in events:
                        ended.setdefault(event.id, KafkaError(KafkaError._PURGE_QUEUE))  # noqa: SLF001 - as above
            elif self._clock.monotonic() - self._extended > self._kafka.delivery_timeout / 2:
                self._extended = self._clock.monotonic()
                self._events.extend(events, owner=self._owner)

    def _judged(
        self, events: Sequence[Event], errors: dict[int, KafkaError | None]
    ) -> tuple[list[EventOutcome], list[Event]]:
        """What to mark, and what to put back. Whatever follows a failure of its key goes again after it."""
        outcomes, back = [], []
        behind: set[str] = set()
        reached = self._reached(errors)
        for event in events:
            error = errors[event.id]
            if event.key in behind:
                back.append(event)
            elif error is None:
                outcomes.append(EventOutcome(event=event))
            elif error.code() in _HOPELESS:
                outcomes.append(EventOutcome(event=event, error=_failure(error), delay=None))
            elif error.code() in _REFUSED or (reached and error.code() == KafkaError._MSG_TIMED_OUT):  # noqa: SLF001 - as above
                delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(event.attempt - 1, 16))
                outcomes.append(EventOutcome(event=event, error=_failure(error), delay=delay))
                behind.add(event.key)
            else:
                back.append(event)
                behind.add(event.key)
        return outcomes, back

    def _reached(self, errors: dict[int, KafkaError | None]) -> bool:
        """Whether the brokers answer: then what they did not acknowledge in time is no outage, but its topic."""
        # `is`, throughout: an error of the library cannot be compared with None
        if not any(each is not None and each.code() == KafkaError._MSG_TIMED_OUT for each in errors.values()):  # noqa: SLF001 - as above
            return False
        if any(each is None for each in errors.values()):
            return True
        try:
            self._made().list_topics(timeout=_PROBE_SECONDS)
        except KafkaException:
            return False
        return True

    def _outgoing(self, event: Event) -> Outgoing:
        now = self._clock.now()
        if event.letter is not None:
            return answers.dead_letter(str(event.callback["topic"]), event.letter, now)
        assert event.answer is not None, "the outbox tells of one of the two"
        if answers.is_answerable(event.answer):
            return answers.result(event, event.answer, now)
        asked = self._events.asked(event.answer)
        assert asked is not None, "an analysis stays while an event tells of it"
        letter = answers.unanswered(event, event.answer, asked)
        return answers.dead_letter(self._kafka.dead_letter_topic, letter, now)

    def _count(self, outcomes: Sequence[EventOutcome], *, seconds: float) -> None:
        for one in outcomes:
            topic = str(one.event.callback.get("topic"))
            if one.error is None:
                telemetry.count_published(topic, "published", age=one.event.age + seconds)
            else:
                outcome = "dead" if one.delay is None else "failed"
                telemetry.count_published(topic, outcome)
                event_id, detail = one.event.event_id, one.error.detail
                log.error("event_not_published", outcome=outcome, topic=topic, event_id=event_id, detail=detail)

    def _made(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(properties.producer(self._kafka), logger=properties.logger())
        return self._producer

    @staticmethod
    def _tell(error: Exception, pause: float) -> None:
        if isinstance(error, BifrostError):
            log.warning("publisher_waits", code=error.code, seconds=pause)
            telemetry.count_error(error.code, where="bridge")
        else:
            log.error("publisher_crashed", exc_info=error)
            telemetry.count_error(BifrostError.code, where="bridge")


def _noting(ended: dict[int, KafkaError | None], event_id: int) -> Callable[[KafkaError | None, Message], None]:
    def note(error: KafkaError | None, _message: Message) -> None:
        ended[event_id] = error

    return note


def _failure(error: KafkaError) -> Failure:
    return Failure(code=DeliveryFailed.code, detail=f"Kafka: {error.str()}", retryable=error.retriable())
