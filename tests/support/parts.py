"""What a web application needs, in memory: the same methods and errors as the services, and no I/O."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from app.clock import SystemClock
from app.domain.analyses import TERMINAL, Analysis, Filter, Stage, Status, Submission
from app.domain.announcements import OutboxDepth
from app.domain.budgets import BudgetState
from app.domain.errors import (
    AnalysisFinished,
    AnalysisNotFound,
    BifrostError,
    IdempotencyConflict,
    KeyInvalid,
    LogEmpty,
    LogTooLarge,
)
from app.domain.guards import Load
from app.domain.keys import ApiKey, Scope
from app.domain.ports import Health
from app.domain.rates import Rate, Standing
from app.domain.records import BridgeState
from app.domain.statistics import Counts, ModelTally, Summary, tally
from app.domain.storage_ports import QueueDepth
from app.pipeline.decoding import clean
from app.pipeline.preparation import PreparationLimits
from app.pipeline.windows import WindowLimits
from app.providers.rules import Rules
from app.services.analyses import Page, Submitted
from app.services.bridges import BridgesStatus
from app.services.exports import Exports
from app.services.previews import PreviewPolicy, Previews
from app.services.routing import RULES, Routing
from app.settings import Settings
from tests.support.tiny_providers import Scripted

_START = datetime(2026, 1, 31, 9, tzinfo=UTC)
EVERYTHING, READER, SUBMITTER, STRANGER = "bf_all_s", "bf_read_s", "bf_submit_s", "bf_other_s"


class Analyses:
    """Keeps what was submitted; nothing ever works on it unless `put` says so. `fault` is raised by every call."""

    def __init__(self, max_log_bytes: int) -> None:
        self.submissions: list[Submission] = []
        self.stored: dict[int, Analysis] = {}
        self.fault: Exception | None = None
        self._max_log_bytes = max_log_bytes

    def submit(self, submission: Submission) -> Submitted:
        self._maybe_fail()
        decoded = clean(submission.log)
        if not decoded.text.strip():
            raise LogEmpty
        if len(decoded.text.encode()) > self._max_log_bytes:
            raise LogTooLarge
        for number, earlier in enumerate(self.submissions, 1):
            if submission.idempotency_key and earlier.idempotency_key == submission.idempotency_key:
                if replace(earlier, request_id=None) != replace(submission, request_id=None):
                    raise IdempotencyConflict
                return Submitted(analysis=self.stored[number], replayed=True)
        self.submissions.append(submission)
        number = len(self.submissions)
        self.stored[number] = _analysis(number, submission, decoded.text)
        return Submitted(analysis=self.stored[number], replayed=False)

    def get(self, project_id: int, analysis_id: int, *, with_log: bool = False) -> Analysis:
        self._maybe_fail()
        found = self.stored.get(analysis_id)
        if found is None or found.project_id != project_id:
            raise AnalysisNotFound
        return found if with_log else replace(found, log_content=None)

    def list(self, wanted: Filter) -> Page:
        self._maybe_fail()
        self.wanted = wanted
        mine = sorted((a for a in self.stored.values() if a.project_id == wanted.project_id), key=_place, reverse=True)
        mine = [a for a in mine if wanted.before is None or _place(a) < wanted.before]
        mine = mine[wanted.offset :]
        items = tuple(mine[: wanted.limit])
        return Page(items=items, next_before=_place(items[-1]) if len(mine) > wanted.limit else None)

    def cancel(self, project_id: int, analysis_id: int) -> Analysis:
        found = self.get(project_id, analysis_id)
        if found.status in TERMINAL:
            raise AnalysisFinished
        self.stored[analysis_id] = replace(found, status=Status.CANCELLED)
        return self.stored[analysis_id]

    def put(self, analysis_id: int, **changes: object) -> None:
        """As if a worker had done it."""
        self.stored[analysis_id] = replace(self.stored[analysis_id], **changes)

    def _maybe_fail(self) -> None:
        if self.fault:
            raise self.fault


class Keys:
    """The four keys above."""

    def __init__(self) -> None:
        everything = frozenset(Scope)
        self._keys = {
            EVERYTHING: _key("all", 1, everything),
            READER: _key("read", 1, frozenset({Scope.READ})),
            SUBMITTER: _key("submit", 1, frozenset({Scope.SUBMIT})),
            STRANGER: _key("other", 2, everything),
        }

    def authenticate(self, token: str) -> ApiKey:
        if token not in self._keys:
            raise KeyInvalid
        return self._keys[token]


@dataclass
class HealthCheck:
    """Says what it is told to say."""

    parts: tuple[Health, ...] = (Health(name="database", ok=True, detail="answers"),)
    wished: tuple[Health, ...] = ()
    queues: Callable[[], tuple[QueueDepth, ...]] = tuple
    guarded: Callable[[], tuple[Load, ...]] = tuple

    def ready(self) -> tuple[Health, ...]:
        return self.parts

    def helpful(self) -> tuple[Health, ...]:
        return self.wished

    def depths(self) -> tuple[QueueDepth, ...]:
        return self.queues()

    def loads(self) -> tuple[Load, ...]:
        return self.guarded()


@dataclass
class Announcing:
    """Has what it is told to have."""

    outbox: Callable[[], tuple[OutboxDepth, ...]] = tuple

    def depths(self) -> tuple[OutboxDepth, ...]:
        return self.outbox()


@dataclass
class Bridges:
    """Has what it is told to have."""

    running: tuple[BridgeState, ...] = ()
    fault: BifrostError | None = None

    def states(self) -> tuple[BridgeState, ...]:
        if self.fault:
            raise self.fault
        return self.running

    def status(self) -> BridgesStatus:
        return BridgesStatus(
            configured=True, ok=True, detail="well", bridges=self.states(), waiting=0, dead=0, replays=0
        )


@dataclass
class Statistics:
    """Remembers what it was asked; `counts` is what it knows."""

    counts: tuple[Counts, ...] = ()
    asked: tuple[int, int] | None = None
    unpriced: set[str] = field(default_factory=set)

    def summary(self, project_id: int, hours: int) -> Summary:
        self.asked = (project_id, hours)
        models = tuple(
            ModelTally(
                provider=one.provider, model=one.model, tally=tally([one]), cost_known=one.model not in self.unpriced
            )
            for one in self.counts
        )
        return Summary(hours=hours, since=_START, total=tally(self.counts), models=models)


class Budgets:
    """Nobody has one."""

    def states(self) -> tuple[BudgetState, ...]:
        return ()


class Rates:
    """Counts nothing unless `standing` says where everybody stands."""

    def __init__(self) -> None:
        self.standing: Standing | None = None
        self.taken: list[tuple[str, Rate, int]] = []

    def take(self, key: ApiKey, rate: Rate, *, count: int = 1) -> Standing | None:
        self.taken.append((key.prefix, rate, count))
        return self.standing


@dataclass
class Waiting:
    """Time passes at once; `meanwhile` happens in it."""

    analyses: Analyses
    meanwhile: Callable[[int], object] = lambda _: None
    waited: float | None = None

    def until_ended(self, analysis: Analysis, timeout: float) -> Analysis:
        self.waited = timeout
        self.meanwhile(analysis.id)
        return self.analyses.stored[analysis.id]


@dataclass
class Parts:
    """Looks to the API like a container."""

    settings: Settings
    keys: Keys = field(default_factory=Keys)
    health: HealthCheck = field(default_factory=HealthCheck)

    def __post_init__(self) -> None:
        self.analyses = Analyses(self.settings.limits.max_log_bytes)
        self.announcing = Announcing()
        self.rates = Rates()
        self.budgets = Budgets()
        self.waiting = Waiting(self.analyses)
        self.exports = Exports(self.analyses, room=1, page=2)
        self.bridges = Bridges()
        self.statistics = Statistics()
        self.previews = make_previews(self.analyses, max_log_bytes=self.settings.limits.max_log_bytes)


def make_previews(analyses: Analyses, *, max_log_bytes: int, windows: WindowLimits | None = None) -> Previews:
    """The real service: it does no I/O but for the stored log."""
    return Previews(
        lambda: nullcontext(SimpleNamespace(analyses=_Kept(analyses), prompts=SimpleNamespace(get=lambda *_: None))),
        Routing(providers={"ollama": Scripted(steps=()), RULES: Rules()}, auto=("ollama",)),
        policy=PreviewPolicy(
            slots=1,
            patience=0.0,
            max_log_bytes=max_log_bytes,
            token_budget=8000,
            max_output_tokens=1200,
            preparation=PreparationLimits(windows=windows or WindowLimits()),
        ),
        # a dollar for a million tokens
        cost=lambda provider, model, tokens: None if model == "unpriced" else 0 if provider == RULES else sum(tokens),
        clock=SystemClock(),
    )


@dataclass
class _Kept:
    """The analyses as the store gives them: None instead of an error."""

    analyses: Analyses

    def get(self, project_id: int, analysis_id: int, *, with_log: bool) -> Analysis | None:
        try:
            return self.analyses.get(project_id, analysis_id, with_log=with_log)
        except AnalysisNotFound:
            return None


def failing(error: BifrostError) -> Callable[[], tuple[QueueDepth, ...]]:
    """Depths that cannot be told."""

    def depths() -> tuple[QueueDepth, ...]:
        raise error

    return depths


def _place(analysis: Analysis) -> tuple[datetime, int]:
    return analysis.created_at, analysis.id


def _key(prefix: str, project_id: int, scopes: frozenset[Scope]) -> ApiKey:
    return ApiKey(
        prefix=prefix,
        secret_hash="",
        name=prefix,
        project="default" if project_id == 1 else "other",
        project_id=project_id,
        scopes=scopes,
        created_at=_START,
        last_used_at=None,
        expires_at=None,
        revoked_at=None,
    )


def _analysis(number: int, submission: Submission, log: str) -> Analysis:
    return Analysis(
        project_id=submission.project_id,
        source=submission.source,
        model=submission.model,
        service_name=submission.service_name,
        environment=submission.environment,
        analysis_type=submission.analysis_type,
        priority=submission.priority,
        language=submission.language,
        tags=submission.tags,
        metadata=submission.metadata,
        request_id=submission.request_id,
        correlation_id=submission.correlation_id,
        id=number,
        status=Status.QUEUED,
        stage=Stage.PREPARE,
        provider=None,
        degraded=False,
        cached=False,
        cached_from=None,
        diagnosis=None,
        response=None,
        coverage=None,
        usage=None,
        attempts=0,
        error=None,
        created_at=_START + timedelta(seconds=number),
        started_at=None,
        finished_at=None,
        duration_seconds=None,
        log_content=log,
    )
