"""Records that could not be accepted, as they came: `bytea`, since they may hold what no text column takes."""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from app.domain.analyses import Failure
from app.domain.records import DeadRecord, Headers, Record, Revived
from app.storage import codecs
from app.storage.turns import RETENTION, take_turn

#: A record that comes again is known by its place and its content. One that went again counts as new.
_BURY = text("""
    WITH buried AS (
        INSERT INTO dead_letters (project_id, topic, partition, position, content_hash, key, value, headers, stage,
            error, request_id, correlation_id, service_name, environment, attempts)
        VALUES (:project_id, :topic, :partition, :position, :content_hash, :key, :value, CAST(:headers AS jsonb), :stage,
            CAST(:error AS jsonb), :request_id, :correlation_id, :service_name, :environment, :attempt)
        ON CONFLICT (topic, partition, position, content_hash) DO NOTHING
        RETURNING id
    ), announced AS (
        INSERT INTO outbox (dead_letter_id, kind, callback, key)
        SELECT id, 'record.dead', jsonb_build_object('kind', 'kafka', 'topic', CAST(:told AS text)), 'record:' || id
        FROM buried
    )
    SELECT id FROM buried
""")
_WANTED = text("""
    SELECT id, topic, partition, position, key, value, headers, attempts FROM dead_letters
    WHERE replay_at IS NOT NULL ORDER BY replay_at LIMIT :limit FOR UPDATE SKIP LOCKED
""")
_RISE = text("""
    UPDATE dead_letters SET replay_at = NULL, risen_at = now(), analysis_id = :analysis_id WHERE id = :id
""")
_FALL = text("""
    WITH fallen AS (
        UPDATE dead_letters SET replay_at = NULL, failed_at = now(), attempts = least(:attempt, 32767),
            stage = :stage, error = CAST(:error AS jsonb)
        WHERE id = :id RETURNING id
    )
    INSERT INTO outbox (dead_letter_id, kind, callback, key)
    SELECT id, 'record.dead', jsonb_build_object('kind', 'kafka', 'topic', CAST(:told AS text)), 'record:' || id
    FROM fallen
""")
_DELETE = text("""
    DELETE FROM dead_letters d USING (
        SELECT id FROM dead_letters
        WHERE failed_at < now() - make_interval(secs => :older_than) AND replay_at IS NULL AND NOT EXISTS (
            SELECT FROM outbox o WHERE o.dead_letter_id = dead_letters.id AND o.published_at IS NULL
                AND o.dead_at IS NULL
        )
        ORDER BY failed_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AS old WHERE d.id = old.id
""")


class PostgresDeadRecords:
    """`record_ports.DeadRecords` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def bury(self, letters: Sequence[DeadRecord], *, project_id: int, topic: str) -> int:
        """Store them, and announce each to `topic`; how many were not known before."""
        return sum(
            self._connection.execute(_BURY, _values(one, project_id, topic)).first() is not None for one in letters
        )

    def wanted(self, *, limit: int) -> Sequence[Revived]:
        """Those that somebody wants to go again; locked until the transaction ends."""
        rows = self._connection.execute(_WANTED, {"limit": limit}).all()
        return [Revived(id=row.id, record=record(row), attempt=row.attempts + 1) for row in rows]

    def rise(self, letter_id: int, analysis_id: int) -> None:
        """It was accepted: no dead letter any more."""
        self._connection.execute(_RISE, {"id": letter_id, "analysis_id": analysis_id})

    def fall(self, letter_id: int, letter: DeadRecord, *, topic: str) -> None:
        """It failed again: announced once more."""
        values = {
            "id": letter_id,
            "attempt": letter.attempt,
            "stage": letter.stage,
            "error": failure(letter.error),
            "told": topic,
        }
        self._connection.execute(_FALL, values)

    def delete(self, *, older_than: float, limit: int) -> int:
        """Of those that failed, or were accepted, so many seconds ago, some; how many."""
        if not take_turn(self._connection, RETENTION):
            return 0
        return self._connection.execute(_DELETE, {"older_than": older_than, "limit": limit}).rowcount


def record(row: Row[Any]) -> Record:
    """From its columns."""
    return Record(
        topic=row.topic,
        partition=row.partition,
        offset=row.position,
        key=None if row.key is None else bytes(row.key),
        value=None if row.value is None else bytes(row.value),
        headers=[(name, None if value is None else base64.b64decode(value)) for name, value in row.headers],
    )


def failure(error: Failure) -> str | None:
    """For its column. What the record said may stand in the detail: NUL is not for `jsonb`."""
    cleaned = Failure(code=error.code, detail=storable(error.detail) or "", retryable=error.retryable)
    return codecs.FAILURE.dump(cleaned)


def storable(text_: str | None, longest: int | None = None) -> str | None:
    """What a text column takes of it."""
    if text_ is None:
        return None
    return text_.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:longest]


def _values(letter: DeadRecord, project_id: int, topic: str) -> dict[str, Any]:
    found = letter.record
    return {
        "project_id": project_id,
        "topic": found.topic,
        "partition": found.partition,
        "position": found.offset,
        "content_hash": _hash(found),
        "key": found.key,
        "value": found.value,
        "headers": _headers(found.headers),
        "stage": letter.stage,
        "error": failure(letter.error),
        "request_id": storable(letter.request_id, 128),
        "correlation_id": storable(letter.correlation_id, 128),
        "service_name": storable(letter.service_name, 100),
        "environment": storable(letter.environment, 100),
        "attempt": letter.attempt,
        "told": topic,
    }


def _hash(found: Record) -> str:
    made = hashlib.sha256()
    for part in (found.key, found.value):
        made.update(b"-" if part is None else b"%d:" % len(part))
        made.update(part or b"")
    return made.hexdigest()


def _headers(headers: Headers) -> str:
    shown = [(storable(name), None if value is None else base64.b64encode(value).decode()) for name, value in headers]
    return orjson.dumps(shown).decode()
