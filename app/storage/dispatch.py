"""What is due: rings to send, leases and deadlines that are over, and how deep the queues are."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, TextClause, text

from app.domain.analyses import Failure, Status
from app.domain.errors import DeadlineExceeded, WorkerLost
from app.domain.ports import Doorbell, QueueDepth, Swept
from app.storage import codecs
from app.storage.endings import CONSEQUENCES

_WAITING = "status IN ('queued', 'retrying')"
#: A ring is unanswered until its analysis is claimed; each silence doubles the patience, up to 32 times.
_PATIENCE = "make_interval(secs => :resend * power(2, least(greatest(rings - 1, 0), 5)))"
_DUE = text(f"""
    WITH open AS (
        SELECT count(*) AS rings FROM analysis_results
        WHERE queue = :queue AND {_WAITING} AND rung_at IS NOT NULL AND rung_at + {_PATIENCE} > now()
    ), due AS (
        SELECT id FROM analysis_results
        WHERE queue = :queue AND {_WAITING} AND run_at <= now()
            AND (rung_at IS NULL OR rung_at + {_PATIENCE} <= now())
        ORDER BY priority DESC, id
        LIMIT greatest(0, :window - (SELECT rings FROM open))
        FOR UPDATE SKIP LOCKED
    )
    UPDATE analysis_results r SET rung_at = now(), rings = least(rings + 1, 100)
    FROM due WHERE r.id = due.id
    RETURNING r.id, r.priority
""")
_FORGET_LOST = text(f"""
    UPDATE analysis_results SET rung_at = NULL
    WHERE queue = :queue AND {_WAITING} AND rung_at IS NOT NULL
        AND rung_at + make_interval(secs => :older_than * power(2, least(greatest(rings - 1, 0), 5))) < now()
""")
_QUEUES = text(f"SELECT DISTINCT queue FROM analysis_results WHERE {_WAITING}")
#: A worker that died or froze: its analysis waits again, ends as cancelled if that was asked for, or fails when its
#: attempts are used up (a poison job must not circulate).
_EXPIRE_LEASES = text(f"""
    WITH dead AS (
        SELECT id, epoch, CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
                WHEN attempt >= :max_attempts THEN 'failed' ELSE 'queued' END AS next
        FROM analysis_results WHERE status = 'running' AND lease_until < now()
        ORDER BY lease_until LIMIT 500 FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE analysis_results r SET status = dead.next, lease_owner = NULL, lease_until = NULL, rung_at = NULL,
            rings = 0, run_at = now(),
            error = CASE WHEN dead.next = 'failed' THEN CAST(:error AS jsonb) ELSE error END,
            finished_at = CASE WHEN dead.next = 'queued' THEN NULL ELSE now() END,
            duration_seconds = CASE WHEN dead.next = 'queued' THEN NULL
                ELSE extract(epoch FROM now() - created_at) END
        FROM dead WHERE r.id = dead.id
        RETURNING r.id, r.epoch, r.status, r.finished_at, r.callback, r.source, r.provider, r.duration_seconds
    ), ended AS (
        UPDATE analysis_attempts a SET ended_at = now(), outcome = 'lost', error = CAST(:error AS jsonb)
        FROM moved WHERE a.analysis_id = moved.id AND a.epoch = moved.epoch
    ), {CONSEQUENCES}
    SELECT status, source, provider, duration_seconds FROM moved
""")
_EXPIRE_DEADLINES = text(f"""
    WITH late AS (
        SELECT id FROM analysis_results
        WHERE status IN ('queued', 'retrying', 'running') AND deadline_at IS NOT NULL AND deadline_at <= now()
        ORDER BY deadline_at LIMIT 500 FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE analysis_results r SET status = 'failed', lease_owner = NULL, lease_until = NULL,
            error = CAST(:error AS jsonb), finished_at = now(),
            duration_seconds = extract(epoch FROM now() - created_at)
        FROM late WHERE r.id = late.id
        RETURNING r.id, r.epoch, r.status, r.finished_at, r.callback, r.source, r.provider, r.duration_seconds
    ), ended AS (
        UPDATE analysis_attempts a SET ended_at = now(), outcome = 'late', error = CAST(:error AS jsonb)
        FROM moved WHERE a.analysis_id = moved.id AND a.epoch = moved.epoch AND a.ended_at IS NULL
    ), {CONSEQUENCES}
    SELECT status, source, provider, duration_seconds FROM moved
""")
_DEPTHS = text("""
    SELECT queue,
        count(*) FILTER (WHERE status <> 'running') AS waiting,
        count(*) FILTER (WHERE status = 'running') AS running,
        coalesce(extract(epoch FROM now() - min(run_at) FILTER (WHERE status <> 'running' AND run_at <= now())), 0)
            AS oldest_seconds
    FROM analysis_results WHERE status IN ('queued', 'retrying', 'running')
    GROUP BY queue ORDER BY queue
""")


class PostgresDispatch:
    """`ports.Dispatch` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due(self, queue: str, *, window: int, resend: float) -> Sequence[Doorbell]:
        """Mark and return what to ring for, best first, so that at most `window` rings are unanswered."""
        rows = self._connection.execute(_DUE, {"queue": queue, "window": window, "resend": resend}).all()
        # UPDATE … RETURNING gives no order
        ordered = sorted(rows, key=lambda row: (-row.priority, row.id))
        return [Doorbell(analysis_id=row.id, queue=queue) for row in ordered]

    def forget_lost(self, queue: str, *, older_than: float) -> int:
        """The broker's queue is empty: whatever was rung for and not claimed since was lost; ring again."""
        return self._connection.execute(_FORGET_LOST, {"queue": queue, "older_than": older_than}).rowcount

    def queues(self) -> Sequence[str]:
        """Queues with something waiting."""
        return self._connection.execute(_QUEUES).scalars().all()

    def expire_leases(self, *, max_attempts: int) -> Sequence[Swept]:
        """Put back what died with its worker; fail what died too often."""
        error = codecs.FAILURE.dump(Failure.of(WorkerLost()))
        return self._swept(_EXPIRE_LEASES, {"max_attempts": max_attempts, "error": error})

    def expire_deadlines(self) -> Sequence[Swept]:
        """Fail what is late."""
        return self._swept(_EXPIRE_DEADLINES, {"error": codecs.FAILURE.dump(Failure.of(DeadlineExceeded()))})

    def _swept(self, statement: TextClause, values: Mapping[str, object]) -> Sequence[Swept]:
        return [
            Swept(status=Status(row.status), source=row.source, provider=row.provider, seconds=row.duration_seconds)
            for row in self._connection.execute(statement, values)
        ]

    def depths(self) -> Sequence[QueueDepth]:
        """Every queue with open work."""
        return [
            QueueDepth(
                queue=row.queue, waiting=row.waiting, running=row.running, oldest_seconds=float(row.oldest_seconds)
            )
            for row in self._connection.execute(_DEPTHS)
        ]
