"""The sockets that only the bridge to Kafka needs; `app.domain.storage_ports.Transaction` has them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from app.domain.dead_letters import Autopsy, DeadLetter, DeadLetterFilter
from app.domain.records import BridgeState, DeadRecord, Entered, Entry, Event, EventOutcome, Lane, Revived


class Intake(Protocol):
    """Many submissions at once."""

    def project(self, name: str) -> int:
        """The id of a project; made when it is new."""

    def add_all(self, entries: Sequence[Entry], lane: Lane) -> Sequence[Entered]:
        """Store them in a few statements; what became of each. Their idempotency keys differ."""

    def board(self, cache_keys: Sequence[str]) -> None:
        """Until the transaction ends, nobody else submits any of these: before several `add_all`, all of theirs."""

    def open_work(self, limit: int) -> int:
        """Analyses that wait for a worker; counted up to `limit`."""

    def apart(self) -> AbstractContextManager[None]:
        """What fails in the block is undone, and nothing before it. Raises what the block raises."""


class DeadRecords(Protocol):
    """Records that could not be accepted, with their bytes."""

    def bury(self, letters: Sequence[DeadRecord], *, project_id: int, topic: str) -> int:
        """Store them, and announce each to `topic`; how many were not known before."""

    def wanted(self, *, limit: int) -> Sequence[Revived]:
        """Those that somebody wants to go again; locked until the transaction ends."""

    def waiting(self) -> int:
        """How many wait for a bridge to take them in again."""

    def rise(self, letter_id: int, analysis_id: int) -> None:
        """It was accepted: no dead letter any more."""

    def fall(self, letter_id: int, letter: DeadRecord, *, topic: str) -> None:
        """It failed again: announced once more."""

    def list(self, wanted: DeadLetterFilter) -> Sequence[DeadLetter]:
        """Latest failure first, at most `limit + 1`: the extra one tells that there are more."""

    def get(self, project_id: int, letter_id: int) -> Autopsy | None:
        """One of a project, with its record."""

    def want(self, project_id: int, letter_id: int) -> None:
        """It shall go again: a bridge takes it from here."""

    def want_all(self, wanted: DeadLetterFilter, *, max_replays: int) -> int:
        """The oldest `limit` of them that may; how many."""

    def discard(self, project_id: int, letter_id: int) -> bool:
        """Show it no more. False: it is none."""

    def delete(self, *, older_than: float, limit: int) -> int:
        """Of those that failed, or were accepted, so many seconds ago, some; how many."""


class Events(Protocol):
    """What is still to be published to Kafka. Marks are fenced by the claim; the database's clock decides."""

    def claim(self, *, owner: str, lease: float, limit: int) -> Sequence[Event]:
        """What is due, oldest first; of a key several at a time, and none behind one that waits."""

    def settle(self, outcomes: Sequence[EventOutcome], *, owner: str) -> int:
        """Mark what became of them; how many claims were still this owner's."""

    def release(self, events: Sequence[Event], *, owner: str) -> None:
        """They were not published: due again at once, and the attempt does not count."""

    def extend(self, events: Sequence[Event], *, owner: str, lease: float) -> None:
        """They are still being published."""

    def waiting(self) -> tuple[int, int]:
        """How many are still to be published, and how many never will be."""


class Bridges(Protocol):
    """What the bridges say of themselves."""

    def report(self, state: BridgeState) -> None:
        """Remember it, and forget those that have been silent for an hour."""

    def leave(self, name: str) -> None:
        """It has ended in order."""

    def list(self, *, silent: float) -> Sequence[BridgeState]:
        """Those that said something within so many seconds, by name."""
