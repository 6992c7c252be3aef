"""Waits for the end of analyses: many requests, one thread that looks, no database connection held."""

import threading
from collections import defaultdict
from collections.abc import Sequence

import structlog

from app.domain.analyses import TERMINAL, Analysis
from app.domain.errors import Unavailable
from app.domain.ports import Clock
from app.domain.storage_ports import UnitOfWork
from app.services.analyses import Analyses

log = structlog.get_logger(__name__)

#: Seconds between two looks: one small statement for all that is waited for in this process.
_LOOK_SECONDS = 0.1
#: The same while the database is away.
_AWAY_SECONDS = 1.0


class Waiting:
    """Wait. At most `room` requests at a time do; one more gets its answer as it stands."""

    def __init__(self, unit_of_work: UnitOfWork, analyses: Analyses, *, room: int, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._analyses = analyses
        self._clock = clock
        self._room = threading.Semaphore(room)
        self._lock = threading.Lock()
        #: What is waited for, and who waits.
        self._bells: defaultdict[int, set[threading.Event]] = defaultdict(set)
        self._looking = False
        self._closed = False

    def until_ended(self, analysis: Analysis, timeout: float) -> Analysis:
        """The analysis when it has ended, or as it stands after `timeout` seconds.

        Raises `AnalysisNotFound` when it was deleted meanwhile, `StorageUnavailable`.
        """
        if analysis.status in TERMINAL or timeout <= 0 or not self._room.acquire(blocking=False):
            return analysis
        try:
            self._wait(analysis.id, timeout)
        finally:
            self._room.release()
        return self._analyses.get(analysis.project_id, analysis.id)

    def close(self) -> None:
        """Let everybody go, within a moment. Safe in a signal's handler: nothing is locked."""
        self._closed = True

    def _wait(self, analysis_id: int, timeout: float) -> None:
        bell = threading.Event()
        with self._lock:
            self._bells[analysis_id].add(bell)
            begin = not self._looking
            self._looking = True
        if begin:
            # while somebody waits, and not longer: a process that only accepts has no such thread
            threading.Thread(target=self._look_on, name="waiting", daemon=True).start()
        try:
            bell.wait(timeout)
        finally:
            self._leave(analysis_id, bell)

    def _leave(self, analysis_id: int, bell: threading.Event) -> None:
        with self._lock:
            bells = self._bells.get(analysis_id, set())
            bells.discard(bell)
            if not bells:
                self._bells.pop(analysis_id, None)

    def _look_on(self) -> None:
        while True:
            with self._lock:
                waited_for = list(self._bells)
                if not waited_for:
                    self._looking = False
                    return
            self._clock.sleep(self._look(waited_for))

    def _look(self, waited_for: Sequence[int]) -> float:
        """Ring for what has ended; how long to pause."""
        ended, pause = (waited_for, _LOOK_SECONDS) if self._closed else self._ended(waited_for)
        with self._lock:
            for analysis_id in ended:
                for bell in self._bells.get(analysis_id, ()):
                    bell.set()
        return pause

    def _ended(self, waited_for: Sequence[int]) -> tuple[Sequence[int], float]:
        """Nothing while the database is away: whoever waits is answered when his time is over."""
        try:
            with self._unit_of_work.single() as tx:
                return tx.analyses.ended(waited_for), _LOOK_SECONDS
        except Unavailable:
            return (), _AWAY_SECONDS
        except Exception:
            log.exception("waiting_failed")
            return (), _AWAY_SECONDS
