"""Batches and their items. What becomes of an item stands in its analysis and nowhere else."""

from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, text

from app.domain.analyses import Status
from app.domain.batches import Added, Batch, CancelledItem, ItemPlace, NewBatch
from app.storage.endings import CONSEQUENCES, MOVED, OWN_CONSEQUENCES

_ADD = text("""
    INSERT INTO batches (project_id, total, request_id, idempotency_key, request_hash)
    VALUES (:project_id, :total, :request_id, :idempotency_key, :request_hash)
    ON CONFLICT (project_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id
""")
_KNOWN = text("""
    SELECT id, request_hash FROM batches WHERE project_id = :project_id AND idempotency_key = :idempotency_key
""")
_PUT = text("""
    INSERT INTO batch_items (batch_id, position, custom_id, analysis_id)
    SELECT :batch_id, position, custom_id, analysis_id
    FROM json_to_recordset(CAST(:rows AS json)) AS given (position integer, custom_id text, analysis_id bigint)
""")
#: In one statement, so that the counts are of one moment and add up.
_GET = text("""
    SELECT b.id, b.total, b.created_at, b.cancel_requested_at, c.counts, c.finished_at
    FROM batches b CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(status, items) AS counts, max(last) AS finished_at FROM (
            SELECT r.status, count(*) AS items, max(r.finished_at) AS last
            FROM batch_items i JOIN analysis_results r ON r.id = i.analysis_id
            WHERE i.batch_id = b.id GROUP BY r.status
        ) AS by_status
    ) AS c
    WHERE b.id = :id AND b.project_id = :project_id
""")
_ENDED = text("""
    SELECT i.position, i.custom_id, i.analysis_id
    FROM batch_items i JOIN analysis_results r ON r.id = i.analysis_id
    WHERE i.batch_id = :batch_id AND i.position > :after AND r.finished_at IS NOT NULL
    ORDER BY i.position LIMIT :limit
""")
_WISH = text("""
    UPDATE batches SET cancel_requested_at = coalesce(cancel_requested_at, now())
    WHERE id = :id AND project_id = :project_id RETURNING id
""")
#: Always in the order of their ids, so that two cancels never wait for each other.
_ITS = """SELECT id FROM analysis_results
        WHERE id IN (SELECT analysis_id FROM batch_items WHERE batch_id = :id) AND project_id = :project_id"""
#: Followers first, and by themselves: nobody follows them. In one statement with their leaders, they would be changed
#: twice: as cancelled, and as what their leader's end lets go on.
_CANCEL_FOLLOWERS = text(f"""
    WITH its AS (
        {_ITS} AND status IN ('queued', 'retrying') AND leader_id IS NOT NULL ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE analysis_results r SET
            cancel_requested_at = coalesce(cancel_requested_at, now()), status = 'cancelled', finished_at = now(),
            duration_seconds = extract(epoch FROM now() - created_at)
        FROM its WHERE r.id = its.id
        RETURNING {", ".join(f"r.{column}" for column in MOVED.split(", "))}, source, provider, duration_seconds
    ), {OWN_CONSEQUENCES}
    SELECT source, provider, duration_seconds FROM moved
""")
_CANCEL = text(f"""
    WITH its AS ({_ITS} AND status IN ('queued', 'retrying', 'running') ORDER BY id FOR UPDATE), moved AS (
        UPDATE analysis_results r SET
            cancel_requested_at = coalesce(cancel_requested_at, now()),
            status = CASE WHEN status = 'running' THEN status ELSE 'cancelled' END,
            finished_at = CASE WHEN status = 'running' THEN NULL ELSE now() END,
            duration_seconds = CASE WHEN status = 'running' THEN NULL
                ELSE extract(epoch FROM now() - created_at) END
        FROM its WHERE r.id = its.id
        RETURNING {", ".join(f"r.{column}" for column in MOVED.split(", "))}, source, provider, duration_seconds
    ), {CONSEQUENCES}
    SELECT status, source, provider, duration_seconds,
        CASE WHEN status = 'running' THEN pg_notify('bifrost_stop', id || ':' || epoch) END
    FROM moved
""")


class PostgresBatches:
    """`domain.batches.Batches` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: NewBatch, request_hash: str) -> Added:
        """Insert without its items, or find the one stored under the same idempotency key."""
        values = {
            "project_id": new.project_id,
            "total": len(new.items),
            "request_id": new.request_id,
            "idempotency_key": new.idempotency_key,
            "request_hash": request_hash,
        }
        added = self._connection.execute(_ADD, values).first()
        if added is not None:
            return Added(batch_id=added.id, new=True, request_hash=request_hash)
        known = self._connection.execute(_KNOWN, values).one()
        return Added(batch_id=known.id, new=False, request_hash=known.request_hash)

    def put(self, batch_id: int, places: Sequence[ItemPlace]) -> None:
        """Its items."""
        self._connection.execute(_PUT, {"batch_id": batch_id, "rows": orjson.dumps(places).decode()})

    def get(self, project_id: int, batch_id: int) -> Batch | None:
        """One of a project."""
        row = self._connection.execute(_GET, {"id": batch_id, "project_id": project_id}).first()
        if row is None:
            return None
        counts = {status: row.counts.get(status, 0) for status in Status}
        open_ = counts[Status.QUEUED] + counts[Status.RETRYING] + counts[Status.RUNNING]
        return Batch(
            id=row.id,
            total=row.total,
            counts=counts,
            created_at=row.created_at,
            finished_at=None if open_ else row.finished_at,
            cancel_requested_at=row.cancel_requested_at,
        )

    def ended(self, batch_id: int, *, after: int, limit: int) -> Sequence[ItemPlace]:
        """Items beyond the position `after` whose analyses have ended, in order, at most `limit`."""
        rows = self._connection.execute(_ENDED, {"batch_id": batch_id, "after": after, "limit": limit})
        return [ItemPlace(position=row.position, custom_id=row.custom_id, analysis_id=row.analysis_id) for row in rows]

    def cancel(self, project_id: int, batch_id: int) -> Sequence[CancelledItem]:
        """Note the wish; end what waits, ask the workers of what runs. Those that ended at once."""
        values = {"id": batch_id, "project_id": project_id}
        if self._connection.execute(_WISH, values).first() is None:
            return ()
        followers = self._connection.execute(_CANCEL_FOLLOWERS, values).all()
        others = self._connection.execute(_CANCEL, values).all()
        ended = [*followers, *(row for row in others if row.status == Status.CANCELLED)]
        return [CancelledItem(source=row.source, provider=row.provider, seconds=row.duration_seconds) for row in ended]
