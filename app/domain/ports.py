"""The sockets: what the services need from the outside. `app.container` plugs them in."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.analyses import Analysis, Claim, Conclusion, Failure, Filter, Stage, Status, Submission
from app.domain.keys import ApiKey, NewKey
from app.domain.logs import PreparedLog
from app.domain.prompts import Completion, Prompt


class Clock(Protocol):
    """The time of this process. Deadlines and leases are the database's business, not ours."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Watch(Protocol):
    """Watches over one provider call, so that it ends when it should."""

    def check(self) -> None:
        """Call between chunks. Raises an `Interrupted` when the call must end now."""

    def seconds_left(self) -> float | None:
        """Until the deadline; None without one. Never negative."""

    def closing(self, close: Callable[[], object]) -> AbstractContextManager[None]:
        """While open, `close` may be called from another thread, once, to break a blocked read."""

    def token(self, text: str) -> None:
        """A piece of the answer arrived."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """The state of one part Bifrost depends on. `detail` says what to do when it is not `ok`."""

    name: str
    ok: bool
    detail: str
    #: Nobody counts on it: a provider that `source: auto` does not ask.
    optional: bool = False


class Provider(Protocol):
    """Answers a prompt. One file per provider in `app.providers`."""

    @property
    def name(self) -> str:
        """Short, lower case: "ollama"."""

    @property
    def model(self) -> str:
        """The model used when the prompt names none."""

    @property
    def token_budget(self) -> int:
        """Tokens a prompt may have, the room for the answer already taken off."""

    def complete(self, prompt: Prompt, watch: Watch) -> Completion:
        """The whole answer, streamed into `watch` on the way. Raises `ProviderError` or `Interrupted`."""

    def health(self) -> Health:
        """Can it be reached, and does it have the model? Takes at most 3 seconds; never raises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprint:
    """SHA-256 of a submission, hex: of its log, of everything that shapes the answer, of the whole request."""

    log_hash: str
    cache_key: str
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
    """One message to send: ring for this analysis at this queue."""

    analysis_id: int
    queue: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    """An analysis whose lease or deadline was over, and where that left it. `seconds` from its beginning to its end."""

    status: Status
    source: str
    provider: str | None
    seconds: float | None


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

    def get(self, project_id: int, analysis_id: int, *, with_log: bool = False) -> Analysis | None:
        """One analysis of a project."""

    def list(self, wanted: Filter) -> Sequence[Analysis]:
        """Newest first, at most `limit + 1`: the extra one tells that there are more."""

    def cancel(self, project_id: int, analysis_id: int) -> Status | None:
        """Cancel at once when it waits, ask its worker when it runs. The state after; None when unknown.

        A terminal analysis is left as it is.
        """


class Claims(Protocol):
    """The work on analyses. Every write is a compare-and-set fenced by the epoch; the database's clock decides."""

    def claim(self, analysis_id: int, *, stage: Stage, owner: str, lease: float) -> Claim | None:
        """Take the right to work on it; None when it is not due, not there, or somebody else's."""

    def log_of(self, claim: Claim) -> str:
        """The log as submitted, cleaned."""

    def store_prepared(self, claim: Claim, prepared: PreparedLog, *, queue: str) -> bool:
        """Hand over to the next stage. False: the claim is no longer ours, nothing was written."""

    def prepared_of(self, claim: Claim) -> PreparedLog | None:
        """What the first stage stored."""

    def extend(self, claims: Sequence[tuple[int, int]], *, lease: float) -> Sequence[Heartbeat]:
        """Extend leases of (id, epoch); those missing from the answer are lost."""

    def conclude(self, claim: Claim, conclusion: Conclusion) -> bool:
        """End it, with its event. False: the claim is no longer ours, nothing was written."""

    def give_back(self, claim: Claim, *, delay: float, error: Failure, counted: bool) -> bool:
        """Let it wait `delay` seconds for its next attempt. `counted`: this attempt used one up."""


class Dispatch(Protocol):
    """What is due, in the store."""

    def due(self, queue: str, *, window: int, resend: float) -> Sequence[Doorbell]:
        """Mark and return what to ring for, best first, so that at most `window` rings are unanswered."""

    def forget_lost(self, queue: str, *, older_than: float) -> int:
        """The broker's queue is empty: whatever was rung for and not claimed since was lost; ring again."""

    def queues(self) -> Sequence[str]:
        """Queues with something waiting."""

    def expire_leases(self, *, max_attempts: int) -> Sequence[Swept]:
        """Put back what died with its worker; fail what died too often."""

    def expire_deadlines(self) -> Sequence[Swept]:
        """Fail what is late."""

    def depths(self) -> Sequence[QueueDepth]:
        """Every queue with open work."""


class Keys(Protocol):
    """API keys and their projects."""

    def add(self, key: NewKey) -> ApiKey:
        """Store; makes the project when it is new."""

    def find(self, prefix: str) -> ApiKey | None:
        """By the public part."""

    def list(self) -> Sequence[ApiKey]:
        """All, newest first."""

    def revoke(self, prefix: str) -> bool:
        """From now on it is invalid. False: unknown or already revoked."""

    def touch(self, prefix: str) -> None:
        """It was used now (kept to the minute)."""


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
    def keys(self) -> Keys:
        """API keys."""


class UnitOfWork(Protocol):
    """Opens transactions. Raises `StorageUnavailable` when the database is away."""

    def __call__(self) -> AbstractContextManager[Transaction]:
        """Begin."""


class DueSignal(Protocol):
    """Tells at once when a commit made something due."""

    def wait(self, timeout: float) -> bool:
        """Up to `timeout` seconds; True when something became due. Raises `StorageUnavailable`."""

    def close(self) -> None:
        """Listen no more."""


class Broker(Protocol):
    """The doorbell. It may lose rings: the store remembers."""

    def ring(self, bells: Sequence[Doorbell]) -> None:
        """Send. Raises `BrokerUnavailable`."""

    def depth(self, queue: str) -> int:
        """Messages waiting in a queue. Raises `BrokerUnavailable`."""
