"""An analysis: what is asked, where it stands, and the moves it may make."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from app.domain.diagnoses import Coverage, Diagnosis
from app.domain.errors import BifrostError
from app.domain.likenesses import Likeness
from app.domain.prompts import ClaimedPrompt, PromptRef, Usage


class Status(StrEnum):
    """Where an analysis stands. Celery's own states are never shown."""

    #: Accepted and durable; waits for a worker.
    QUEUED = "queued"
    #: A worker holds its lease.
    RUNNING = "running"
    #: An attempt failed; waits for its next one.
    RETRYING = "retrying"
    #: Has a diagnosis. Terminal.
    COMPLETED = "completed"
    #: Has an error. Terminal.
    FAILED = "failed"
    #: Somebody asked to stop it. Terminal.
    CANCELLED = "cancelled"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
#: Where a model call waits whose worker died as often as it may: nothing runs beside it when it is made once more.
ALONE_QUEUE = "infer.alone"
#: A worker may claim an analysis in one of these.
CLAIMABLE = frozenset({Status.QUEUED, Status.RETRYING})
#: The table of allowed moves. Every write is a compare-and-set along one of them.
MOVES: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.FAILED, Status.CANCELLED}),
    Status.RETRYING: frozenset({Status.RUNNING, Status.FAILED, Status.CANCELLED}),
    # back to QUEUED: the next stage, or handed back without blame (shutdown, throttled, lease over)
    Status.RUNNING: frozenset({Status.QUEUED, Status.RETRYING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.CANCELLED: frozenset({Status.QUEUED}),
}


class Stage(StrEnum):
    """Which half of the work comes next."""

    #: CPU: redact, mine templates, fit the token budget.
    PREPARE = "prepare"
    #: Waiting: ask a model.
    INFER = "infer"


class Source(StrEnum):
    """Who shall answer."""

    #: A model on our own machines (Ollama).
    LOCAL = "local"
    #: A model in the cloud (Bedrock).
    CLOUD = "cloud"
    #: No model at all.
    RULES = "rules"
    #: The configured chain, ending in the rules.
    AUTO = "auto"


class Priority(IntEnum):
    """Which of two waiting analyses goes first."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    CRITICAL = 3


class CacheMode(StrEnum):
    """Whether an earlier answer may be given again."""

    #: The same log and the same question, answered within `cache.ttl_seconds`.
    EXACT = "exact"
    #: That, or the same question about a log with the same warnings and errors.
    SIMILAR = "similar"
    #: Always ask anew.
    OFF = "off"


class Mask(StrEnum):
    """Which addresses and names of machines are hidden from whoever reads a log; its owner's answer names them."""

    #: None of them.
    NONE = "none"
    #: IP addresses of the Internet; those of private networks stay.
    PUBLIC = "public"
    #: Every IP address, and host names.
    ALL = "all"


class Language(StrEnum):
    """The language of the diagnosis."""

    EN = "en"
    KO = "ko"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why an analysis, or one attempt of it, did not succeed."""

    code: str
    detail: str
    retryable: bool

    @classmethod
    def of(cls, error: BifrostError) -> "Failure":
        """What an error tells its reader."""
        return cls(code=error.code, detail=error.detail, retryable=error.retryable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What somebody asks for. `log` is text as it came in; the service cleans and measures it."""

    project_id: int
    log: str
    #: Bytes that were not UTF-8 and were replaced when `log` was decoded.
    bytes_replaced: int = 0
    source: Source = Source.AUTO
    model: str | None = None
    service_name: str | None = None
    environment: str | None = None
    analysis_type: str = "error"
    priority: Priority = Priority.NORMAL
    tags: tuple[str, ...] = ()
    language: Language = Language.EN
    cache: CacheMode = CacheMode.EXACT
    #: None: as the server is set.
    mask: Mask | None = None
    deadline_seconds: float | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    idempotency_key: str | None = None
    #: Which stored prompt: `name`, `name@label` or `name@3`; None: `default`.
    prompt: str | None = None
    #: The version that this is, which the service finds out; None when nobody is asked who reads prompts.
    prompt_version: PromptRef | None = None
    #: Whom to tell of the end: `kind` names the publisher, the rest is its business.
    callback: Mapping[str, object] | None = None
    #: The HTTP request's id, or Heimdall's `request_id`; in every log line of the job.
    request_id: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Analysis:
    """An analysis as its owner sees it."""

    id: int
    project_id: int
    status: Status
    stage: Stage
    source: Source
    provider: str | None
    model: str | None
    degraded: bool
    cached: bool
    cached_from: int | None
    diagnosis: Diagnosis | None
    #: Markdown, rendered from the diagnosis.
    response: str | None
    coverage: Coverage | None
    usage: Usage | None
    attempts: int
    error: Failure | None
    service_name: str | None
    environment: str | None
    analysis_type: str
    priority: Priority
    language: Language
    tags: tuple[str, ...]
    metadata: Mapping[str, object]
    request_id: str | None
    correlation_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    #: Seconds from acceptance to the end; None before it.
    duration_seconds: float | None
    #: How often it was sent again after it had failed or was cancelled.
    replays: int = 0
    #: The stored prompt it uses; None when the rules are asked.
    prompt: PromptRef | None = None
    #: Only when asked for.
    log_content: str | None = None
    #: It was asked for, and is not there any more: retention has deleted it.
    log_deleted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which analyses to list, newest first. `before` is the keyset: only ids below it."""

    project_id: int
    status: Status | None = None
    service_name: str | None = None
    environment: str | None = None
    model: str | None = None
    source: Source | None = None
    severity: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, int] | None = None
    limit: int = 50
    #: How many to pass over, one by one: small numbers only; `before` costs the same at any depth.
    offset: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One worker's right to work on one analysis. `epoch` fences: every write carries it, it never decreases."""

    analysis_id: int
    epoch: int
    #: 1 for the first attempt of this stage.
    attempt: int
    #: Times a provider asked to slow down; such attempts are not counted.
    throttles: int
    stage: Stage
    source: Source
    provider: str
    model: str | None
    language: Language
    analysis_type: str
    service_name: str | None
    environment: str | None
    bytes_replaced: int
    request_id: str | None
    correlation_id: str | None
    project_id: int
    created_at: datetime
    #: Seconds left until the deadline by the database's clock at the claim; None without one.
    seconds_left: float | None
    #: Seconds since it was first given back because its provider rested or had no room, and not asked since.
    waited: float = 0.0
    mask: Mask = Mask.NONE
    cache: CacheMode = CacheMode.EXACT
    #: Hash of what was asked, without the log; None: accepted by a version that did not note it down.
    question_key: str | None = None
    #: The stored prompt it uses; None when the rules are asked.
    prompt: ClaimedPrompt | None = None
    #: What was submitted, when its stage begins with reading it.
    log: str | None = field(default=None, repr=False)

    @property
    def prompt_text(self) -> str | None:
        """Of its stored prompt; None for the built-in one."""
        return None if self.prompt is None else self.prompt.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Conclusion:
    """How an attempt ends an analysis: with a diagnosis, or with a failure."""

    status: Status
    provider: str | None = None
    model: str | None = None
    degraded: bool = False
    diagnosis: Diagnosis | None = None
    response: str | None = None
    coverage: Coverage | None = None
    usage: Usage | None = None
    error: Failure | None = None
    #: The analysis whose answer was taken over.
    cached_from: int | None = None
    #: None: its log has nothing that another one could be known by.
    likeness: Likeness | None = None
