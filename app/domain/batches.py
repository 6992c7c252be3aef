"""Batches: many submissions that are accepted together, and looked at together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.domain.analyses import TERMINAL, Status, Submission
from app.domain.errors import BifrostError, InvalidInput


class BatchStatus(StrEnum):
    """Where a batch stands: it has no state of its own, only that of its analyses and the wish to end them."""

    #: Some of its analyses have not ended.
    RUNNING = "running"
    #: The same, and somebody has cancelled it.
    CANCELLING = "cancelling"
    #: All have ended, one way or another.
    COMPLETED = "completed"
    #: The same, and somebody had cancelled it before.
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchItem:
    """One submission. `custom_id` is its caller's own name for it: no two of a batch are the same."""

    custom_id: str
    submission: Submission


@dataclass(frozen=True, kw_only=True, slots=True)
class NewBatch:
    """What somebody sends. With the same `idempotency_key`, the same items are the same batch."""

    project_id: int
    items: Sequence[BatchItem]
    idempotency_key: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """A batch as its owner sees it. `counts` has every status, and adds up to `total`."""

    id: int
    total: int
    counts: Mapping[Status, int]
    created_at: datetime
    #: When the last of its analyses ended; None while one has not.
    finished_at: datetime | None
    cancel_requested_at: datetime | None

    @property
    def status(self) -> BatchStatus:
        """Of its analyses together."""
        ended = sum(self.counts[status] for status in TERMINAL) == self.total
        if self.cancel_requested_at is None:
            return BatchStatus.COMPLETED if ended else BatchStatus.RUNNING
        return BatchStatus.CANCELLED if ended else BatchStatus.CANCELLING


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemPlace:
    """Where an item is. `position`: 0 for the first."""

    position: int
    custom_id: str
    analysis_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """A stored batch. Not `new`: its idempotency key was known, with this hash of its request."""

    batch_id: int
    new: bool
    request_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelledItem:
    """An analysis that a cancel has ended at once."""

    source: str
    provider: str | None
    seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemTrouble:
    """Why an item cannot be accepted. `field` is the one to correct."""

    position: int
    custom_id: str
    field: str
    error: BifrostError


class BatchRefused(InvalidInput):
    """Some items of the batch cannot be accepted, so none was."""

    def __init__(self, found: Sequence[ItemTrouble]) -> None:
        """`found`: each of them, in order."""
        super().__init__()
        self.found = tuple(found)


class Batches(Protocol):
    """The batches in the store."""

    def add(self, new: NewBatch, request_hash: str) -> Added:
        """Insert without its items, or find the one stored under the same idempotency key."""

    def put(self, batch_id: int, places: Sequence[ItemPlace]) -> None:
        """Its items."""

    def get(self, project_id: int, batch_id: int) -> Batch | None:
        """One of a project."""

    def ended(self, batch_id: int, *, after: int, limit: int) -> Sequence[ItemPlace]:
        """Items beyond the position `after` whose analyses have ended, in order, at most `limit`."""

    def cancel(self, project_id: int, batch_id: int) -> Sequence[CancelledItem]:
        """Note the wish; end what waits, ask the workers of what runs. Those that ended at once."""
