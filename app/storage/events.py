"""The part of the outbox that goes to Kafka: claimed and marked by the hundred, in order for each key."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from app.domain.analyses import Status
from app.domain.records import Answered, DeadRecord, Event, EventOutcome, RecordStage
from app.storage import codecs, dead_records
from app.storage.turns import EVENTS

_OPEN = "o.published_at IS NULL AND o.dead_at IS NULL AND o.callback->>'kind' = 'kafka'"
_TURN = text("SELECT pg_try_advisory_xact_lock(:key)")
#: One bridge at a time claims (the turn above), so whatever of a key comes earlier is in this batch, is held by
#: somebody, or waits: and in the last two cases the later ones stay where they are.
_CLAIM = text(f"""
    WITH due AS (
        SELECT o.id FROM outbox o
        WHERE {_OPEN} AND o.next_attempt_at <= now() AND (o.claimed_until IS NULL OR o.claimed_until < now())
            -- not as NOT EXISTS: while the table's statistics are old, that becomes a join with all that is open
            AND (
                SELECT e.id FROM outbox e
                WHERE e.key = o.key AND e.id < o.id AND e.published_at IS NULL AND e.dead_at IS NULL
                    AND (e.next_attempt_at > now() OR e.claimed_until >= now())
                LIMIT 1
            ) IS NULL
        ORDER BY o.id LIMIT :limit FOR UPDATE
    ), claimed AS (
        UPDATE outbox o SET claimed_by = :owner, claimed_until = now() + make_interval(secs => :lease),
            attempts = least(o.attempts + 1, 32767)
        FROM due WHERE o.id = due.id
        RETURNING o.id, o.event_id, o.key, o.attempts, o.callback, o.analysis_id, o.dead_letter_id, o.created_at
    )
    SELECT c.id, CAST(c.event_id AS text) AS event_id, c.key, c.attempts AS claim,
        CAST(c.callback AS text) AS callback, c.analysis_id, c.dead_letter_id,
        CAST(extract(epoch FROM now() - c.created_at) AS double precision) AS age,
        r.project_id, r.status, r.request_id, r.correlation_id, r.model, r.duration_seconds, r.degraded,
        r.cached_from IS NOT NULL AS cached, r.attempt, r.error,
        r.diagnosis->>'summary' AS summary, r.diagnosis->>'root_cause' AS root_cause,
        r.diagnosis->>'recommendation' AS recommendation, r.severity,
        CAST(r.diagnosis->>'confidence' AS double precision) AS confidence
    FROM claimed c LEFT JOIN analysis_results r ON r.id = c.analysis_id
    ORDER BY c.id
""")
_LETTERS = text("""
    SELECT id, topic, partition, position, key, value, headers, stage, error, request_id, correlation_id,
        service_name, environment, attempts
    FROM dead_letters WHERE id = ANY(CAST(:ids AS bigint[]))
""")
_HELD = "o.id = held.id AND o.attempts = held.attempt AND o.claimed_by = :owner"
_THESE = "unnest(CAST(:ids AS bigint[]), CAST(:attempts AS integer[])) AS held (id, attempt)"
_PUBLISHED = text(f"""
    UPDATE outbox o SET published_at = now(), claimed_by = NULL, claimed_until = NULL, error = NULL
    FROM {_THESE} WHERE {_HELD} AND o.published_at IS NULL AND o.dead_at IS NULL
""")
_FAILED = text("""
    UPDATE outbox o SET claimed_by = NULL, claimed_until = NULL, error = held.error,
        next_attempt_at = now() + make_interval(secs => coalesce(held.delay, 0)),
        dead_at = CASE WHEN held.delay IS NULL THEN now() END
    FROM json_to_recordset(CAST(:rows AS json))
        AS held (id bigint, attempt integer, error jsonb, delay double precision)
    WHERE o.id = held.id AND o.attempts = held.attempt AND o.claimed_by = :owner AND o.published_at IS NULL
        AND o.dead_at IS NULL
""")
_RELEASE = text(f"""
    UPDATE outbox o SET claimed_by = NULL, claimed_until = NULL, attempts = o.attempts - 1
    FROM {_THESE} WHERE {_HELD} AND o.published_at IS NULL AND o.dead_at IS NULL
""")
_EXTEND = text(f"""
    UPDATE outbox o SET claimed_until = now() + make_interval(secs => :lease)
    FROM {_THESE} WHERE {_HELD} AND o.published_at IS NULL AND o.dead_at IS NULL
""")
_WAITING = text("""
    SELECT count(*) FILTER (WHERE dead_at IS NULL) AS open, count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead
    FROM outbox WHERE published_at IS NULL AND callback->>'kind' = 'kafka'
""")


class PostgresEvents:
    """`record_ports.Events` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, *, owner: str, lease: float, limit: int) -> Sequence[Event]:
        """What is due, oldest first; of a key several at a time, and none behind one that waits."""
        if not self._connection.execute(_TURN, {"key": EVENTS}).scalar():
            return []
        rows = self._connection.execute(_CLAIM, {"owner": owner, "lease": lease, "limit": limit}).all()
        letters = self._letters([row.dead_letter_id for row in rows if row.dead_letter_id is not None])
        return [_event(row, letters.get(row.dead_letter_id)) for row in rows]

    def settle(self, outcomes: Sequence[EventOutcome], *, owner: str) -> int:
        """Mark what became of them; how many claims were still this owner's."""
        published = [one.event for one in outcomes if one.error is None]
        failed = [
            {
                "id": one.event.id,
                "attempt": one.event.attempt,
                "error": orjson.loads(dead_records.failure(one.error) or "null"),
                "delay": one.delay,
            }
            for one in outcomes
            if one.error is not None
        ]
        marked = 0
        if published:
            marked += self._connection.execute(_PUBLISHED, _these(published, owner)).rowcount
        if failed:
            values = {"rows": orjson.dumps(failed).decode(), "owner": owner}
            marked += self._connection.execute(_FAILED, values).rowcount
        return marked

    def release(self, events: Sequence[Event], *, owner: str) -> None:
        """They were not published: due again at once, and the attempt does not count."""
        self._connection.execute(_RELEASE, _these(events, owner))

    def extend(self, events: Sequence[Event], *, owner: str, lease: float) -> None:
        """They are still being published."""
        self._connection.execute(_EXTEND, _these(events, owner) | {"lease": lease})

    def waiting(self) -> tuple[int, int]:
        """How many are still to be published, and how many never will be."""
        row = self._connection.execute(_WAITING).one()
        return row.open, row.dead

    def _letters(self, ids: Sequence[int]) -> dict[int, DeadRecord]:
        if not ids:
            return {}
        return {row.id: _letter(row) for row in self._connection.execute(_LETTERS, {"ids": list(ids)})}


def _event(row: Row[Any], letter: DeadRecord | None) -> Event:
    return Event(
        id=row.id,
        event_id=row.event_id,
        key=row.key,
        attempt=row.claim,
        callback=orjson.loads(row.callback),
        age=row.age,
        answer=None if row.analysis_id is None else _answered(row),
        letter=letter,
    )


def _answered(row: Row[Any]) -> Answered:
    return Answered(
        analysis_id=row.analysis_id,
        project_id=row.project_id,
        status=Status(row.status),
        request_id=row.request_id or "",
        correlation_id=row.correlation_id or "",
        summary=row.summary,
        root_cause=row.root_cause,
        recommendation=row.recommendation,
        severity=row.severity,
        confidence=row.confidence,
        model=row.model,
        duration_seconds=row.duration_seconds,
        degraded=row.degraded,
        cached=row.cached,
        attempts=row.attempt,
        error=codecs.FAILURE.load(row.error),
    )


def _letter(row: Row[Any]) -> DeadRecord:
    error = codecs.FAILURE.load(row.error)
    assert error is not None, "the column is never null"
    return DeadRecord(
        record=dead_records.record(row),
        stage=RecordStage(row.stage),
        error=error,
        attempt=row.attempts,
        request_id=row.request_id,
        correlation_id=row.correlation_id,
        service_name=row.service_name,
        environment=row.environment,
    )


def _these(events: Sequence[Event], owner: str) -> dict[str, Any]:
    return {"ids": [one.id for one in events], "attempts": [one.attempt for one in events], "owner": owner}
