"""Analyses as their owners see them: add, look, list, cancel."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text
from sqlalchemy.engine import RowMapping

from app.domain.analyses import Analysis, Filter, Language, Mask, Priority, Source, Stage, Status, Submission
from app.domain.errors import IdempotencyConflict
from app.domain.storage_ports import Accepted, Fingerprint, Route
from app.storage import codecs
from app.storage.again import AGAIN, READABLE
from app.storage.endings import CONSEQUENCES, MOVED, OWN_CONSEQUENCES
from app.storage.single_flight import BOARDING, LEADER

#: What a submission writes, whether it is queued or answered from the cache.
_ASKED = """project_id, source, requested_model, log_content, log_zstd, log_bytes, log_hash, bytes_replaced,
    service_name, environment, analysis_type, priority, tags, language, metadata, request_id, correlation_id,
    idempotency_key, request_hash, cache, cache_key, question_key, callback, mask, deadline_at,
    prompt_name, prompt_version"""
_ASKED_VALUES = """:project_id, :source, :requested_model, :log_content, :log_zstd, :log_bytes, :log_hash,
    :bytes_replaced, :service_name, :environment, :analysis_type, :priority, CAST(:tags AS jsonb), :language,
    CAST(:metadata AS jsonb), :request_id, :correlation_id, :idempotency_key, :request_hash, :cache,
    :cache_key, :question_key, CAST(:callback AS jsonb), :mask,
    now() + make_interval(secs => CAST(:deadline_seconds AS double precision)), :prompt_name, :prompt_version"""
_ON_KNOWN_KEY = "ON CONFLICT (project_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING"

#: The NOTIFY is delivered at COMMIT: the dispatcher looks at once instead of at its next poll.
_ADD = text(f"""
    WITH added AS (
        INSERT INTO analysis_results ({_ASKED}, queue, provider)
        VALUES ({_ASKED_VALUES}, :queue, :provider)
        {_ON_KNOWN_KEY}
        RETURNING id
    )
    SELECT id, pg_notify('bifrost_due', '') FROM added
""")
#: Only first-hand, undegraded answers are given again: a copy of a copy would never expire.
_FROM_CACHE = f"""
    INSERT INTO analysis_results ({_ASKED}, queue, provider, status, stage, started_at, finished_at,
        duration_seconds, model, cached_from, response, severity, diagnosis, coverage, likeness, usage)
    SELECT {_ASKED_VALUES}, queue, provider, 'completed', stage, now(), now(),
        0, model, id, response, severity, diagnosis, coverage, likeness, CAST('{{}}' AS jsonb)
    FROM analysis_results
    WHERE cache_key = :cache_key AND status = 'completed' AND cached_from IS NULL AND NOT degraded
        AND finished_at > now() - make_interval(secs => :ttl)
    ORDER BY finished_at DESC
    LIMIT 1
    {_ON_KNOWN_KEY}
"""
_ADD_FROM_CACHE = text(f"{_FROM_CACHE} RETURNING id")
#: Each submission asks the cache first, most in vain: the consequences cost 0.1 ms, so only who wants them pays.
_ADD_FROM_CACHE_AND_TELL = text(
    f"WITH moved AS ({_FROM_CACHE} RETURNING {MOVED}), {OWN_CONSEQUENCES} SELECT id FROM moved"
)
#: Not rung for: it waits for its leader's end.
_FOLLOW = text(f"""
    {BOARDING};
    WITH {LEADER}
    INSERT INTO analysis_results ({_ASKED}, queue, provider, leader_id)
    SELECT {_ASKED_VALUES}, :queue, :provider, id FROM leader
    {_ON_KNOWN_KEY}
    RETURNING id
""")
_KNOWN = text("""
    SELECT id, request_hash FROM analysis_results
    WHERE project_id = :project_id AND idempotency_key = :idempotency_key
""")
_SHOWN = """id, project_id, status, stage, source, provider, coalesce(model, requested_model) AS model, degraded,
    cached_from IS NOT NULL AS cached,
    -- while it waits for the answer of another one, that one
    coalesce(cached_from, CASE WHEN finished_at IS NULL THEN leader_id END) AS cached_from,
    diagnosis, response, coverage, usage, attempt, error, service_name, environment, analysis_type,
    priority, language, tags, metadata, request_id, correlation_id, created_at, started_at, finished_at,
    duration_seconds, replays, prompt_name, prompt_version"""
_GET = text(f"SELECT {_SHOWN} FROM analysis_results WHERE id = :id AND project_id = :project_id")
_GET_WITH_LOG = text(
    f"SELECT {_SHOWN}, log_content, log_zstd FROM analysis_results WHERE id = :id AND project_id = :project_id"
)
_GET_ALL = text(f"""
    SELECT {_SHOWN} FROM analysis_results WHERE project_id = :project_id AND id = ANY(CAST(:ids AS bigint[]))
""")
_ENDED = text("""
    SELECT wanted.id FROM unnest(CAST(:ids AS bigint[])) AS wanted (id)
    LEFT JOIN analysis_results r ON r.id = wanted.id WHERE r.id IS NULL OR r.finished_at IS NOT NULL
""")
_CANCEL = text(f"""
    WITH moved AS (
        UPDATE analysis_results SET
            cancel_requested_at = coalesce(cancel_requested_at, now()),
            status = CASE WHEN status = 'running' THEN status ELSE 'cancelled' END,
            finished_at = CASE WHEN status = 'running' THEN NULL ELSE now() END,
            duration_seconds = CASE WHEN status = 'running' THEN NULL
                ELSE extract(epoch FROM now() - created_at) END
        WHERE id = :id AND project_id = :project_id AND status IN ('queued', 'retrying', 'running')
        RETURNING {MOVED}
    ), {CONSEQUENCES}
    SELECT status, CASE WHEN status = 'running' THEN pg_notify('bifrost_stop', id || ':' || epoch) END FROM moved
""")
_RETRY = text(f"""
    WITH again AS (
        UPDATE analysis_results SET {AGAIN}, queue = :queue, provider = :provider
        WHERE id = :id AND project_id = :project_id AND status IN ('failed', 'cancelled') AND {READABLE}
        RETURNING id
    )
    SELECT id, pg_notify('bifrost_due', '') FROM again
""")
_STATUS = text("SELECT status FROM analysis_results WHERE id = :id AND project_id = :project_id")

#: Filter field -> condition. Those that are None are left away.
_CONDITIONS: Mapping[str, str] = {
    "status": "status = :status",
    "service_name": "service_name = :service_name",
    "environment": "environment = :environment",
    "model": "coalesce(model, requested_model) = :model",
    "source": "source = :source",
    "severity": "severity = :severity",
    "tag": "tags @> CAST(:tag AS jsonb) AND tags <> '[]'",
    "since": "created_at >= :since",
    "until": "created_at < :until",
}


class PostgresAnalyses:
    """`storage_ports.Analyses` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, submission: Submission, *, route: Route, fingerprint: Fingerprint) -> Accepted:
        """Insert, or find the one stored under the same idempotency key."""
        values = _values(submission, fingerprint) | {"queue": route.queue, "provider": route.provider}
        added = self._connection.execute(_ADD, values).first()
        if added is not None:
            return Accepted(analysis_id=added.id, replayed=False)
        known = self._connection.execute(_KNOWN, values).one()
        if known.request_hash != fingerprint.request_hash:
            raise IdempotencyConflict
        return Accepted(analysis_id=known.id, replayed=True)

    def add_from_cache(self, submission: Submission, *, fingerprint: Fingerprint, ttl: float) -> Accepted | None:
        """Insert as completed with a cached answer; None when there is none, or the idempotency key is known."""
        values = _values(submission, fingerprint) | {"ttl": ttl}
        statement = _ADD_FROM_CACHE if submission.callback is None else _ADD_FROM_CACHE_AND_TELL
        added = self._connection.execute(statement, values).first()
        return None if added is None else Accepted(analysis_id=added.id, replayed=False)

    def follow(self, submission: Submission, *, route: Route, fingerprint: Fingerprint) -> Accepted | None:
        """Insert as a follower of the same analysis in flight; None when there is none, or the key is known."""
        values = _values(submission, fingerprint) | {"queue": route.queue, "provider": route.provider}
        added = self._connection.execute(_FOLLOW, values).first()
        return None if added is None else Accepted(analysis_id=added.id, replayed=False)

    def get(self, project_id: int, analysis_id: int, *, with_log: bool = False) -> Analysis | None:
        """One analysis of a project."""
        statement = _GET_WITH_LOG if with_log else _GET
        row = self._connection.execute(statement, {"id": analysis_id, "project_id": project_id}).mappings().first()
        return None if row is None else _analysis(row)

    def list(self, wanted: Filter) -> Sequence[Analysis]:
        """Newest first, at most `limit + 1`; the keyset makes page 1,000 as cheap as page 1."""
        values: dict[str, Any] = {
            name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None
        }
        conditions = ["project_id = :project_id", *(_CONDITIONS[name] for name in values)]
        if wanted.tag is not None:
            values["tag"] = orjson.dumps([wanted.tag]).decode()
        if wanted.before is not None:
            conditions.append("(created_at, id) < (:before_at, :before_id)")
            values["before_at"], values["before_id"] = wanted.before
        statement = text(
            f"SELECT {_SHOWN} FROM analysis_results WHERE {' AND '.join(conditions)} "
            "ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset"
        )
        values |= {"project_id": wanted.project_id, "limit": wanted.limit + 1, "offset": wanted.offset}
        return [_analysis(row) for row in self._connection.execute(statement, values).mappings()]

    def get_all(self, project_id: int, analysis_ids: Sequence[int]) -> Mapping[int, Analysis]:
        """Those of a project that are still there, by id."""
        values = {"project_id": project_id, "ids": list(analysis_ids)}
        rows = self._connection.execute(_GET_ALL, values).mappings()
        return {row["id"]: _analysis(row) for row in rows}

    def ended(self, analysis_ids: Sequence[int]) -> Sequence[int]:
        """Those that have ended, or are not there."""
        return [row.id for row in self._connection.execute(_ENDED, {"ids": list(analysis_ids)})]

    def cancel(self, project_id: int, analysis_id: int) -> Status | None:
        """Cancel at once when it waits, ask its worker when it runs. The state after; None when unknown."""
        values = {"id": analysis_id, "project_id": project_id}
        changed = self._connection.execute(_CANCEL, values).scalar()
        status = changed or self._connection.execute(_STATUS, values).scalar()
        return None if status is None else Status(status)

    def retry(self, project_id: int, analysis_id: int, *, route: Route) -> bool:
        """A failed or cancelled one waits again, under a higher epoch. False: another state, unknown, or no log."""
        values = {"id": analysis_id, "project_id": project_id, "queue": route.queue, "provider": route.provider}
        return self._connection.execute(_RETRY, values).first() is not None


def _values(submission: Submission, fingerprint: Fingerprint) -> dict[str, Any]:
    content, compressed = codecs.compress(submission.log)
    return {
        "project_id": submission.project_id,
        "source": submission.source,
        "requested_model": submission.model,
        "log_content": content,
        "log_zstd": compressed,
        "log_bytes": len(submission.log.encode()),
        "log_hash": fingerprint.log_hash,
        "bytes_replaced": submission.bytes_replaced,
        "service_name": submission.service_name,
        "environment": submission.environment,
        "analysis_type": submission.analysis_type,
        "priority": int(submission.priority),
        "tags": orjson.dumps(submission.tags).decode(),
        "language": submission.language,
        "metadata": orjson.dumps(submission.metadata).decode(),
        "request_id": submission.request_id,
        "correlation_id": submission.correlation_id,
        "idempotency_key": submission.idempotency_key,
        "request_hash": fingerprint.request_hash,
        "cache": submission.cache,
        "cache_key": fingerprint.cache_key,
        "question_key": fingerprint.question_key,
        "callback": None if submission.callback is None else orjson.dumps(submission.callback).decode(),
        "mask": submission.mask or Mask.NONE,
        "deadline_seconds": submission.deadline_seconds,
        **codecs.prompt_columns(submission.prompt_version),
    }


def _analysis(row: RowMapping) -> Analysis:
    return Analysis(
        id=row["id"],
        project_id=row["project_id"],
        status=Status(row["status"]),
        stage=Stage(row["stage"]),
        source=Source(row["source"]),
        provider=row["provider"],
        model=row["model"],
        degraded=row["degraded"],
        cached=row["cached"],
        cached_from=row["cached_from"],
        diagnosis=codecs.DIAGNOSIS.load(row["diagnosis"]),
        response=row["response"],
        coverage=codecs.COVERAGE.load(row["coverage"]),
        usage=codecs.USAGE.load(row["usage"]),
        attempts=row["attempt"],
        error=codecs.FAILURE.load(row["error"]),
        service_name=row["service_name"],
        environment=row["environment"],
        analysis_type=row["analysis_type"],
        priority=Priority(row["priority"]),
        language=Language(row["language"]),
        tags=tuple(row["tags"]),
        metadata=row["metadata"],
        request_id=row["request_id"],
        correlation_id=row["correlation_id"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        duration_seconds=row["duration_seconds"],
        replays=row["replays"],
        prompt=codecs.prompt_ref(row["prompt_name"], row["prompt_version"]),
        **_log(row),
    )


def _log(row: RowMapping) -> dict[str, Any]:
    """When it was asked for: the log, or that it was deleted; a stored log is never empty."""
    if "log_zstd" not in row:
        return {}
    if row["log_content"] is None and row["log_zstd"] is None:
        return {"log_deleted": True}
    return {"log_content": codecs.decompress(row["log_content"], row["log_zstd"])}
