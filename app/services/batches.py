"""Batches: accepted whole or not at all, then each item goes its own way."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from app import telemetry
from app.domain.analyses import Analysis, Status
from app.domain.batches import Batch, ItemPlace, NewBatch
from app.domain.errors import BatchNotFound, BatchTooLarge, IdempotencyConflict
from app.domain.records import Entered, Fate
from app.domain.storage_ports import UnitOfWork
from app.services.analyses import Analyses
from app.services.batch_items import BatchItems
from app.services.fingerprinting import sha256_of
from app.services.routing import Routing

log = structlog.get_logger(__name__)

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


class Batches:
    """Submit, look, read, cancel. `max_bytes`: of all logs of a batch together."""

    def __init__(
        self, unit_of_work: UnitOfWork, analyses: Analyses, routing: Routing, *, max_bytes: int, cache_ttl: float
    ) -> None:
        self._unit_of_work = unit_of_work
        self._items = BatchItems(analyses, routing, cache_ttl=cache_ttl)
        self._max_bytes = max_bytes

    def submit(self, new: NewBatch) -> SubmittedBatch:
        """Accept all items, or none. When this returns, they are committed; nothing was said to the broker.

        Raises `BatchRefused`, `BatchTooLarge`, `BudgetExhausted`, `IdempotencyConflict`, `StorageUnavailable`.
        """
        size = sum(len(item.submission.log.encode(errors="replace")) for item in new.items)
        if size > self._max_bytes:
            raise BatchTooLarge(
                f"The logs of this batch have {size:,} bytes together; this server accepts up to {self._max_bytes:,}."
            )
        items = self._items.cleaned(new.items)
        request_hash = sha256_of([(one.custom_id, one.submission.idempotency_key, one.request_hash) for one in items])
        with self._unit_of_work() as tx:
            added = tx.batches.add(new, request_hash)
            if added.request_hash != request_hash:
                raise IdempotencyConflict
            entered = self._items.enter(tx, added.batch_id, items) if added.new else []
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
