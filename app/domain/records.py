"""Records: what comes in over Kafka, what of it could not be accepted, what goes back, and who carries it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.analyses import Failure, Status, Submission

#: Name and value, in their order; a name may come more than once.
Headers = Sequence[tuple[str, bytes | None]]


class RecordStage(StrEnum):
    """Where a record stopped."""

    #: It is no JSON object.
    DECODE = "decode"
    #: Its fields are not those of a request.
    VALIDATE = "validate"
    #: It could not be stored.
    SUBMIT = "submit"
    #: There is no result to answer with.
    PUBLISH = "publish"


class Spelling(StrEnum):
    """How the names of fields are written."""

    SNAKE = "snake_case"
    CAMEL = "camelCase"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One record of a topic, as it came."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A record that asks for an analysis. Its idempotency key is in the submission."""

    record: Record
    submission: Submission
    #: SHA-256 of what was asked, hex: the same key with another one is a conflict.
    request_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadRecord:
    """A record that could not be accepted, or not be answered. `attempt`: 1, and one more for each replay."""

    record: Record
    stage: RecordStage
    error: Failure
    attempt: int = 1
    request_id: str | None = None
    correlation_id: str | None = None
    service_name: str | None = None
    environment: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Revived:
    """A dead letter that somebody wants to go again."""

    id: int
    record: Record
    #: Of its next failure.
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A submission with its fingerprints (SHA-256, hex), to be stored with others in one statement."""

    submission: Submission
    log_hash: str
    cache_key: str
    question_key: str
    request_hash: str


class Fate(StrEnum):
    """What became of an entry."""

    #: A new analysis; it waits for a worker, or for the same one in flight.
    QUEUED = "queued"
    #: A new analysis, answered from the cache.
    CACHED = "cached"
    #: Known, and still to be answered: nothing changed.
    KNOWN = "known"
    #: Known and answered before: its result is announced once more.
    ANNOUNCED = "announced"
    #: Its key is known with another request: nothing changed.
    CONFLICT = "conflict"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entered:
    """What became of an entry, and the analysis it stands for."""

    fate: Fate
    analysis_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """Where new entries go: for all of a batch the same."""

    project_id: int
    source: str
    queue: str
    provider: str
    #: Seconds for which an answer is given again; 0: never.
    cache_ttl: float
    #: Whether the same analysis in flight may answer.
    follow: bool
    #: Whether whoever asks again for what was answered is told once more.
    announce_again: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """An ended analysis, as its result tells it. Without a diagnosis (`summary` is None) there is no result."""

    analysis_id: int
    project_id: int
    status: Status
    request_id: str
    correlation_id: str
    summary: str | None
    root_cause: str | None
    recommendation: str | None
    severity: str | None
    confidence: float | None
    model: str | None
    duration_seconds: float | None
    degraded: bool
    cached: bool
    attempts: int
    error: Failure | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something to publish, claimed. Exactly one of `answer` and `letter` is there."""

    id: int
    #: Stable over all attempts.
    event_id: str
    #: Events of one key are published in order.
    key: str
    #: 1 for the first; fences.
    attempt: int
    #: What the consumer noted down: where to, in which spelling, for which log.
    callback: Mapping[str, object]
    #: Seconds since it happened, by the database's clock.
    age: float
    answer: Answered | None = None
    letter: DeadRecord | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EventOutcome:
    """What became of an event. Without an error it was acknowledged; `delay` None with one: never again."""

    event: Event
    error: Failure | None = None
    delay: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionState:
    """How far a bridge is with one partition. None: not known now."""

    topic: str
    partition: int
    #: The first offset that is not committed.
    committed: int | None
    #: The offset that the next record will get.
    end: int | None
    lag: int | None
    paused: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BridgeState:
    """What a bridge says of itself."""

    name: str
    started_at: datetime
    #: It reaches the brokers, and the topics are there.
    connected: bool
    #: It reads on. False: it has no partitions, there is enough open work, or the database is away.
    reading: bool
    #: What is wrong, or what it does.
    detail: str
    #: Records since its start: read, accepted, known before, dead; and results and dead letters published.
    received: int
    accepted: int
    known: int
    dead: int
    published: int
    partitions: tuple[PartitionState, ...] = ()
    #: Those of the requests that no live bridge holds, as it sees them, and for how many seconds there have been some.
    unheld: tuple[PartitionState, ...] = ()
    unheld_seconds: float = 0.0
    #: When it said so, by the database's clock; None while it has not.
    seen_at: datetime | None = None
    #: Seconds ago.
    age: float = 0.0
