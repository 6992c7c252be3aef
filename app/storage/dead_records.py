"""Records that could not be accepted, as they came: `bytea`, since they may hold what no text column takes."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from app.domain.analyses import Failure
from app.domain.dead_letters import Autopsy, DeadLetter, DeadLetterFilter, Origin
from app.domain.records import DeadRecord, Headers, Record, RecordStage, Revived
from app.storage import codecs
from app.storage.turns import RETENTION, take_turn

#: A record that comes again is known by its place and its content. One that went again counts as new.
_BURY = text("""
    WITH buried AS (
        INSERT INTO dead_letters (project_id, topic, partition, position, content_hash, key, value, headers, stage,
            error, request_id, correlation_id, service_name, environment, attempts)
        VALUES (:project_id, :topic, :partition, :position, :content_hash, :key, :value, CAST(:headers AS jsonb),
            :stage, CAST(:error AS jsonb), :request_id, :correlation_id, :service_name, :environment, :attempt)
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
_WAITING = text("SELECT count(*) FROM dead_letters WHERE replay_at IS NOT NULL")
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
#: Also the condition of the index `dead_letters_listed`.
_DEAD = "discarded_at IS NULL AND risen_at IS NULL AND replay_at IS NULL"
_SHOWN = """id, project_id, error, stage, attempts, replays, service_name, environment, request_id, correlation_id,
    created_at, failed_at"""
_GET = text(f"""
    SELECT {_SHOWN}, topic, partition, position, key, value, headers FROM dead_letters
    WHERE id = :id AND project_id = :project_id AND {_DEAD}
""")
_WANT = text(f"""
    UPDATE dead_letters SET replay_at = now(), replays = replays + 1
    WHERE id = :id AND project_id = :project_id AND {_DEAD}
""")
_DISCARD = text(f"""
    UPDATE dead_letters SET discarded_at = now() WHERE id = :id AND project_id = :project_id AND {_DEAD}
""")
#: Filter field -> condition. Those that are None are left away.
_CONDITIONS: Mapping[str, str] = {
    "code": "error ->> 'code' = :code",
    "service_name": "service_name = :service_name",
    "since": "failed_at >= :since",
    "until": "failed_at < :until",
}
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

    def waiting(self) -> int:
        """How many wait for a bridge to take them in again."""
        return int(self._connection.execute(_WAITING).scalar_one())

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

    def list(self, wanted: DeadLetterFilter) -> Sequence[DeadLetter]:
        """Latest failure first, at most `limit + 1`."""
        where, values = _where(wanted)
        if wanted.before is not None:
            where += " AND (failed_at, id) < (:before_at, :before_id)"
            # of a `DeadLetter.place`
            values["before_at"], values["before_id"] = wanted.before[0], wanted.before[1] // 2
        statement = text(
            f"SELECT {_SHOWN} FROM dead_letters WHERE {where} ORDER BY failed_at DESC, id DESC LIMIT :limit"
        )
        return [_letter(row) for row in self._connection.execute(statement, values | {"limit": wanted.limit + 1})]

    def get(self, project_id: int, letter_id: int) -> Autopsy | None:
        """One of a project, with its record."""
        row = self._connection.execute(_GET, {"id": letter_id, "project_id": project_id}).first()
        return None if row is None else Autopsy(letter=_letter(row), record=record(row))

    def want(self, project_id: int, letter_id: int) -> None:
        """It shall go again: a bridge takes it from here."""
        self._connection.execute(_WANT, {"id": letter_id, "project_id": project_id})

    def want_all(self, wanted: DeadLetterFilter, *, max_replays: int) -> int:
        """The oldest `limit` of them that may; how many."""
        where, values = _where(wanted)
        statement = text(f"""
            WITH chosen AS (
                SELECT id FROM dead_letters WHERE {where} AND replays < :max_replays
                ORDER BY failed_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
            )
            UPDATE dead_letters d SET replay_at = now(), replays = replays + 1 FROM chosen WHERE d.id = chosen.id
        """)
        return self._connection.execute(
            statement, values | {"limit": wanted.limit, "max_replays": max_replays}
        ).rowcount

    def discard(self, project_id: int, letter_id: int) -> bool:
        """Show it no more. False: it is none."""
        return self._connection.execute(_DISCARD, {"id": letter_id, "project_id": project_id}).rowcount == 1

    def delete(self, *, older_than: float, limit: int) -> int:
        """Of those that failed, or were accepted, so many seconds ago, some; how many."""
        if not take_turn(self._connection, RETENTION):
            return 0
        return self._connection.execute(_DELETE, {"older_than": older_than, "limit": limit}).rowcount


def _where(wanted: DeadLetterFilter) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None}
    conditions = ["project_id = :project_id", _DEAD, *(_CONDITIONS[name] for name in values)]
    return " AND ".join(conditions), values | {"project_id": wanted.project_id}


def _letter(row: Row[Any]) -> DeadLetter:
    error = codecs.FAILURE.load(row.error)
    assert error is not None, "the column is never null"
    return DeadLetter(
        origin=Origin.RECORD,
        id=row.id,
        project_id=row.project_id,
        error=error,
        source=None,
        provider=None,
        stage=RecordStage(row.stage),
        attempts=row.attempts,
        replays=row.replays,
        service_name=row.service_name,
        environment=row.environment,
        request_id=row.request_id,
        correlation_id=row.correlation_id,
        created_at=row.created_at,
        failed_at=row.failed_at,
    )


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
