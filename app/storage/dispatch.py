"""What the dispatcher asks the store: rings to send, leases and deadlines that are over, depths of queues."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, TextClause, text

from app.domain.analyses import ALONE_QUEUE, Failure, Status
from app.domain.errors import DeadlineExceeded, WorkerLost
from app.domain.storage_ports import Doorbell, DueOrder, QueueDepth, Swept
from app.storage import codecs, ringing, single_flight
from app.storage.endings import CONSEQUENCES

#: A worker that died or froze: its analysis waits again, ends as cancelled if that was asked for, or fails when its
#: attempts are used up (a poison job must not circulate). A call that died among others is never failed for it: any of
#: them may have killed their process. It is made alone for the last time, and then whoever dies has killed itself.
_EXPIRE_LEASES = text(f"""
    WITH dead AS (
        SELECT id, epoch, CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
                WHEN stage = 'infer' AND queue <> :alone THEN 'queued'
                WHEN attempt >= CAST(:max_attempts AS integer) THEN 'failed' ELSE 'queued' END AS next,
            stage = 'infer' AND attempt >= CAST(:max_attempts AS integer) - 1 AS suspect
        FROM analysis_results WHERE status = 'running' AND lease_until < now()
        ORDER BY lease_until LIMIT 500 FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE analysis_results r SET status = dead.next, lease_owner = NULL, lease_until = NULL, rung_at = NULL,
            rings = 0, run_at = now(),
            queue = CASE WHEN dead.next = 'queued' AND dead.suspect THEN :alone ELSE queue END,
            attempt = CASE WHEN dead.next = 'queued' THEN least(attempt, CAST(:max_attempts AS integer) - 1)
                ELSE attempt END,
            error = CASE WHEN dead.next = 'failed' THEN CAST(:error AS jsonb) ELSE error END,
            finished_at = CASE WHEN dead.next = 'queued' THEN NULL ELSE now() END,
            duration_seconds = CASE WHEN dead.next = 'queued' THEN NULL
                ELSE extract(epoch FROM now() - created_at) END
        FROM dead WHERE r.id = dead.id
        RETURNING r.id, r.project_id, r.epoch, r.status, r.finished_at, r.callback, r.source, r.provider,
            r.duration_seconds
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
        RETURNING r.id, r.project_id, r.epoch, r.status, r.finished_at, r.callback, r.source, r.provider,
            r.duration_seconds
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
    FROM analysis_results WHERE status IN ('queued', 'retrying', 'running') AND leader_id IS NULL
    GROUP BY queue ORDER BY queue
""")


class PostgresDispatch:
    """`storage_ports.Dispatch` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due(self, queue: str, order: DueOrder) -> Sequence[Doorbell]:
        """Mark and return what to ring for, best first, so that at most a window of rings is unanswered."""
        return ringing.due(self._connection, queue, order)

    def forget_lost(self, queue: str, *, older_than: float) -> int:
        """The broker's queue is empty: whatever was rung for and not claimed since was lost; ring again."""
        return ringing.forget_lost(self._connection, queue, older_than=older_than)

    def overdue(self, queue: str, *, older_than: float) -> Sequence[int]:
        """Ids that were rung for, and not claimed for this long. Ours until that is over."""
        return ringing.overdue(self._connection, queue, older_than=older_than)

    def forget(self, analysis_ids: Sequence[int]) -> int:
        """Their messages are gone: ring again for those still waiting."""
        return ringing.forget(self._connection, analysis_ids)

    def unring(self, analysis_id: int) -> None:
        """The message came to somebody who does not take it: ring again at once."""
        ringing.unring(self._connection, analysis_id)

    def queues(self) -> Sequence[str]:
        """Queues with something waiting."""
        return ringing.queues(self._connection)

    def expire_leases(self, *, max_attempts: int) -> Sequence[Swept]:
        """Put back what died with its worker, a call for its last attempt alone; fail what died too often."""
        error = codecs.FAILURE.dump(Failure.of(WorkerLost()))
        return self._swept(_EXPIRE_LEASES, {"max_attempts": max_attempts, "alone": ALONE_QUEUE, "error": error})

    def expire_deadlines(self) -> Sequence[Swept]:
        """Fail what is late."""
        return self._swept(_EXPIRE_DEADLINES, {"error": codecs.FAILURE.dump(Failure.of(DeadlineExceeded()))})

    def repair_followers(self) -> Sequence[Swept]:
        """Those whose leader has ended without them get its answer (told here) or go on by themselves."""
        return single_flight.repair(self._connection)

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
