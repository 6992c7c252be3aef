"""What the threads of a bridge tell each other: counts, and how far each partition is."""

import os
import secrets
import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.records import BridgeState, PartitionState

#: Topic and number.
Place = tuple[str, int]


def bridge_name() -> str:
    """One for each process that ever runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Of one partition: the first offset that is not committed, and the one that the next record will get."""

    committed: int
    end: int


@dataclass(kw_only=True, slots=True)
class Tally:
    """Written by the thread that knows, read by the one that reports."""

    name: str
    started_at: datetime
    received: int = 0
    accepted: int = 0
    known: int = 0
    dead: int = 0
    published: int = 0
    #: Clients that asked to be taken into the group, one after the other.
    joins: int = 0
    #: The brokers answer, and the topics are there.
    connected: bool = False
    #: What is wrong with that; empty when nothing is.
    trouble: str = "has not reached Kafka yet"
    #: Why the group does not take this bridge; empty when it does.
    refusal: str = ""
    #: Why nothing is read; empty while something is.
    pause: str = ""
    #: When the partitions that nobody holds were seen first, by the monotonic clock; None: each is held.
    unheld_since: float | None = None
    _unheld: tuple[Place, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _assigned: set[Place] = field(default_factory=set)

    def assigned(self, places: list[Place]) -> None:
        """These came to this bridge."""
        with self._lock:
            self._assigned.update(places)

    def revoked(self, places: list[Place]) -> None:
        """These went to another one."""
        with self._lock:
            self._assigned.difference_update(places)

    def places(self) -> list[Place]:
        """What is assigned."""
        with self._lock:
            return sorted(self._assigned)

    def saw_unheld(self, places: Iterable[Place], now: float) -> None:
        """No live bridge holds these; `now` in seconds of the monotonic clock."""
        self._unheld = tuple(sorted(places))
        if not self._unheld:
            self.unheld_since = None
        elif self.unheld_since is None:
            self.unheld_since = now

    def unheld(self) -> list[Place]:
        """What no live bridge holds."""
        return list(self._unheld)

    def state(self, progress: Mapping[Place, Progress], now: float = 0.0) -> BridgeState:
        """To be reported; where there is no progress, it is not known now."""
        places, unheld, since = self.places(), self._unheld, self.unheld_since
        does = "reads and publishes" if places else "connected, without partitions"
        detail = self.trouble or self.refusal or self.pause or does
        return BridgeState(
            name=self.name,
            started_at=self.started_at,
            connected=self.connected and not self.refusal,
            reading=bool(places) and self.connected and not self.refusal and not self.pause,
            detail=detail,
            received=self.received,
            accepted=self.accepted,
            known=self.known,
            dead=self.dead,
            published=self.published,
            partitions=tuple(_partition(one, progress.get(one), paused=bool(self.pause)) for one in places),
            unheld=tuple(_partition(one, progress.get(one), paused=False) for one in unheld),
            unheld_seconds=0.0 if since is None else max(0.0, now - since),
        )


def _partition(place: Place, progress: Progress | None, *, paused: bool) -> PartitionState:
    return PartitionState(
        topic=place[0],
        partition=place[1],
        committed=None if progress is None else progress.committed,
        end=None if progress is None else progress.end,
        lag=None if progress is None else max(0, progress.end - progress.committed),
        paused=paused,
    )
