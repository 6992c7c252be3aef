"""Keys remembered for a few seconds: one is asked for with every request."""

from dataclasses import dataclass

from app.domain.keys import ApiKey
from app.domain.ports import Clock
from app.domain.storage_ports import UnitOfWork

#: A revoked key stops working everywhere within this many seconds, and a changed limit holds.
REMEMBER_SECONDS = 3.0
_REMEMBER_KEYS = 1000
#: Seconds between two notes that a key was used.
_TOUCH_SECONDS = 60.0


@dataclass(kw_only=True, slots=True)
class KnownKey:
    """A key as it was read `since`; its use was last noted down when it was `touched` (both on the process's clock)."""

    key: ApiKey
    since: float
    touched: float | None


class KnownKeys:
    """What this process remembers of the store's keys."""

    def __init__(self, unit_of_work: UnitOfWork, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._known: dict[str, KnownKey] = {}

    def find(self, prefix: str) -> KnownKey | None:
        """From memory, else from the store."""
        now = self._clock.monotonic()
        known = self._known.get(prefix)
        if known and now - known.since < REMEMBER_SECONDS:
            return known
        with self._unit_of_work.single() as tx:
            key = tx.keys.find(prefix)
        if key is None:
            self.forget(prefix)
            return None
        if len(self._known) >= _REMEMBER_KEYS:
            self._known.clear()
        found = self._known[prefix] = KnownKey(key=key, since=now, touched=known.touched if known else None)
        return found

    def forget(self, prefix: str) -> None:
        """It was changed here: read it anew."""
        self._known.pop(prefix, None)

    def touch(self, known: KnownKey) -> None:
        """Note its use down, once a minute in each process; the store writes once a minute for all of them."""
        now = self._clock.monotonic()
        if known.touched is None or now - known.touched >= _TOUCH_SECONDS:
            known.touched = now
            with self._unit_of_work.single() as tx:
                tx.keys.touch(known.key.prefix)
