"""The main job over the real processes: many submissions at once, and single ones on an idle machine."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg2

from app.stack import Stack
from tests.bench.measures import Measure, latencies
from tests.support.sample_logs import OOM

ENDED = """SELECT id, extract(epoch FROM finished_at)::float8, extract(epoch FROM started_at - created_at)::float8,
        status
    FROM analysis_results WHERE service_name = %s AND finished_at IS NOT NULL"""
PATIENCE_SECONDS = 300.0
#: A one-kilobyte log is the usual size of a tail somebody pastes; each is different, so that nothing is cached.
PADDING = "".join(f"2026-03-01T10:00:{second:02}Z INFO  api GET /orders 200\n" for second in range(12))


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """One submission: when the request began (seconds since the epoch), and how long it took."""

    analysis_id: int
    began: float
    seconds: float


class Door:
    """One keep-alive connection to the API."""

    def __init__(self, stack: Stack) -> None:
        address = urlsplit(stack.state.url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        self._headers = {"X-API-Key": stack.state.api_key, "Content-Type": "application/json"}

    def submit(self, service: str, mark: str) -> Accepted:
        """Raises AssertionError unless it is accepted."""
        fields = {"log_content": f"{PADDING}{OOM}{mark}\n", "source": "rules", "service_name": service, "cache": "off"}
        body = json.dumps(fields)
        began, tick = time.time(), time.perf_counter()  # noqa: TID251 - compared with the database's time
        self._connection.request("POST", "/api/v1/analyses", body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        seconds = time.perf_counter() - tick
        assert response.status == 202, answer
        return Accepted(analysis_id=json.loads(answer)["id"], began=began, seconds=seconds)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def crowd(stack: Stack, *, count: int, clients: int) -> list[Measure]:
    """`count` submissions from `clients` at once, and all of their results."""
    ready = threading.Barrier(clients + 1)

    def client(number: int) -> list[Accepted]:
        share = range(number, count, clients)
        with closing(Door(stack)) as door:
            door.submit("warm-up", f"{number}")
            ready.wait()
            return [door.submit("crowd", f"{each}") for each in share]

    with ThreadPoolExecutor(clients) as pool:
        shares = [pool.submit(client, number) for number in range(clients)]
        ready.wait()
        began = time.perf_counter()
        accepted = [one for share in shares for one in share.result()]
        submitting = time.perf_counter() - began
    ended = _ended(stack, "crowd", count)
    finishing = max(row[0] for row in ended.values()) - min(one.began for one in accepted)
    group = f"{count} analyses from {clients} clients"
    through = [ended[one.analysis_id][0] - one.began for one in accepted]
    return [
        Measure(group=group, name="submissions accepted", value=count / submitting, unit="1/s"),
        *latencies(group, "submit", [one.seconds for one in accepted]),
        Measure(group=group, name="analyses completed", value=count / finishing, unit="1/s"),
        *latencies(group, "submit to completed", through),
    ]


def single(stack: Stack, *, count: int) -> list[Measure]:
    """One after the other, each when the one before has ended."""
    with closing(Door(stack)) as door:
        accepted = []
        for number in range(count):
            accepted.append(door.submit("single", f"{number}"))
            _ended(stack, "single", number + 1)
    ended = _ended(stack, "single", count)
    group = f"{count} analyses one by one"
    return [
        *latencies(group, "submit", [one.seconds for one in accepted]),
        *latencies(group, "accepted to running", [row[1] for row in ended.values()]),
        *latencies(group, "submit to completed", [ended[one.analysis_id][0] - one.began for one in accepted]),
    ]


def _ended(stack: Stack, service: str, count: int) -> dict[int, tuple[float, float]]:
    """Id -> (time of its end, seconds it waited), once there are `count` of them."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with _cursor(stack) as cursor:
        while True:
            cursor.execute(ENDED, (service,))
            rows = cursor.fetchall()
            if len(rows) >= count:
                break
            assert time.monotonic() < deadline, f"{len(rows)} of {count} have ended"
            time.sleep(0.02)
    assert {row[3] for row in rows} == {"completed"}
    return {row[0]: (row[1], row[2]) for row in rows}


@contextmanager
def _cursor(stack: Stack) -> Iterator[psycopg2.extensions.cursor]:
    with closing(psycopg2.connect(stack.state.database_url.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
