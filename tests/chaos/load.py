"""Callers: threads that submit without pause, remember every id they got a 202 for, and judge every answer."""

import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self

import requests

from tests.chaos.measures import now
from tests.support.sample_logs import HEALTHY, OOM, REFUSED, TRACE

TERMINAL = frozenset({"completed", "failed", "cancelled"})
#: A caller waits this long for an answer, and no promise holds if it must.
PATIENCE = 10.0
CALLERS = 6
#: Each waits for its results when it has this many to come.
MOST_OPEN = 25
LOGS = (OOM, REFUSED, TRACE, HEALTHY)
#: Who shall answer, and how often.
SOURCES = ("rules",) * 4 + ("local",) * 4 + ("auto",) * 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a caller saw. Status 0: the connection was refused or broke; -1: no answer in time."""

    at: float
    seconds: float
    status: int
    retry_after: bool
    problem: bool
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A 202."""

    id: int
    key: str
    source: str
    at: float


@dataclass
class Ledger:
    """What callers know."""

    accepted: list[Accepted] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    #: Id -> the end that a caller was told of.
    ended: dict[int, str] = field(default_factory=dict)
    #: What no caller should ever see.
    wrong: list[str] = field(default_factory=list)


class Load:
    """`with Load(url, key, seed) as load: …`: callers are at work while the block runs. `load.ledger` stays."""

    def __init__(self, url: str, api_key: str, seed: str, *, webhook: str, pause: float = 0.5) -> None:
        self.ledger = Ledger()
        self._url = f"{url}/api/v1/analyses"
        self._headers = {"X-API-Key": api_key}
        self._seed = seed
        self._pause = pause
        self._webhook = webhook
        #: While set, callers do not pause.
        self.hurry = threading.Event()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(number,), name=f"caller-{number}", daemon=True)
            for number in range(CALLERS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE * 2)

    def count(self) -> int:
        return len(self.ledger.accepted)

    def submit(self, session: requests.Session, body: dict, key: str) -> int | None:
        """Until it is accepted, or the load ends. The id."""
        while True:
            answer = self._ask(session, "POST", self._url, json=body, headers={"Idempotency-Key": key})
            if answer is not None and answer.status_code == 202:
                found = Accepted(id=answer.json()["id"], key=key, source=body["source"], at=now())
                self.ledger.accepted.append(found)
                return found.id
            if answer is not None and answer.status_code != 503:
                self.ledger.wrong.append(f"POST was answered {answer.status_code}: {answer.text[:300]}")
                return None
            if self._ended.wait(0.2):
                return None

    def _call(self, number: int) -> None:
        chance = random.Random(f"{self._seed}-{number}")
        open_: deque[int] = deque()
        count = 0
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(self._headers)
            while not self._ended.wait(0 if self.hurry.is_set() else chance.expovariate(1 / self._pause)):
                count += 1
                name = f"{self._seed}-{number}-{count}"
                body = self._body(chance, name)
                found = self.submit(session, body, name)
                if found is None:
                    continue
                open_.append(found)
                if chance.random() < 0.1:
                    self._submit_again(session, body, name, found)
                self._look_after(session, open_)

    def _body(self, chance: random.Random, name: str) -> dict:
        body: dict[str, object] = {
            "log_content": f"{chance.choice(LOGS)}2026-03-01T11:00:00Z ERROR request {name} failed\n",
            "source": chance.choice(SOURCES),
            "service_name": name,
            "cache": "off",
            "priority": chance.choice(("LOW", "NORMAL", "NORMAL", "HIGH", "CRITICAL")),
        }
        if chance.random() < 0.3:
            body["webhook_url"] = self._webhook
        return body

    def _submit_again(self, session: requests.Session, body: dict, key: str, found: int) -> None:
        """As one does whose first answer was lost."""
        again = self.submit(session, body, key)
        if again not in {None, found}:
            self.ledger.wrong.append(f"the key {key} was given to {found} and to {again}")

    def _look_after(self, session: requests.Session, open_: deque[int]) -> None:
        """The oldest once; when too many are open, until fewer are."""
        while True:
            self._look(session, open_[0])
            if open_[0] in self.ledger.ended:
                open_.popleft()
            if len(open_) < MOST_OPEN or self._ended.wait(0.1):
                return

    def _look(self, session: requests.Session, number: int) -> None:
        answer = self._ask(session, "GET", f"{self._url}/{number}")
        if answer is None or answer.status_code == 503:
            return
        if answer.status_code != 200:
            self.ledger.wrong.append(f"GET {number} was answered {answer.status_code}: {answer.text[:300]}")
            return
        status = answer.json()["status"]
        known = self.ledger.ended.get(number)
        if known and status != known:
            self.ledger.wrong.append(f"{number} was {known}, and then {status}")
        if status in TERMINAL:
            self.ledger.ended[number] = status

    def _ask(self, session: requests.Session, method: str, url: str, **more) -> requests.Response | None:
        began, clock = now(), time.monotonic()
        status, text, answer = 0, "", None
        try:
            answer = session.request(method, url, timeout=PATIENCE, **more)
            status, text = answer.status_code, answer.text
        except requests.Timeout:
            status = -1
        except requests.RequestException as error:
            text = type(error).__name__
        headers = answer.headers if answer is not None else {}
        self.ledger.answers.append(
            Answer(
                at=began,
                seconds=time.monotonic() - clock,
                status=status,
                retry_after="Retry-After" in headers,
                problem=headers.get("Content-Type", "").startswith("application/problem+json"),
                body="" if status < 400 else text[:2000],
            )
        )
        return answer
