"""What the threads of a bridge tell each other: counts, and how far each partition is."""

import os
import secrets
import socket
import threading
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.records import BridgeState, PartitionState

#: Topic and number.
Place = tuple[str, int]


def bridge_name() -> str:
    """One for each process that ever runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


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
    #: Why nothing is read; empty while something is.
    pause: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    #: Assigned partitions, and the offset that is committed.
    _committed: dict[Place, int | None] = field(default_factory=dict)

    def assigned(self, places: list[Place]) -> None:
        """These came to this bridge."""
        with self._lock:
            for place in places:
                self._committed.setdefault(place, None)

    def revoked(self, places: list[Place]) -> None:
        """These went to another one."""
        with self._lock:
            for place in places:
                self._committed.pop(place, None)

    def committed(self, place: Place, offset: int) -> None:
        """The broker knows it."""
        with self._lock:
            if place in self._committed:
                self._committed[place] = offset

    def places(self) -> dict[Place, int | None]:
        """What is assigned, and committed of it."""
        with self._lock:
            return dict(self._committed)

    def state(self, ends: dict[Place, int]) -> BridgeState:
        """To be reported. `ends`: the next offset that each partition will get."""
        detail = self.trouble or self.pause or "reads and publishes"
        return BridgeState(
            name=self.name,
            started_at=self.started_at,
            connected=self.connected,
            reading=self.connected and not self.pause,
            detail=detail,
            received=self.received,
            accepted=self.accepted,
            known=self.known,
            dead=self.dead,
            published=self.published,
            partitions=tuple(
                PartitionState(
                    topic=topic,
                    partition=number,
                    committed=offset,
                    end=ends.get((topic, number)),
                    lag=_lag(offset, ends.get((topic, number))),
                    paused=bool(self.pause),
                )
                for (topic, number), offset in sorted(self.places().items())
            ),
        )


def _lag(committed: int | None, end: int | None) -> int | None:
    return None if committed is None or end is None else max(0, end - committed)
