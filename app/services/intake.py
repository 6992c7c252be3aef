"""Takes in requests by the batch: each becomes a row, a recognized duplicate or a dead letter, in one transaction."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from app import telemetry
from app.domain.analyses import Failure, Mask, Source
from app.domain.errors import RecordRefused, RequestConflict, Unavailable
from app.domain.records import DeadRecord, Entered, Entry, Fate, Lane, Record, RecordStage, Request
from app.domain.storage_ports import Transaction, UnitOfWork
from app.domain.stored_prompts import BUILT_IN, PromptWish, StoredPrompt
from app.services.choosing import resolved
from app.services.fingerprinting import cache_key_of, log_hash_of, question_key_of
from app.services.routing import RULES, Routing

log = structlog.get_logger(__name__)

#: Reads a record, as which attempt; raises nothing.
Read = Callable[[Record, int], Request | DeadRecord]


@dataclass(frozen=True, kw_only=True, slots=True)
class IntakePolicy:
    """See `app.settings.Kafka` for meaning and defaults."""

    project: str
    source: Source
    cache_ttl: float
    mask: Mask
    dead_letter_topic: str
    #: Seconds a dead letter is kept; 0: for ever.
    keep: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What became of a batch: how many of each fate, and how many are dead letters."""

    fates: Counter[Fate]
    dead: int

    @property
    def accepted(self) -> int:
        """New analyses."""
        return self.fates[Fate.QUEUED] + self.fates[Fate.CACHED]

    @property
    def known(self) -> int:
        """Redelivered."""
        return self.fates[Fate.KNOWN] + self.fates[Fate.ANNOUNCED]


class Intake:
    """Take, revive, count the open work. Raises `StorageUnavailable` when nothing was stored: try again."""

    def __init__(self, unit_of_work: UnitOfWork, routing: Routing, policy: IntakePolicy) -> None:
        self._unit_of_work = unit_of_work
        self._routing = routing
        self._policy = policy

    def project(self) -> int:
        """The id of the project that requests go to. Raises `ProviderNotConfigured` when nobody could answer them."""
        self._routing.route(self._policy.source)
        with self._unit_of_work() as tx:
            return tx.intake.project(self._policy.project)

    def take(self, project_id: int, read: Sequence[Request | DeadRecord]) -> Taken:
        """Store a batch: all of it, or nothing."""
        try:
            with self._unit_of_work() as tx:
                taken = self._store(tx, project_id, read)
        except Unavailable:
            raise
        except Exception:
            # One of them is more than the database takes. It must not hold up the others.
            log.exception("batch_refused", records=len(read))
            with self._unit_of_work() as tx:
                taken = self._store_apart(tx, project_id, read)
        _count(taken)
        return taken

    def open_work(self, limit: int) -> int:
        """Analyses that wait for a worker; counted up to `limit`."""
        with self._unit_of_work() as tx:
            return tx.intake.open_work(limit)

    def revive(self, project_id: int, read: Read, *, limit: int) -> int:
        """Dead letters that somebody wants to go again do so; how many did."""
        with self._unit_of_work() as tx:
            wanted = tx.dead_records.wanted(limit=limit)
            for one in wanted:
                found = read(one.record, one.attempt)
                _, fallen, entered = self._placed(tx, project_id, [found], apart=True)
                if fallen:
                    tx.dead_records.fall(one.id, fallen[0], topic=self._policy.dead_letter_topic)
                else:
                    tx.dead_records.rise(one.id, entered[0].analysis_id)
        return len(wanted)

    def forget(self, *, limit: int = 500) -> int:
        """Dead letters that are old enough go; how many."""
        if not self._policy.keep:
            return 0
        with self._unit_of_work() as tx:
            return tx.dead_records.delete(older_than=self._policy.keep, limit=limit)

    def _store(self, tx: Transaction, project_id: int, read: Sequence[Request | DeadRecord]) -> Taken:
        fates, dead, _ = self._placed(tx, project_id, read, apart=False)
        topic = self._policy.dead_letter_topic
        return Taken(fates=fates, dead=tx.dead_records.bury(dead, project_id=project_id, topic=topic))

    def _store_apart(self, tx: Transaction, project_id: int, read: Sequence[Request | DeadRecord]) -> Taken:
        """Each by itself, so that only what is refused is a dead letter."""
        fates: Counter[Fate] = Counter()
        buried = 0
        for one in read:
            found, dead, _ = self._placed(tx, project_id, [one], apart=True)
            fates += found
            buried += tx.dead_records.bury(dead, project_id=project_id, topic=self._policy.dead_letter_topic)
        return Taken(fates=fates, dead=buried)

    def _placed(
        self, tx: Transaction, project_id: int, read: Sequence[Request | DeadRecord], *, apart: bool
    ) -> tuple[Counter[Fate], list[DeadRecord], list[Entered]]:
        """Their fates, those that are dead letters, and what the others became."""
        dead = [one for one in read if isinstance(one, DeadRecord)]
        requests, twins, conflicts = _sorted_out([one for one in read if isinstance(one, Request)])
        fates = Counter({Fate.KNOWN: twins})
        entered: Sequence[Entered] = ()
        try:
            if apart:
                with tx.intake.apart():
                    entered = tx.intake.add_all(self._entries(tx, project_id, requests), self._lane(project_id))
            else:
                entered = tx.intake.add_all(self._entries(tx, project_id, requests), self._lane(project_id))
        except Unavailable:
            raise
        except Exception as error:
            if not apart:
                raise
            log.exception("record_refused")
            refused = Failure(
                code=RecordRefused.code, detail=f"{RecordRefused()} ({type(error).__name__})", retryable=True
            )
            return fates, [*dead, *(_dead(one, refused) for one in requests)], []
        for request, one in zip(requests, entered, strict=True):
            if one.fate is Fate.CONFLICT:
                conflicts.append(request)
            else:
                fates[one.fate] += 1
        dead += [_dead(one, Failure.of(RequestConflict())) for one in conflicts]
        return fates, dead, list(entered)

    def _entries(self, tx: Transaction, project_id: int, requests: Sequence[Request]) -> list[Entry]:
        """With the prompt they use: no record names one, so one look is enough for all of them."""
        identity = self._routing.identity(self._policy.source)
        asks = self._routing.route(self._policy.source).provider != RULES
        wish = PromptWish(name=BUILT_IN)
        stored = tx.prompts.get(project_id, wish.name) if asks and requests else None
        masked = [
            replace(one, submission=replace(one.submission, mask=one.submission.mask or self._policy.mask))
            for one in requests
        ]
        return [_entry(one, identity, (stored, wish) if asks else None) for one in masked]

    def _lane(self, project_id: int) -> Lane:
        route = self._routing.route(self._policy.source)
        return Lane(
            project_id=project_id,
            source=self._policy.source,
            queue=route.queue,
            provider=route.provider,
            cache_ttl=self._policy.cache_ttl,
            follow=self._policy.cache_ttl > 0 and route.provider != RULES,
        )


def _sorted_out(requests: Sequence[Request]) -> tuple[list[Request], int, list[Request]]:
    """The first of each key, how many were the same once more, and those that claim a key for something else."""
    first: dict[str | None, Request] = {}
    twins, conflicts = 0, []
    for one in requests:
        known = first.setdefault(one.submission.idempotency_key, one)
        if known is one:
            continue
        if known.request_hash == one.request_hash:
            twins += 1
        else:
            conflicts.append(one)
    return list(first.values()), twins, conflicts


def _entry(request: Request, identity: str, prompt: tuple[StoredPrompt | None, PromptWish] | None) -> Entry:
    asked = request.submission
    log_hash = log_hash_of(asked)
    if prompt is not None:
        asked = replace(asked, prompt_version=resolved(*prompt, asked, log_hash=log_hash))
    question_key = question_key_of(asked, identity=identity)
    return Entry(
        submission=asked,
        log_hash=log_hash,
        cache_key=cache_key_of(question_key, log_hash),
        question_key=question_key,
        request_hash=request.request_hash,
    )


def _dead(request: Request, error: Failure) -> DeadRecord:
    asked = request.submission
    return DeadRecord(
        record=request.record,
        stage=RecordStage.SUBMIT,
        error=error,
        request_id=asked.request_id,
        correlation_id=asked.correlation_id,
        service_name=asked.service_name,
        environment=asked.environment,
    )


def _count(taken: Taken) -> None:
    for fate, count in taken.fates.items():
        if count:
            telemetry.count_records(fate, count)
    if taken.dead:
        telemetry.count_records("dead", taken.dead)
