"""A Heimdall beside the callers of a case, and what must hold for what it asked."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka import Message

from tests.chaos.asking import PATIENCE, Diary, read
from tests.chaos.invariants import Verdict
from tests.chaos.sites import ROOT, connect
from tests.support.heimdall import POISON, Heimdall, header
from tests.support.stacks import environ
from tests.support.waiting import until
from tests.support.waves import answered_by, complaints

_DEAD = """
    SELECT count(*), count(DISTINCT (topic, partition, position)), count(DISTINCT key) FROM dead_letters
    WHERE key = ANY(%s) OR request_id = ANY(%s)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request: when it was asked and when its result was heard, in seconds since the epoch."""

    status: str
    created: float
    finished: float | None


class Asker:
    """`with Asker(directory, heimdall, name) as asker: …`: at work while the block runs, and until it heard of all."""

    def __init__(self, directory: Path, heimdall: Heimdall, name: str, *, patience: float = 20.0) -> None:
        self._directory = directory / name
        self._name = name
        self._environ = environ(directory) | {"PYTHONPATH": str(ROOT)}
        self._heimdall = heimdall
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self.arrived = False

    def __enter__(self) -> Self:
        self._directory.mkdir()
        argv = (sys.executable, "-P", "-m", "tests.chaos.asking", self._heimdall.bootstrap_servers)
        with (self._directory / "asking.log").open("ab") as output:
            self._process = subprocess.Popen(
                [*argv, str(self._directory), self._name], env=self._environ, stdout=output, stderr=output
            )
        try:
            until(lambda: read(self._directory).asked, timeout=20, what="the first request")
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.arrived = self._process.wait(2 * PATIENCE + 5) == 0
        self._process.kill()
        self._process.wait()

    def has_recovered(self, moment: float) -> bool:
        """All asked before was answered, and something asked after it."""
        diary = read(self._directory)
        old = {one for one, at in diary.asked.items() if at <= moment}
        return old <= diary.heard.keys() and bool(diary.heard.keys() - old)

    def asked(self) -> list[Asked]:
        """For the times of recovery."""
        diary = read(self._directory)
        return [
            Asked(status="completed" if one in diary.heard else "running", created=at, finished=diary.heard.get(one))
            for one, at in diary.asked.items()
        ]

    def judge(self, database_url: str, verdict: Verdict) -> list[str]:
        """One row for each, a result for each, every poison kept once, and the offsets at the end."""
        diary = read(self._directory)
        rows = Counter(row.request_id for row in verdict.rows if row.request_id in diary.asked)
        verdict.lost += len(diary.asked.keys() - rows.keys())
        verdict.doubled += sum(count - 1 for count in rows.values())
        verdict.missing += len(diary.asked.keys() - diary.heard.keys())
        broken = [] if self.arrived else ["Heimdall could not send everything, or did not end well"]
        broken += [f"{one} has {rows[one]} rows" for one in diary.asked if rows[one] != 1]
        broken += self._results(diary)
        broken += self._letters(diary)
        broken += self._letters_stored(diary, database_url)
        if not (diary.sent.requests and diary.sent.poison):
            broken.append("Heimdall asked nothing, or nothing poisonous")
        try:
            until(self._heimdall.all_committed, timeout=self._patience)
        except AssertionError:
            broken.append(f"offsets (committed, end) are {self._heimdall.committed()}")
        return broken

    def _results(self, diary: Diary) -> list[str]:
        wanted = diary.heard.keys()
        found = self._hear(self._heimdall.results, lambda heard: wanted <= {answered_by(one) for one in heard})
        return complaints(diary.sent, found)

    def _letters(self, diary: Diary) -> Iterator[str]:
        """Every poison, with its bytes and what is wrong with it."""
        poison = {key.encode(): (value, *POISON[kind][1:]) for key, (value, kind) in diary.sent.poison.items()}
        found = self._hear(self._heimdall.dead, lambda heard: poison.keys() <= {one.key() for one in heard})
        for one in found:
            what = one.value(), header(one, "bifrost.error.stage"), header(one, "bifrost.error.class")
            if one.key() in poison and what != poison[one.key()]:
                yield f"the dead letter {one.key()!r} says {what[1:]}, not {poison[one.key()][1:]}, or has other bytes"
        yield from (f"no dead letter {key!r}" for key in poison.keys() - {one.key() for one in found})

    def _hear(self, topic: str, enough: Callable[[list[Message]], bool]) -> list[Message]:
        """All there is; waits for a while until it is enough."""
        found: list[Message] = []

        def look(heard: list[Message]) -> bool:
            found[:] = heard
            return enough(heard)

        with suppress(AssertionError):
            self._heimdall.hear(topic, look, timeout=self._patience)
        return found

    def _letters_stored(self, diary: Diary, database_url: str) -> Iterator[str]:
        """Once for each place; and none for a good request."""
        with closing(connect(database_url)) as connection, connection.cursor() as cursor:
            keys = [key.encode() for key in diary.sent.poison]
            cursor.execute(_DEAD, (keys, list(diary.asked)))
            found = cursor.fetchone()
        if found != (len(keys),) * 3:
            yield f"{len(keys)} poison records became dead letters, places, keys: {found}"
