"""Who wanted to be told: was every end heard of, under one id; and a receiver that sometimes misses it."""

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from tests.chaos.invariants import KEY, Row, Verdict
from tests.chaos.sites import connect
from tests.support.receivers import Behavior, Received, Receiver, hang, leave, reset, say

_UNPUBLISHED = f"""
    SELECT count(*) FROM outbox o JOIN analysis_results r ON r.id = o.analysis_id
    WHERE {KEY} LIKE %s AND o.published_at IS NULL
"""
#: How a receiver fails to hear.
_MISSES = (say(500), say(503, Retry_After="1"), say(302, Location="http://127.0.0.1/"), leave, reset, hang)


def unpublished(database_url: str, prefix: str) -> int:
    """Events of a case that nobody has acknowledged, those that were given up too."""
    with closing(connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(_UNPUBLISHED, (f"{prefix}-%",))
        return int(cursor.fetchone()[0])


def wait_published(database_url: str, prefix: str, *, timeout: float) -> None:
    """Until every event is, or for `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while unpublished(database_url, prefix) and time.monotonic() < deadline:
        time.sleep(0.1)


def check_events(verdict: Verdict, received: Sequence[Received]) -> None:
    """Each end that somebody wants to be told of was heard, under one id; no id told of two ends."""
    ids: dict[int, set[str]] = defaultdict(set)
    ends: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for one in received:
        event = one.event
        ids[event["id"]].add(one.event_id)
        ends[one.event_id].add((event["id"], event["type"]))
    for row in verdict.rows:
        verdict.broken += _complaints(row, ids.get(row.id, set()), ends)
        verdict.missing += row.told and row.ended and row.id not in ids
    verdict.broken += [f"the event {event} told of {sorted(told)}" for event, told in ends.items() if len(told) > 1]


def _complaints(row: Row, ids: set[str], ends: dict[str, set[tuple[int, str]]]) -> Iterator[str]:
    if row.told and row.ended and not ids:
        yield f"nobody heard of the end of {row.id}"
    if len(ids) > 1:
        yield f"the end of {row.id} was told under {len(ids)} ids"
    if ids and not row.told:
        yield f"somebody heard of {row.id} who did not ask"
    for event in ids:
        if any(number == row.id and kind != f"analysis.{row.status}" for number, kind in ends[event]):
            yield f"{row.id} is {row.status}, and was told to be {ends[event]}"


@contextmanager
def missing(receiver: Receiver, share: float, chance: random.Random) -> Iterator[None]:
    """Meanwhile the receiver misses this share of what it is sent; that does not count as received."""
    listens = say(204)

    def sometimes(handler: Any, received: Received) -> None:
        play: Behavior = chance.choice(_MISSES) if chance.random() < share else listens
        if play is not listens:
            with handler.server.lock:
                handler.server.received.remove(received)
        play(handler, received)

    receiver.otherwise(sometimes)
    try:
        yield
    finally:
        receiver.otherwise(listens)
