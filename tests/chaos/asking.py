"""`python -m tests.chaos.asking BROKERS DIRECTORY NAME`: a Heimdall that asks all the time and listens to its results.

It writes down what it asks before it does, and what it heard, and when. On SIGTERM it asks no more, and ends when it
has heard of everything, or after a while.
"""

import base64
import json
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.records import Spelling
from tests.chaos.measures import now
from tests.support.heimdall import Heimdall
from tests.support.waves import Wave, answered_by, wave

ASKED, HEARD = "asked.jsonl", "heard.jsonl"
#: Seconds that the last results may take.
PATIENCE = 40.0
_PAUSE_SECONDS = 0.4
_MOST_AT_ONCE = 8
#: More than in life: a case is short.
_POISONED = 0.05


def main(brokers: str, directory: Path, name: str) -> int:
    """The process. 1: not everything reached the brokers."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    heimdall = Heimdall(bootstrap_servers=brokers)
    chance = random.Random(name)
    with (directory / ASKED).open("a", encoding="utf-8") as asked:
        listener = _Listener(heimdall, directory / HEARD)
        listener.start()
        number = 0
        while not ended.wait(chance.expovariate(1 / _PAUSE_SECONDS)):
            number += 1
            sent, records = wave(
                chance.randint(1, _MOST_AT_ONCE), chance, name=f"{name}-heimdall-{number}", poisoned=_POISONED
            )
            for line in _lines(sent):
                asked.write(f"{json.dumps(line)}\n")
            asked.flush()
            listener.wanted |= sent.requests.keys()
            heimdall.post(records)
        arrived = heimdall.flush(PATIENCE)
        listener.join(PATIENCE if arrived else 0)
    return 0 if arrived else 1


class _Listener(threading.Thread):
    """Until it has heard of everything that is wanted, after `join` was called."""

    def __init__(self, heimdall: Heimdall, file: Path) -> None:
        super().__init__(name="listener", daemon=True)
        self.wanted: set[str] = set()
        self._heimdall = heimdall
        self._file = file
        self._ends = float("inf")

    def join(self, timeout: float | None = None) -> None:
        self._ends = time.monotonic() + (timeout or 0)
        super().join((timeout or 0) + 1)

    def run(self) -> None:
        heard: set[str] = set()
        with self._file.open("a", encoding="utf-8") as file, self._heimdall.listening(self._heimdall.results) as topic:
            while time.monotonic() < self._ends:
                for message in topic.consume(100, 0.1):
                    request_id = "" if message.error() else answered_by(message)
                    if request_id and request_id not in heard:
                        heard.add(request_id)
                        file.write(f"{json.dumps({'request_id': request_id, 'at': now()})}\n")
                file.flush()
                if self._ends < float("inf") and self.wanted <= heard:
                    return


def _lines(sent: Wave) -> Iterator[dict[str, Any]]:
    at = now()
    for fields, spelling in sent.requests.values():
        kept = {name: fields[name] for name in ("request_id", "log_id", "correlation_id")}
        yield {"at": at, "fields": kept, "spelling": spelling.value}
    for key, (value, kind) in sent.poison.items():
        text = None if value is None else base64.b64encode(value).decode()
        yield {"at": at, "key": key, "poison": text, "kind": kind}


@dataclass(frozen=True, kw_only=True, slots=True)
class Diary:
    """What Heimdall wrote down."""

    sent: Wave
    #: Request id -> seconds since the epoch.
    asked: dict[str, float]
    heard: dict[str, float]


def read(directory: Path) -> Diary:
    """As far as it is written."""
    sent, asked = Wave(), {}
    for line in _written(directory / ASKED):
        if "poison" in line:
            value = None if line["poison"] is None else base64.b64decode(line["poison"])
            sent.poison[line["key"]] = value, line["kind"]
            continue
        request_id = line["fields"]["request_id"]
        sent.requests[request_id] = line["fields"], Spelling(line["spelling"])
        asked[request_id] = line["at"]
    heard = {line["request_id"]: line["at"] for line in _written(directory / HEARD)}
    return Diary(sent=sent, asked=asked, heard={one: at for one, at in heard.items() if one in asked})


def _written(file: Path) -> Iterator[dict[str, Any]]:
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):  # it may just be writing
                yield json.loads(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
