"""Deletes what is old enough, a batch at a time, so that nobody waits for a lock."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.storage_ports import Emptied
from app.storage.statistics import SEALED_UNTIL
from app.storage.turns import RETENTION, take_turn

_ENDED = "r.status IN ('completed', 'failed', 'cancelled')"
_OLD = "r.finished_at < now() - make_interval(secs => :older_than)"
#: What is deleted is counted for good before, and told to everybody who wanted to know.
_DELETE = text(f"""
    WITH old AS (
        SELECT r.id FROM analysis_results r
        WHERE {_ENDED} AND {_OLD}
            AND r.finished_at < {SEALED_UNTIL}
            AND NOT EXISTS (
                SELECT FROM outbox o WHERE o.analysis_id = r.id AND o.published_at IS NULL AND o.dead_at IS NULL
            )
        ORDER BY r.finished_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    , incomplete AS (
        -- its counts would not add up any more
        DELETE FROM batches b USING batch_items i JOIN old ON old.id = i.analysis_id WHERE b.id = i.batch_id
    )
    DELETE FROM analysis_results r USING old WHERE r.id = old.id
""")
_EMPTY = text(f"""
    WITH old AS (
        SELECT r.id FROM analysis_results r
        WHERE {_ENDED} AND {_OLD} AND r.finished_at >= coalesce(CAST(:after AS timestamptz), '-infinity')
            AND (r.log_content IS NOT NULL OR r.log_zstd IS NOT NULL)
        ORDER BY r.finished_at LIMIT :limit FOR UPDATE
    ), emptied AS (
        UPDATE analysis_results r SET log_content = NULL, log_zstd = NULL FROM old WHERE r.id = old.id
        RETURNING r.finished_at
    )
    SELECT count(*) AS logs, max(finished_at) AS until FROM emptied
""")


class PostgresRetention:
    """`storage_ports.Retention` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def delete_analyses(self, *, older_than: float, limit: int) -> int:
        """Ended at least so many seconds ago, counted for good, and with nothing left to announce. How many."""
        if not take_turn(self._connection, RETENTION):
            return 0
        return self._connection.execute(_DELETE, {"older_than": older_than, "limit": limit}).rowcount

    def delete_logs(self, *, older_than: float, limit: int, after: datetime | None) -> Emptied:
        """Only the logs of such analyses; looks at those that ended after `after`.

        An analysis whose log is gone stays in the index: without `after` each look would pass over all of them again.
        """
        if not take_turn(self._connection, RETENTION):
            return Emptied(count=0, until=None)
        row = self._connection.execute(_EMPTY, {"older_than": older_than, "limit": limit, "after": after}).one()
        return Emptied(count=row.logs, until=row.until)
