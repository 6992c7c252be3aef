"""What the threads of a bridge tell each other: counts, and how far each partition is."""

import os
import secrets
import socket
import threading
from collections.abc import Mapping
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
    #: The brokers answer, and the topics are there.
    connected: bool = False
    #: What is wrong with that; empty when nothing is.
    trouble: str = "has not reached Kafka yet"
    #: Why the group does not take this bridge; empty when it does.
    refusal: str = ""
    #: Why nothing is read; empty while something is.
    pause: str = ""
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

    def state(self, progress: Mapping[Place, Progress]) -> BridgeState:
        """To be reported; where there is no progress, it is not known now."""
        detail = self.trouble or self.refusal or self.pause or "reads and publishes"
        return BridgeState(
            name=self.name,
            started_at=self.started_at,
            connected=self.connected and not self.refusal,
            reading=self.connected and not self.refusal and not self.pause,
            detail=detail,
            received=self.received,
            accepted=self.accepted,
            known=self.known,
            dead=self.dead,
            published=self.published,
            partitions=tuple(self._partition(place, progress.get(place)) for place in self.places()),
        )

    def _partition(self, place: Place, progress: Progress | None) -> PartitionState:
        return PartitionState(
            topic=place[0],
            partition=place[1],
            committed=None if progress is None else progress.committed,
            end=None if progress is None else progress.end,
            lag=None if progress is None else max(0, progress.end - progress.committed),
            paused=bool(self.pause),
        )
