"""Batches: accepted whole or not at all, then each item goes its own way."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import structlog

from app import telemetry
from app.domain.analyses import Analysis, CacheMode, Status, Submission
from app.domain.batches import (
    Batch,
    BatchItem,
    BatchRefused,
    ItemPlace,
    ItemTrouble,
    NewBatch,
)
from app.domain.errors import (
    BatchNotFound,
    BatchTooLarge,
    BifrostError,
    IdempotencyConflict,
    InvalidInput,
    LogEmpty,
    LogTooLarge,
    PromptUnknown,
    ProviderNotConfigured,
    WebhookUrlRefused,
)
from app.domain.records import Entered, Entry, Fate, Lane
from app.domain.storage_ports import Transaction, UnitOfWork
from app.services.analyses import Analyses
from app.services.choosing import with_prompt_of
from app.services.fingerprinting import log_hash_of, request_hash_of, sha256_of
from app.services.routing import RULES, Routing

log = structlog.get_logger(__name__)

#: What may be wrong with one item, and the field to correct.
_TROUBLES: dict[type[BifrostError], str] = {
    LogEmpty: "log_content",
    LogTooLarge: "log_content",
    WebhookUrlRefused: "webhook_url",
    ProviderNotConfigured: "source",
    PromptUnknown: "prompt",
    IdempotencyConflict: "idempotency_key",
    InvalidInput: "",
}
#: Results read in one transaction.
_PAGE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmittedBatch:
    """An accepted batch. `replayed`: its idempotency key was known, this is the earlier one."""

    batch: Batch
    replayed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchResult:
    """An item that has ended."""

    place: ItemPlace
    analysis: Analysis


@dataclass(frozen=True, kw_only=True, slots=True)
class _Clean:
    """An item as it will be stored."""

    position: int
    custom_id: str
    submission: Submission
    log_hash: str
    request_hash: str


class Batches:
    """Submit, look, read, cancel. `max_bytes`: of all logs of a batch together."""

    def __init__(
        self, unit_of_work: UnitOfWork, analyses: Analyses, routing: Routing, *, max_bytes: int, cache_ttl: float
    ) -> None:
        self._unit_of_work = unit_of_work
        self._analyses = analyses
        self._routing = routing
        self._max_bytes = max_bytes
        self._cache_ttl = cache_ttl

    def submit(self, new: NewBatch) -> SubmittedBatch:
        """Accept all items, or none. When this returns, they are committed; nothing was said to the broker.

        Raises `BatchRefused`, `BatchTooLarge`, `IdempotencyConflict`, `StorageUnavailable`.
        """
        size = sum(len(item.submission.log.encode(errors="replace")) for item in new.items)
        if size > self._max_bytes:
            raise BatchTooLarge(
                f"The logs of this batch have {size:,} bytes together; this server accepts up to {self._max_bytes:,}."
            )
        items = self._cleaned(new.items)
        request_hash = sha256_of([(one.custom_id, one.submission.idempotency_key, one.request_hash) for one in items])
        with self._unit_of_work() as tx:
            added = tx.batches.add(new, request_hash)
            if added.request_hash != request_hash:
                raise IdempotencyConflict
            entered = self._enter(tx, added.batch_id, items) if added.new else []
            batch = tx.batches.get(new.project_id, added.batch_id)
            cached = [one.analysis_id for one in entered if one.fate is Fate.CACHED]
            answered = tx.analyses.get_all(new.project_id, cached) if cached else {}
        if batch is None:
            raise BatchNotFound
        if added.new:
            _tell(batch, entered, answered.values())
        return SubmittedBatch(batch=batch, replayed=not added.new)

    def get(self, project_id: int, batch_id: int) -> Batch:
        """One batch of a project. Raises `BatchNotFound`."""
        with self._unit_of_work() as tx:
            batch = tx.batches.get(project_id, batch_id)
        if batch is None:
            raise BatchNotFound
        return batch

    def results(self, project_id: int, batch_id: int) -> Iterator[Sequence[BatchResult]]:
        """Items that have ended, in the order of the batch, page after page. Raises `BatchNotFound` at once."""
        self.get(project_id, batch_id)
        return self._pages(project_id, batch_id)

    def cancel(self, project_id: int, batch_id: int) -> Batch:
        """Cancel what waits at once, ask the workers of what runs; what has ended stays. Raises `BatchNotFound`."""
        with self._unit_of_work() as tx:
            ended = tx.batches.cancel(project_id, batch_id)
            batch = tx.batches.get(project_id, batch_id)
        if batch is None:
            raise BatchNotFound
        log.info("batch_cancel_requested", batch_id=batch_id, cancelled=len(ended))
        for one in ended:
            telemetry.count_analysis(
                status=Status.CANCELLED,
                source=one.source,
                provider=one.provider,
                degraded=False,
                seconds=one.seconds or 0.0,
            )
        return batch

    def _pages(self, project_id: int, batch_id: int) -> Iterator[Sequence[BatchResult]]:
        after = -1
        while True:
            with self._unit_of_work() as tx:
                places = tx.batches.ended(batch_id, after=after, limit=_PAGE)
                found = tx.analyses.get_all(project_id, [place.analysis_id for place in places])
            yield [
                BatchResult(place=place, analysis=found[place.analysis_id])
                for place in places
                if place.analysis_id in found
            ]
            if len(places) < _PAGE:
                return
            after = places[-1].position

    def _cleaned(self, items: Sequence[BatchItem]) -> list[_Clean]:
        cleaned, troubles = [], []
        for position, item in enumerate(items):
            try:
                self._routing.route(item.submission.source)
                submission = self._analyses.cleaned(item.submission)
            except tuple(_TROUBLES) as error:
                troubles.append(_trouble(position, item.custom_id, error))
            else:
                hashed = log_hash_of(submission)
                cleaned.append(
                    _Clean(
                        position=position,
                        custom_id=item.custom_id,
                        submission=self._analyses.masked(submission),
                        log_hash=hashed,
                        request_hash=request_hash_of(submission, hashed),
                    )
                )
        if troubles:
            raise BatchRefused(troubles)
        return cleaned

    def _enter(self, tx: Transaction, batch_id: int, items: Sequence[_Clean]) -> list[Entered]:
        """Store them; what became of each, in order."""
        entries = self._entries(tx, items)
        lanes: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for number, one in enumerate(entries):
            lanes[one.submission.source, one.submission.cache].append(number)
        tx.intake.board([one.cache_key for one in entries])
        entered: dict[int, Entered] = {}
        for name in sorted(lanes):
            # in the order of their keys, so that two batches with the same items never wait for each other
            numbers = sorted(lanes[name], key=lambda number: str(entries[number].submission.idempotency_key))
            given = [entries[number] for number in numbers]
            entered |= dict(zip(numbers, tx.intake.add_all(given, self._lane(given[0].submission)), strict=True))
        troubles = [
            _trouble(item.position, item.custom_id, IdempotencyConflict())
            for number, item in enumerate(items)
            if entered[number].fate is Fate.CONFLICT
        ]
        if troubles:
            raise BatchRefused(troubles)
        places = [
            ItemPlace(position=item.position, custom_id=item.custom_id, analysis_id=entered[number].analysis_id)
            for number, item in enumerate(items)
        ]
        tx.batches.put(batch_id, places)
        return [entered[number] for number in range(len(items))]

    def _entries(self, tx: Transaction, items: Sequence[_Clean]) -> list[Entry]:
        find = cache(tx.prompts.get)
        unnamed = uuid.uuid4().hex
        entries, troubles = [], []
        for item in items:
            asked = item.submission
            # what has no key of its own gets one that nobody has: it is told apart by it on its way into the store
            key = asked.idempotency_key or f"batch-{unnamed}-{item.position:06}"
            needed = self._routing.route(asked.source).provider != RULES
            try:
                chosen = with_prompt_of(find, asked, log_hash=item.log_hash, needed=needed)
            except PromptUnknown as error:
                troubles.append(_trouble(item.position, item.custom_id, error))
                continue
            print_ = self._analyses.fingerprint(chosen, item.log_hash, item.request_hash)
            entries.append(
                Entry(
                    submission=replace(chosen, idempotency_key=key),
                    log_hash=print_.log_hash,
                    cache_key=print_.cache_key,
                    question_key=print_.question_key,
                    request_hash=print_.request_hash,
                )
            )
        if troubles:
            raise BatchRefused(troubles)
        return entries

    def _lane(self, asked: Submission) -> Lane:
        route = self._routing.route(asked.source)
        ttl = 0.0 if asked.cache is CacheMode.OFF else self._cache_ttl
        return Lane(
            project_id=asked.project_id,
            source=asked.source,
            queue=route.queue,
            provider=route.provider,
            cache_ttl=ttl,
            follow=ttl > 0 and route.provider != RULES,
            announce_again=False,
        )


def _trouble(position: int, custom_id: str, error: BifrostError) -> ItemTrouble:
    field = next(field for kind, field in _TROUBLES.items() if isinstance(error, kind))
    return ItemTrouble(position=position, custom_id=custom_id, field=field, error=error)


def _tell(batch: Batch, entered: Sequence[Entered], cached: Iterable[Analysis]) -> None:
    """What ends without a worker is counted here."""
    for analysis in cached:
        telemetry.count_analysis(
            status=analysis.status,
            source=analysis.source,
            provider=analysis.provider,
            degraded=analysis.degraded,
            seconds=analysis.duration_seconds or 0.0,
        )
        telemetry.count_cache_lookup("exact", "hit")
    known = sum(one.fate is Fate.KNOWN for one in entered)
    log.info("batch_accepted", batch_id=batch.id, items=batch.total, known=known)
