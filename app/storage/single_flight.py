"""Identical analyses in flight share one answer: the first leads, the others follow."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from app.domain.analyses import Status
from app.domain.storage_ports import Swept
from app.storage.endings import ANSWER, answered, released

_OPEN = "status IN ('queued', 'retrying', 'running')"
_WAITING = "status IN ('queued', 'retrying')"
#: First number of our advisory locks on cache keys.
FLIGHT = 7302

#: Until the transaction ends, nobody else submits the same. Look for a leader and for a cached answer after this:
#: what the one before us has committed is seen.
BOARDING = f"SELECT pg_advisory_xact_lock({FLIGHT}, hashtext(:cache_key))"
#: It will not take over the answer of a similar one: this is looked for before a model is asked.
FIRST_HAND = "(cache <> 'similar' OR stage <> 'prepare')"
#: The analysis to follow. It becomes as urgent as the most urgent that waits for it.
LEADER = f"""leader AS (
        SELECT id FROM analysis_results
        WHERE cache_key = :cache_key AND {_OPEN} AND leader_id IS NULL AND cancel_requested_at IS NULL
            AND ({FIRST_HAND} OR :cache = 'similar')
        ORDER BY id LIMIT 1
    ), urged AS (
        UPDATE analysis_results r SET priority = :priority, rung_at = NULL FROM leader
        WHERE r.id = leader.id AND {_WAITING} AND r.priority < :priority
        RETURNING pg_notify('bifrost_due', '')
    )"""
#: Followers whose leader has ended without them: what a race left behind, or a transaction that held them.
_REPAIR = text(f"""
    WITH RECURSIVE led AS (
        (SELECT leader_id FROM analysis_results WHERE leader_id IS NOT NULL AND {_OPEN} ORDER BY leader_id LIMIT 1)
        UNION ALL
        SELECT further.leader_id FROM led CROSS JOIN LATERAL (
            SELECT leader_id FROM analysis_results
            WHERE leader_id > led.leader_id AND leader_id IS NOT NULL AND {_OPEN} ORDER BY leader_id LIMIT 1
        ) AS further
    ), over AS (
        SELECT led.leader_id AS id, coalesce(l.status, 'gone') AS status, coalesce(l.finished_at, now()) AS finished_at,
            {", ".join(f"l.{column}" for column in ANSWER.split(", "))}
        FROM led LEFT JOIN analysis_results l ON l.id = led.leader_id
        WHERE l.id IS NULL OR l.finished_at IS NOT NULL LIMIT 100
    ), {answered("over")}, {released("over")}
    SELECT status, source, provider, duration_seconds FROM answered
""")


def repair(connection: Connection) -> Sequence[Swept]:
    """Answer the followers of what has completed, let the others go on. Those that were answered."""
    return [
        Swept(status=Status(row.status), source=row.source, provider=row.provider, seconds=row.duration_seconds)
        for row in connection.execute(_REPAIR)
    ]
