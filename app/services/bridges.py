"""How the bridges to Kafka are, for people and for readiness."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.ports import Health
from app.domain.records import BridgeState
from app.domain.storage_ports import UnitOfWork

#: A bridge speaks every two seconds; one that is silent for this long is gone, or cannot reach the database.
SILENT_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class BridgesStatus:
    """All of them, and what they still have to do: events to publish, dead records to take in again.

    `dead` will never be published by itself.
    """

    configured: bool
    ok: bool
    detail: str
    bridges: Sequence[BridgeState]
    waiting: int
    dead: int
    replays: int


class Bridges:
    """Report and tell. Everything but `health` raises `StorageUnavailable`."""

    def __init__(self, unit_of_work: UnitOfWork, *, configured: bool, session_timeout: float = 30.0) -> None:
        self._unit_of_work = unit_of_work
        self._configured = configured
        self._session_timeout = session_timeout

    def report(self, state: BridgeState) -> None:
        """A bridge speaks of itself."""
        with self._unit_of_work() as tx:
            tx.bridges.report(state)

    def leave(self, name: str) -> None:
        """A bridge has ended in order."""
        with self._unit_of_work() as tx:
            tx.bridges.leave(name)

    def states(self) -> Sequence[BridgeState]:
        """Those that run, by name."""
        with self._unit_of_work() as tx:
            return tx.bridges.list(silent=SILENT_SECONDS)

    def status(self) -> BridgesStatus:
        """How they are."""
        with self._unit_of_work() as tx:
            states = tx.bridges.list(silent=SILENT_SECONDS)
            waiting, dead = tx.events.waiting()
            replays = tx.dead_records.waiting()
        ok, detail = self._judged(states)
        return BridgesStatus(
            configured=self._configured,
            ok=ok,
            detail=detail,
            bridges=states,
            waiting=waiting,
            dead=dead,
            replays=replays,
        )

    def health(self) -> Health:
        """For readiness: one bridge that reaches Kafka is enough, when each partition is held."""
        ok, detail = self._judged(self.states())
        return Health(name="heimdall", ok=ok, detail=detail, optional=not self._configured)

    def _judged(self, states: Sequence[BridgeState]) -> tuple[bool, str]:
        connected = [one for one in states if one.connected]
        if connected:
            return self._told(connected)
        if states:
            return False, states[0].detail
        if not self._configured:
            return True, "no Kafka is configured"
        return False, "no bridge runs: start one with `bifrost-cli bridge`"

    def _told(self, connected: Sequence[BridgeState]) -> tuple[bool, str]:
        """A bridge without partitions is fine while others hold them; what nobody holds for long is not."""
        held = {(part.topic, part.partition) for one in connected for part in one.partitions}
        unheld = {
            (part.topic, part.partition): part
            for one in connected
            for part in one.unheld
            if (part.topic, part.partition) not in held
        }
        parts = [*(part for one in connected for part in one.partitions), *unheld.values()]
        without = sum(not one.partitions for one in connected)
        told = [
            f"{len(connected)} connected",
            f"{sum(one.reading for one in connected)} reading",
            f"{sum(part.lag or 0 for part in parts)} records behind",
            *([f"{without} without partitions"] if without else []),
            *([f"{len(unheld)} partitions of the requests held by no bridge"] if unheld else []),
        ]
        seconds = max((one.unheld_seconds for one in connected if one.unheld), default=0.0)
        return not unheld or seconds <= self._session_timeout, ", ".join(told)
