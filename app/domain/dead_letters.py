"""Dead letters: what failed for good and waits for somebody to look at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.analyses import Failure, Source, Stage
from app.domain.records import Record, RecordStage


class Origin(StrEnum):
    """What a dead letter was before it failed."""

    #: An accepted analysis.
    ANALYSIS = "analysis"
    #: A record of Kafka that could not be accepted.
    RECORD = "record"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """What failed, and nobody has discarded. `id` is the analysis's; records count for themselves."""

    origin: Origin
    id: int
    project_id: int
    #: Why it failed.
    error: Failure
    #: None for a record: it was not asked yet.
    source: Source | None
    #: Who was to answer.
    provider: str | None
    #: The stage it failed in.
    stage: Stage | RecordStage
    #: Attempts of that stage that were used up.
    attempts: int
    #: How often it was sent again before it failed this time.
    replays: int
    service_name: str | None
    environment: str | None
    request_id: str | None
    correlation_id: str | None
    created_at: datetime
    failed_at: datetime

    @property
    def place(self) -> tuple[datetime, int]:
        """Where it stands in the list of all: `DeadLetterFilter.before` takes it. No two have the same."""
        return self.failed_at, self.id * 2 + (self.origin is Origin.RECORD)


@dataclass(frozen=True, kw_only=True, slots=True)
class PastAttempt:
    """One claim by one worker, and how it ended; `outcome` None: nobody knows."""

    stage: Stage
    attempt: int
    provider: str | None
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: Failure | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Autopsy:
    """A dead letter with everything that was tried, oldest first."""

    letter: DeadLetter
    attempts: Sequence[PastAttempt] = ()
    #: As it came, for a record.
    record: Record | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterFilter:
    """Which dead letters. `since` and `until` are times of the failure; `before` is the keyset of a list."""

    project_id: int
    origin: Origin | None = None
    code: str | None = None
    service_name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, int] | None = None
    limit: int = 50
