"""What a case holds in its hands: the site, the model server, the load, chance, and the clock of its faults."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import psycopg2

from tests.chaos.heimdalls import Asker
from tests.chaos.invariants import KEY, count_in_logs, still_open
from tests.chaos.load import Load
from tests.chaos.measures import Fault, now
from tests.chaos.sites import Site, connect
from tests.support.model_behaviors import Behavior, answer
from tests.support.model_server import ModelServer
from tests.support.receivers import Receiver

_RECOVERED = f"""
    SELECT NOT EXISTS (SELECT FROM analysis_results r
            WHERE {KEY} LIKE %s AND created_at <= to_timestamp(%s)
                AND status NOT IN ('completed', 'failed', 'cancelled'))
        AND EXISTS (SELECT FROM analysis_results r
            WHERE {KEY} LIKE %s AND created_at > to_timestamp(%s) AND status = 'completed')
"""
#: As it stands in a log.
FENCED = '"write_refused"'
#: Seconds to wait for a recovery before the next fault; the checker judges afterwards.
_RECOVERY_SECONDS = 40.0
_LOOK_SECONDS = 0.1


@dataclass(kw_only=True)
class Arena:
    """One case at work."""

    name: str
    site: Site
    models: ModelServer
    receiver: Receiver
    load: Load
    chance: random.Random
    #: How long each log was when the case began.
    logged: dict[str, int]
    #: Heimdall, where there is one.
    asker: Asker | None = None
    faults: list[Fault] = field(default_factory=list)

    @contextmanager
    def fault(self, what: str, *, undo: Callable[[], object] = lambda: None) -> Iterator[None]:
        """The block does it; `undo` makes it good again, whatever becomes of the block."""
        began = now()
        try:
            yield
        finally:
            undo()
            self.faults.append(Fault(what=what, began=began, ended=now()))

    def for_a_while(self, seconds: float, do: Callable[[], object], undo: Callable[[], object]) -> None:
        """Done, and undone whatever happens meanwhile."""
        try:
            do()
            time.sleep(seconds)
        finally:
            undo()

    def at_random(self, low: float = 0.3, high: float = 1.5) -> None:
        """Let the load go on for a while."""
        time.sleep(self.chance.uniform(low, high))

    def again_and_again(self, times: int, what: str, do: Callable[[], object], *, burst: bool = False) -> None:
        """At random moments, each time after the recovery from the last. `burst`: with messages in the broker."""
        for _ in range(times):
            self.at_random()
            if burst:
                self.burst()
            with self.fault(what):
                do()
            self.recover()

    def open(self, name: str) -> bool:
        """Is that analysis of this case still open?"""
        return still_open(self.site.database_url, f"{self.name}-{name}") > 0

    def fenced(self) -> int:
        """Writes of zombies that were refused so far."""
        return count_in_logs(self.site.logs, self.logged, (FENCED,))[FENCED]

    def burst(self, seconds: float = 0.7) -> None:
        """More than can be worked on at once: messages wait in the broker afterwards."""
        self.load.hurry.set()
        time.sleep(seconds)
        self.load.hurry.clear()

    def recover(self) -> None:
        """Until all submitted before the last fault has ended and something submitted after it is completed."""
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while time.monotonic() < deadline and not self._has_recovered(self.faults[-1].ended):
            time.sleep(_LOOK_SECONDS)
        self.site.forgive()

    def _has_recovered(self, moment: float) -> bool:
        try:
            with closing(connect(self.site.database_url)) as connection, connection.cursor() as cursor:
                cursor.execute(_RECOVERED, (f"{self.name}-%", moment) * 2)
                recovered = bool(cursor.fetchone()[0])
        except psycopg2.OperationalError:  # it is what the fault was about
            return False
        return recovered and (self.asker is None or self.asker.has_recovered(moment))

    def models_do(self, choices: dict[Behavior, int]) -> None:
        """From now on each question meets one of these, as often as their weights say."""
        picks, weights = list(choices), list(choices.values())
        chance = random.Random(self.chance.random())

        def pick(exchange: object) -> None:
            chance.choices(picks, weights)[0](exchange)

        self.models.otherwise(pick)

    def models_answer(self) -> None:
        """Each answer takes about half a second."""
        self.models.otherwise(answer(pause=0.04))
