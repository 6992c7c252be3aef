"""The sockets of the store: what the services read and write, a transaction at a time."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.analyses import (
    Analysis,
    Claim,
    Conclusion,
    Failure,
    Filter,
    Priority,
    Source,
    Stage,
    Status,
    Submission,
)
from app.domain.announcements import Announcement, OutboxDepth
from app.domain.audit import AuditLog
from app.domain.batches import Batches
from app.domain.budgets import Budgets
from app.domain.dead_letters import Autopsy, DeadLetter, DeadLetterFilter
from app.domain.deliveries import Deliveries
from app.domain.keys import Keys
from app.domain.likenesses import Likenesses
from app.domain.logs import PreparedLog
from app.domain.prompt_ports import Feedbacks, Prompts
from app.domain.readings import Progress
from app.domain.record_ports import Bridges, DeadRecords, Events, Intake
from app.domain.statistics import Counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprint:
    """SHA-256 of a submission, hex: of its log, of everything that shapes the answer, of the whole request."""

    log_hash: str
    cache_key: str
    #: As `cache_key`, without the log.
    question_key: str
    #: The same idempotency key with another one is a conflict.
    request_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Where a new analysis goes: its first queue, and the provider that shall answer."""

    queue: str
    provider: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A stored submission. `replayed`: the idempotency key was known, this is the earlier one."""

    analysis_id: int
    replayed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """The database's answer to an extended lease."""

    analysis_id: int
    epoch: int
    cancel_requested: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Doorbell:
    """One message to send: ring for this analysis at this queue. The more urgent overtake the others there."""

    analysis_id: int
    queue: str
    priority: Priority = Priority.NORMAL
    #: A worker is done with it in milliseconds: it may share a message with others of its kind.
    light: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DueOrder:
    """What goes first, and how much of it: see `app.settings.Dispatcher` for meaning and defaults."""

    #: Messages a queue may hold that no worker has answered yet.
    window: int
    #: Seconds of waiting that count as one priority more.
    aging: float
    #: Part of the window that one project may hold.
    share: float
    #: Most that may run or be rung for at a time, whatever the window; None for any number.
    limit: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    """An analysis whose lease or deadline was over, and where that left it. `seconds` from its beginning to its end."""

    status: Status
    source: str
    provider: str | None
    seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Concluded:
    """An end that was written, and the followers that it ended with the same answer."""

    followers: tuple[Swept, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueDepth:
    """How many analyses of one queue wait and run."""

    queue: str
    waiting: int
    running: int
    #: Seconds the longest waiting one has been due; 0 when none waits.
    oldest_seconds: float


class Analyses(Protocol):
    """The analyses in the store, as their owners see them."""

    def add(self, submission: Submission, *, route: Route, fingerprint: Fingerprint) -> Accepted:
        """Insert, or find the one stored under the same idempotency key.

        Raises `IdempotencyConflict` when that one was a different request.
        """

    def add_from_cache(self, submission: Submission, *, fingerprint: Fingerprint, ttl: float) -> Accepted | None:
        """Insert as completed with the answer of a cached analysis; None when the cache has none."""

    def follow(self, submission: Submission, *, route: Route, fingerprint: Fingerprint) -> Accepted | None:
        """Insert to wait for the answer of the same analysis in flight; None when there is none.

        Until the transaction ends, nobody else submits the same: what follows in it finds no other new one.
        """

    def get(self, project_id: int, analysis_id: int, *, with_log: bool = False) -> Analysis | None:
        """One analysis of a project."""

    def list(self, wanted: Filter) -> Sequence[Analysis]:
        """Newest first, at most `limit + 1`: the extra one tells that there are more."""

    def get_all(self, project_id: int, analysis_ids: Sequence[int]) -> Mapping[int, Analysis]:
        """Those of a project that are still there, by id."""

    def ended(self, analysis_ids: Sequence[int]) -> Sequence[int]:
        """Those that have ended, or are not there."""

    def cancel(self, project_id: int, analysis_id: int) -> Status | None:
        """Cancel at once when it waits, ask its worker when it runs. The state after; None when unknown.

        A terminal analysis is left as it is.
        """

    def retry(self, project_id: int, analysis_id: int, *, route: Route) -> bool:
        """A failed or cancelled one waits again, under a higher epoch. False: it is in another state, or unknown."""


class DeadLetters(Protocol):
    """Failed analyses that nobody has discarded."""

    def list(self, wanted: DeadLetterFilter) -> Sequence[DeadLetter]:
        """Latest failure first, at most `limit + 1`: the extra one tells that there are more."""

    def get(self, project_id: int, analysis_id: int) -> Autopsy | None:
        """One of a project, with all its attempts."""

    def replay(self, wanted: DeadLetterFilter, *, providers: Mapping[Source, str], queue: str) -> Sequence[int]:
        """The oldest `limit` of them wait again; their ids. `providers`: who answers; other sources stay dead."""

    def discard(self, project_id: int, analysis_id: int) -> bool:
        """Show it no more. False: it is none."""


class Claims(Protocol):
    """The work on analyses. Every write is a compare-and-set fenced by the epoch; the database's clock decides."""

    def claim(self, analysis_id: int, *, stage: Stage, owner: str, lease: float, alone: bool = False) -> Claim | None:
        """Take the right to work on it; None when it is not due, not there, or somebody else's.

        `alone`: nothing else runs in this process. Without it what may kill its process is not given out.
        """

    def log_of(self, claim: Claim) -> str:
        """The log as submitted, cleaned."""

    def store_prepared(self, claim: Claim, prepared: PreparedLog, *, queue: str) -> bool:
        """Hand over to the next stage. False: the claim is no longer ours, nothing was written."""

    def progress_of(self, claim: Claim) -> Progress | None:
        """What the first stage stored, and what earlier attempts have added."""

    def keep(self, claim: Claim, progress: Progress) -> bool:
        """Store what was read so far. False: the claim is no longer ours, nothing was written."""

    def extend(self, claims: Sequence[tuple[int, int]], *, lease: float) -> Sequence[Heartbeat]:
        """Extend leases of (id, epoch); those missing from the answer are lost."""

    def conclude(self, claim: Claim, conclusion: Conclusion) -> Concluded | None:
        """End it, with its event, and those that waited for its answer. None: no longer ours, nothing was written."""

    def owner_of(self, analysis_id: int) -> str | None:
        """Whose claim it is now; None while nobody works on it."""

    def end_lease(self, analysis_id: int, owner: str) -> None:
        """The owner is dead: the next sweep takes its claim for over."""

    def release(self, owner: str) -> Sequence[int]:
        """Let everything wait again that claims hold whose owner begins so, attempts not used up; their ids."""

    def give_back(self, claim: Claim, *, delay: float, error: Failure, counted: bool) -> bool:
        """Let it wait `delay` seconds for its next attempt. `counted`: this attempt used one up."""


class Dispatch(Protocol):
    """What is due, in the store."""

    def due(self, queue: str, order: DueOrder) -> Sequence[Doorbell]:
        """Mark and return what to ring for, best first, so that at most a window of rings is unanswered.

        Nothing while another dispatcher asks the same for this queue.
        """

    def forget_lost(self, queue: str, *, older_than: float) -> int:
        """The broker's queue is empty: whatever was rung for and not claimed since was lost; ring again."""

    def unring(self, analysis_id: int) -> None:
        """The message came to somebody who does not take it: ring again at once."""

    def overdue(self, queue: str, *, older_than: float) -> Sequence[int]:
        """Ids that were rung for, and not claimed for this long (doubled with each ring). Ours until that is over."""

    def forget(self, analysis_ids: Sequence[int]) -> int:
        """Their messages are gone: ring again for those still waiting."""

    def queues(self) -> Sequence[str]:
        """Queues with something waiting."""

    def expire_leases(self, *, max_attempts: int) -> Sequence[Swept]:
        """Put back what died with its worker, a call for its last attempt alone; fail what died too often."""

    def expire_deadlines(self) -> Sequence[Swept]:
        """Fail what is late."""

    def repair_followers(self) -> Sequence[Swept]:
        """Those whose leader has ended without them get its answer (told here) or go on by themselves."""

    def depths(self) -> Sequence[QueueDepth]:
        """Every queue with open work."""


class Outbox(Protocol):
    """Events that are still to be published. Marks are fenced by the claim; the database's clock decides."""

    def claim(
        self, publishers: Sequence[str], *, owner: str, lease: float, limit: int, full: Sequence[str] = ()
    ) -> Sequence[Announcement]:
        """What is due for these publishers, the oldest of each key, none for the lanes that are `full`."""

    def extend(self, claims: Sequence[Announcement], *, owner: str, lease: float) -> None:
        """They are still being published."""

    def release(self, claims: Sequence[Announcement], *, owner: str) -> None:
        """They were not tried: due again at once, and the attempt does not count."""

    def published(self, announcement: Announcement, *, owner: str) -> bool:
        """It was acknowledged. False: the claim was over, nothing was written."""

    def failed(self, announcement: Announcement, error: Failure, *, owner: str, delay: float | None) -> bool:
        """Try again in `delay` seconds; None: never. False: the claim was over, nothing was written."""

    def depths(self) -> Sequence[OutboxDepth]:
        """What waits, by publisher."""


class Statistics(Protocol):
    """Hourly counts of ended analyses, which outlive what they count."""

    def refresh(self, *, hours: int, grace: float) -> bool:
        """Count the next `hours` that are not sealed; seal those that ended `grace` seconds ago. True: there are more.

        Counts nothing while another process does.
        """

    def counts(self, project_id: int, *, hours: int) -> tuple[datetime, Sequence[Counts]]:
        """The last hours, added up by provider, model and status; and since when."""


class Retention(Protocol):
    """Deletes what is old enough, a batch at a time. Does nothing while another process does."""

    def delete_analyses(self, *, older_than: float, limit: int) -> int:
        """Ended at least so many seconds ago, counted for good, and with nothing left to announce. How many."""

    def delete_logs(self, *, older_than: float, limit: int, after: datetime | None) -> "Emptied":
        """Only the logs of such analyses; looks at those that ended after `after`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Emptied:
    """A batch of logs that were deleted. `until`: when the last of these analyses ended; None when there was none."""

    count: int
    until: datetime | None


class Transaction(Protocol):
    """One transaction; committed when its block ends well, rolled back when it raises."""

    @property
    def analyses(self) -> Analyses:
        """Analyses."""

    @property
    def claims(self) -> Claims:
        """Work on analyses."""

    @property
    def dispatch(self) -> Dispatch:
        """Due work."""

    @property
    def dead_letters(self) -> DeadLetters:
        """What failed."""

    @property
    def keys(self) -> Keys:
        """API keys."""

    @property
    def audit(self) -> AuditLog:
        """Administrative acts."""

    @property
    def budgets(self) -> Budgets:
        """What projects may spend."""

    @property
    def outbox(self) -> Outbox:
        """Events."""

    @property
    def deliveries(self) -> Deliveries:
        """Webhooks."""

    @property
    def statistics(self) -> Statistics:
        """Hourly counts."""

    @property
    def retention(self) -> Retention:
        """Deleting."""

    @property
    def intake(self) -> Intake:
        """Many submissions at once."""

    @property
    def dead_records(self) -> DeadRecords:
        """What came over Kafka and could not be accepted."""

    @property
    def events(self) -> Events:
        """Events for Kafka."""

    @property
    def likenesses(self) -> Likenesses:
        """Answers by the templates of their logs."""

    @property
    def bridges(self) -> Bridges:
        """What the bridges say of themselves."""

    @property
    def prompts(self) -> Prompts:
        """Stored prompts."""

    @property
    def feedbacks(self) -> Feedbacks:
        """What people say of analyses."""

    @property
    def batches(self) -> Batches:
        """Batches."""


class UnitOfWork(Protocol):
    """Opens transactions. Raises `StorageUnavailable` when the database is away."""

    def __call__(self) -> AbstractContextManager[Transaction]:
        """Begin."""

    def single(self) -> AbstractContextManager[Transaction]:
        """For one statement: each is a transaction of its own, which saves two round trips."""
