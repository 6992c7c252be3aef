"""What must hold after every case, whatever was done: one checker for all."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.failpoints import MARK
from tests.chaos.load import PATIENCE, Ledger
from tests.chaos.sites import MAX_ATTEMPTS, connect

#: Of an analysis `r`: begins with the name of its case. Heimdall's keys are its request ids.
KEY = "CASE r.callback->>'kind' WHEN 'kafka' THEN r.correlation_id ELSE r.idempotency_key END"
#: One row for each analysis of a case: those a caller knows of, and those whose 202 was lost.
_ROWS = f"""
    SELECT r.id, {KEY}, r.status, r.epoch, r.attempt, r.source,
        r.callback IS NOT NULL AND coalesce(r.callback->>'kind', '') <> 'kafka',
        r.diagnosis IS NOT NULL AND r.response IS NOT NULL, r.error IS NOT NULL, r.lease_until IS NOT NULL,
        extract(epoch FROM r.created_at), extract(epoch FROM r.finished_at), r.cached_from IS NOT NULL, r.degraded,
        (SELECT coalesce(json_agg(json_build_array(a.epoch, a.stage, a.outcome, a.ended_at IS NOT NULL)
            ORDER BY a.epoch), '[]') FROM analysis_attempts a WHERE a.analysis_id = r.id),
        (SELECT count(*) FROM outbox o WHERE o.analysis_id = r.id),
        EXISTS (SELECT FROM analysis_preparations p WHERE p.analysis_id = r.id),
        r.error->>'code', r.request_id
    FROM analysis_results r WHERE {KEY} LIKE %s ORDER BY r.id
"""
_DEAD_LEASES = "SELECT count(*) FROM analysis_results WHERE status = 'running' AND lease_until < now() - interval '5 s'"
_OPEN = f"""
    SELECT count(*) FROM analysis_results r
    WHERE {KEY} LIKE %s AND status NOT IN ('completed', 'failed', 'cancelled')
"""
_EVENTS = "SELECT count(*) - count(DISTINCT event_id) FROM outbox"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """An analysis as it is in the database."""

    id: int
    key: str
    status: str
    epoch: int
    attempt: int
    source: str
    told: bool
    has_result: bool
    has_error: bool
    has_lease: bool
    created: float
    finished: float | None
    cached: bool
    degraded: bool
    attempts: tuple[tuple[int, str, str | None, bool], ...]
    events: int
    prepared: bool
    error: str | None
    request_id: str | None

    @property
    def ended(self) -> bool:
        return self.status in {"completed", "failed", "cancelled"}


@dataclass
class Verdict:
    """What was found. Everything in `broken` breaks a promise."""

    rows: list[Row]
    lost: int = 0
    stuck: int = 0
    doubled: int = 0
    #: Ends that nobody was told of who wanted to be.
    missing: int = 0
    #: Model calls, and attempts that a dead or frozen worker lost.
    calls: int = 0
    lost_attempts: int = 0
    broken: list[str] = field(default_factory=list)


def rows_of(database_url: str, prefix: str) -> list[Row]:
    """All analyses of a case."""
    with closing(connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(_ROWS, (f"{prefix}-%",))
        return [_row(found) for found in cursor.fetchall()]


def still_open(database_url: str, prefix: str) -> int:
    """How many of those whose keys begin so have not ended."""
    with closing(connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(_OPEN, (f"{prefix}%",))
        return int(cursor.fetchone()[0])


def wait_ended(database_url: str, prefix: str, *, timeout: float) -> None:
    """Until all have, or for `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while still_open(database_url, prefix) and time.monotonic() < deadline:
        time.sleep(0.1)


def check(database_url: str, prefix: str, ledger: Ledger, requests: Sequence[Any]) -> Verdict:
    """Everything but the answers and the processes. `requests`: what the model server was asked during the case."""
    verdict = Verdict(rows=rows_of(database_url, prefix))
    _check_ledger(verdict, ledger)
    for row in verdict.rows:
        _check_row(verdict, row)
    _check_calls(verdict, requests)
    with closing(connect(database_url)) as connection, connection.cursor() as cursor:
        for statement, what in ((_DEAD_LEASES, "runs with a dead lease"), (_EVENTS, "events share an event_id")):
            cursor.execute(statement)
            if count := cursor.fetchone()[0]:
                verdict.broken.append(f"{count} × {what}")
    return verdict


def check_answers(ledger: Ledger, *, may_be_away: bool) -> list[str]:
    """Only 2xx, 4xx and 503 problems with `Retry-After`, within ten seconds, and never a stack trace."""
    broken = list(ledger.wrong)
    for answer in ledger.answers:
        if answer.seconds > PATIENCE or answer.status < 0:
            broken.append(f"an answer took {answer.seconds:.1f} s (status {answer.status})")
        elif answer.status == 0 and not may_be_away:
            broken.append(f"a connection was refused or broke: {answer.body}")
        elif answer.status >= 500 and (answer.status != 503 or not answer.retry_after or not answer.problem):
            broken.append(f"an answer was {answer.status}, Retry-After {answer.retry_after}: {answer.body[:200]}")
        elif "Traceback" in answer.body:
            broken.append(f"an answer held a stack trace: {answer.body[:200]}")
    return broken


def _check_ledger(verdict: Verdict, ledger: Ledger) -> None:
    by_id = {row.id: row for row in verdict.rows}
    for accepted in {one.id: one for one in ledger.accepted}.values():
        row = by_id.get(accepted.id)
        if row is None or row.key != accepted.key:
            verdict.lost += 1
            verdict.broken.append(f"{accepted.id} was accepted and is not there")
        elif (told := ledger.ended.get(accepted.id)) and told != row.status:
            verdict.broken.append(f"{accepted.id} was {told} to a caller and is {row.status}")
    again = [key for key, count in Counter(row.key for row in verdict.rows).items() if count > 1]
    verdict.doubled += len(again)
    verdict.broken += [f"the key {key} has several analyses" for key in again]


def _check_row(verdict: Verdict, row: Row) -> None:
    def broken(what: str) -> None:
        verdict.broken.append(f"{row.id} ({row.status}, epoch {row.epoch}): {what}: {row.attempts}")

    if not row.ended:
        verdict.stuck += 1
        broken("has not ended")
        return
    endings = [epoch for epoch, _, outcome, _ in row.attempts if outcome == "completed"]
    if len(endings) > 1:
        verdict.doubled += 1
        broken("ended more than once")
    conditions = {
        "its result is not that of its last epoch": row.status == "completed" and endings != [row.epoch],
        "it has a result and is not completed": row.has_result != (row.status == "completed"),
        "it failed and does not say why": row.status == "failed" and not row.has_error,
        "it ended and is leased": row.has_lease,
        "too many attempts": row.attempt > MAX_ATTEMPTS,
        "an epoch has no attempt, or an attempt no epoch": [one[0] for one in row.attempts]
        != list(range(1, row.epoch + 1)),
        "an attempt has not ended": not all(one[3] for one in row.attempts),
        "its prepared log is still there": row.prepared,
        "nobody is told of its end": row.told and row.events == 0,
    }
    for what, is_so in conditions.items():
        if is_so and not row.cached:
            broken(what)
    verdict.lost_attempts += sum(one[2] == "lost" for one in row.attempts)


def _check_calls(verdict: Verdict, requests: Sequence[Any]) -> None:
    """No attempt asks the same model twice: nothing the model server says in these cases deserves a second question."""
    known = {row.id: row for row in verdict.rows}
    asked: Counter[tuple[int, int, str]] = Counter()
    for request in requests:
        mark = MARK.search(json.dumps(request.body))
        if mark and int(mark[1]) in known:
            asked[int(mark[1]), int(mark[2]), request.path] += 1
    verdict.calls = asked.total()
    for (number, epoch, path), count in asked.items():
        if count > 1:
            verdict.doubled += 1
            verdict.broken.append(f"{path} was asked {count} times by attempt {epoch} of {number}")
        if epoch > known[number].epoch:
            verdict.broken.append(f"{path} was asked by an attempt {epoch} of {number} that nobody claimed")


def _row(found: Sequence[Any]) -> Row:
    number, key, status, epoch, attempt, source, told, result, error, lease, created, finished, *more = found
    cached, degraded, attempts, events, prepared, code, request_id = more
    return Row(
        id=number, key=key, status=status, epoch=epoch, attempt=attempt, source=source, told=told, has_result=result,
        has_error=error, has_lease=lease, created=float(created), finished=finished and float(finished), cached=cached,
        degraded=degraded, attempts=tuple(tuple(one) for one in attempts), events=events,
        prepared=prepared, error=code, request_id=request_id,
    )  # fmt: skip


def count_in_logs(directory: Path, since: dict[str, int], words: Sequence[str]) -> Counter[str]:
    """How often each of `words` was logged, counted from the offsets of `sizes`."""
    found: Counter[str] = Counter()
    for path in directory.glob("*.log"):
        with path.open("rb") as stream:
            stream.seek(min(since.get(path.name, 0), path.stat().st_size))
            text = stream.read().decode(errors="replace")
        for word in words:
            found[word] += text.count(word)
    return found


def sizes(directory: Path) -> dict[str, int]:
    """How long each log is now."""
    return {path.name: path.stat().st_size for path in directory.glob("*.log")}
