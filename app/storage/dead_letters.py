"""Dead letters: failed analyses that nobody has discarded. The index `analysis_results_dead` holds just these."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.analyses import Failure, Source, Stage
from app.domain.dead_letters import Autopsy, DeadLetter, DeadLetterFilter, Origin, PastAttempt
from app.storage import codecs
from app.storage.again import AGAIN, READABLE, ROUTES, routes

_DEAD = "status = 'failed' AND discarded_at IS NULL"
_SHOWN = """id, project_id, error, source, provider, stage, attempt, replays, service_name, environment, request_id,
    correlation_id, created_at, finished_at"""
_GET = text(f"SELECT {_SHOWN} FROM analysis_results WHERE id = :id AND project_id = :project_id AND {_DEAD}")
_ATTEMPTS = text("""
    SELECT stage, attempt, provider, worker, started_at, ended_at, outcome, error
    FROM analysis_attempts WHERE analysis_id = :id ORDER BY epoch
""")
_DISCARD = text(f"""
    UPDATE analysis_results SET discarded_at = now() WHERE id = :id AND project_id = :project_id AND {_DEAD}
""")
#: Filter field -> condition. Those that are None are left away.
_CONDITIONS: Mapping[str, str] = {
    "code": "error ->> 'code' = :code",
    "service_name": "service_name = :service_name",
    "since": "finished_at >= :since",
    "until": "finished_at < :until",
}
#: An analysis that says nothing about its failure cannot be, but would hide the others if it was.
_UNKNOWN = Failure(code="internal_error", detail="Nobody knows why.", retryable=True)


class PostgresDeadLetters:
    """`storage_ports.DeadLetters` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, wanted: DeadLetterFilter) -> Sequence[DeadLetter]:
        """Latest failure first, at most `limit + 1`; the keyset makes page 1,000 as cheap as page 1."""
        where, values = _where(wanted)
        if wanted.before is not None:
            where += " AND (finished_at, id) < (:before_at, :before_id)"
            # of a `DeadLetter.place`
            values["before_at"], values["before_id"] = wanted.before[0], (wanted.before[1] + 1) // 2
        statement = text(
            f"SELECT {_SHOWN} FROM analysis_results WHERE {where} ORDER BY finished_at DESC, id DESC LIMIT :limit"
        )
        return [_letter(row) for row in self._connection.execute(statement, values | {"limit": wanted.limit + 1})]

    def get(self, project_id: int, analysis_id: int) -> Autopsy | None:
        """One of a project, with all its attempts."""
        row = self._connection.execute(_GET, {"id": analysis_id, "project_id": project_id}).first()
        if row is None:
            return None
        attempts = self._connection.execute(_ATTEMPTS, {"id": analysis_id})
        return Autopsy(letter=_letter(row), attempts=[_attempt(one) for one in attempts])

    def replay(self, wanted: DeadLetterFilter, *, providers: Mapping[Source, str], queue: str) -> Sequence[int]:
        """The oldest `limit` of them wait again; their ids. `providers`: who answers; other sources stay dead."""
        where, values = _where(wanted)
        statement = text(f"""
            WITH chosen AS (
                SELECT id, route.provider FROM analysis_results JOIN {ROUTES} USING (source)
                WHERE {where} AND {READABLE}
                ORDER BY finished_at, id LIMIT :limit FOR UPDATE OF analysis_results SKIP LOCKED
            ), again AS (
                UPDATE analysis_results r SET {AGAIN}, queue = :queue, provider = chosen.provider
                FROM chosen WHERE r.id = chosen.id
                RETURNING r.id
            )
            SELECT id, pg_notify('bifrost_due', '') FROM again ORDER BY id
        """)
        values |= {"limit": wanted.limit, "queue": queue, **routes(providers)}
        return [row.id for row in self._connection.execute(statement, values)]

    def discard(self, project_id: int, analysis_id: int) -> bool:
        """Show it no more. False: it is none."""
        return self._connection.execute(_DISCARD, {"id": analysis_id, "project_id": project_id}).rowcount == 1


def _where(wanted: DeadLetterFilter) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None}
    conditions = ["project_id = :project_id", _DEAD, *(_CONDITIONS[name] for name in values)]
    return " AND ".join(conditions), values | {"project_id": wanted.project_id}


def _letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        origin=Origin.ANALYSIS,
        id=row.id,
        project_id=row.project_id,
        error=codecs.FAILURE.load(row.error) or _UNKNOWN,
        source=Source(row.source),
        provider=row.provider,
        stage=Stage(row.stage),
        attempts=row.attempt,
        replays=row.replays,
        service_name=row.service_name,
        environment=row.environment,
        request_id=row.request_id,
        correlation_id=row.correlation_id,
        created_at=row.created_at,
        failed_at=row.finished_at,
    )


def _attempt(row: Row[Any]) -> PastAttempt:
    return PastAttempt(
        stage=Stage(row.stage),
        attempt=row.attempt,
        provider=row.provider,
        worker=row.worker,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        error=codecs.FAILURE.load(row.error),
    )
