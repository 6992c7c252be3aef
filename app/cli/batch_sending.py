"""Sends the files of a directory as batches, several at a time, and waits for them. Nothing is done twice."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import orjson

from app.cli.connection import connect
from app.cli.exits import Stop
from app.cli.inputs import Log, Place, read
from app.client import ApiError, Client, NewItem, RemoteAnalysis, RemoteBatch, SubmitOptions
from app.clock import SystemClock

#: Of one call: a server takes more, but whoever interrupts us should not lose much.
MOST_FILES = 50
MOST_BYTES = 4 * 1024 * 1024
_ITEM = re.compile(r"items\.(\d+)(?:\.|$)")
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0


@dataclass(kw_only=True, slots=True)
class File:
    """A file and what became of it: a `trouble`, an analysis, or neither yet."""

    name: str
    trouble: str | None = None
    analysis: RemoteAnalysis | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ready:
    file: File
    item: NewItem
    size: int


@dataclass(kw_only=True)
class Sending:
    """`anew`: what makes the keys of this run unlike those of every other; empty: known logs are not sent again."""

    options: SubmitOptions
    concurrency: int
    anew: str
    #: Told how many files are on the server, and how many of these have ended.
    tell: Callable[[int, int], None]
    files: list[File] = field(default_factory=list)
    #: Batch -> its files by their `custom_id`.
    accepted: dict[int, dict[str, File]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _own: threading.local = field(default_factory=threading.local)

    def send(self, places: Iterable[Place], below: str) -> None:
        """Read and send all. Raises what concerns every file."""
        with ThreadPoolExecutor(self.concurrency) as threads:
            open_: set[Future[None]] = set()
            try:
                for ready in _gathered(self._readable(places, below)):
                    # no more in memory than is on its way
                    while len(open_) >= self.concurrency:
                        open_ = self._some(open_)
                    open_.add(threads.submit(self._post, ready))
                while open_:
                    open_ = self._some(open_)
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def wait(self, timeout: float) -> bool:
        """Until all have ended, and their results are here. False: not within `timeout` seconds."""
        clock = SystemClock()
        until = clock.monotonic() + timeout
        client, pause = self._client(), _FIRST_PAUSE
        states: dict[int, RemoteBatch] = {}
        left = sorted(self.accepted)
        while left:
            for number in left:
                states[number] = client.batches.get(number)
                if states[number].finished:
                    self._take(client, number)
            left = [number for number in left if not states[number].finished]
            self.tell(self._count(), sum(state.ended for state in states.values()))
            if left:
                if clock.monotonic() + pause > until:
                    return False
                clock.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        return True

    def _some(self, open_: set[Future[None]]) -> set[Future[None]]:
        done, rest = wait(open_, return_when=FIRST_COMPLETED)
        for one in done:
            one.result()
        self.tell(self._count(), 0)
        return rest

    def _readable(self, places: Iterable[Place], below: str) -> Iterator[_Ready]:
        asked = orjson.dumps(self.options, option=orjson.OPT_SORT_KEYS)
        for number, place in enumerate(places):
            file = File(name=place.name.removeprefix(below))
            self.files.append(file)
            try:
                log = read(place)
            except Stop as error:
                file.trouble = error.format_message().removeprefix(f"{place.name}: ")
                continue
            if log is not None:
                yield _Ready(file=file, item=self._item(number, file, log, asked), size=len(log.data))

    def _item(self, number: int, file: File, log: Log, asked: bytes) -> NewItem:
        name = file.name.encode(errors="surrogateescape")
        parts = (self.anew.encode(), name, hashlib.sha256(log.data).digest(), asked)
        key = hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).hexdigest()
        # names that no custom_id may have still need to be told apart
        sane = file.name.isprintable() and len(file.name) <= 200 and file.name.strip() == file.name
        return NewItem(
            custom_id=file.name if sane else f"file {number + 1}", log=log.data, idempotency_key=f"batch-{key}"
        )

    def _post(self, ready: Sequence[_Ready]) -> None:
        """Without those that the server does not take; in halves when they are too many for one call."""
        try:
            batch = self._client().batches.submit([one.item for one in ready], self.options)
        except ApiError as error:
            bad = _named(error, len(ready))
            if bad:
                for number, why in bad.items():
                    ready[number].file.trouble = why
                rest = [one for number, one in enumerate(ready) if number not in bad]
                if rest:
                    self._post(rest)
            elif error.status == 413 or any(one.field == "items" for one in error.errors):
                self._divide(ready, error)
            else:
                raise
        else:
            with self._lock:
                self.accepted[batch.id] = {one.item.custom_id: one.file for one in ready}

    def _divide(self, ready: Sequence[_Ready], error: ApiError) -> None:
        if len(ready) == 1:
            ready[0].file.trouble = error.detail
            return
        middle = len(ready) // 2
        self._post(ready[:middle])
        self._post(ready[middle:])

    def _take(self, client: Client, number: int) -> None:
        for result in client.batches.results(number):
            file = self.accepted[number].get(result.custom_id)
            if file is not None:
                file.analysis = result.analysis

    def _count(self) -> int:
        with self._lock:
            return sum(len(files) for files in self.accepted.values())

    def _client(self) -> Client:
        """One for each thread."""
        client: Client | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = connect()
        return client


def _gathered(ready: Iterable[_Ready]) -> Iterator[list[_Ready]]:
    """As many as go in one call; a large one goes alone."""
    some: list[_Ready] = []
    size = 0
    for one in ready:
        if some and (len(some) >= MOST_FILES or size + one.size > MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(one)
        size += one.size
    if some:
        yield some


def _named(error: ApiError, count: int) -> dict[int, str]:
    """Item -> what is wrong with it, when it is about single items."""
    found: dict[int, str] = {}
    for one in error.errors:
        place = _ITEM.match(one.field)
        if place and int(place[1]) < count:
            found.setdefault(int(place[1]), one.message)
    return found
