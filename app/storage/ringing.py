"""Which waiting analyses to ring for next: urgent first, the longer waiting more urgent, projects in turn."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from app.domain.analyses import Priority
from app.domain.storage_ports import Doorbell, DueOrder

_WAITING = "status IN ('queued', 'retrying')"
#: As the partial indexes `analysis_results_waiting` and `analysis_results_rung` say it.
_READY = f"{_WAITING} AND rung_at IS NULL AND leader_id IS NULL"
_RUNG = f"{_WAITING} AND rung_at IS NOT NULL"
#: A ring is unanswered until its analysis is claimed; each silence doubles the patience, up to 32 times.
_IMPATIENT = "rung_at + make_interval(secs => :older_than * power(2, least(greatest(rings - 1, 0), 5))) <= now()"
#: A log of this size is prepared in a few milliseconds.
_LIGHT_BYTES = 16_384
#: First number of our advisory locks on queues.
_TURN = 7301

#: Marked with one statement at most, so that it takes milliseconds; the next one follows soon.
_AT_ONCE = 32
#: Projects looked at in each direction from a random one, for each priority: all when there are not more than twice
#: as many, others each time when there are.
_PROJECTS = 8
#: Looked at beyond what is needed, since somebody may hold some.
_SPARE = 4

#: One queue, one dispatcher at a time, or two would fill the window twice; nobody waits for the other. The mark is
#: only a hint, so its commit need not wait for the disk.
#:
#: How urgent something is changes with time, which no index can follow. But within one priority of one project the
#: longest waiting is the most urgent, so the first few of each are enough to choose from: `line` walks from project
#: to project, one look into the index each. Who offers all that was asked for (`of_each`) may have more: nothing less
#: urgent goes before that was looked at, at the next time.
_DUE = text(f"""
    SELECT set_config('bifrost.turn', CAST(pg_try_advisory_xact_lock({_TURN}, hashtext(:queue)) AS text), true),
        set_config('synchronous_commit', 'off', true);
    WITH RECURSIVE held AS (
        SELECT project_id, count(*) AS rings FROM analysis_results WHERE queue = :queue AND {_RUNG} GROUP BY project_id
    ), all_held AS (
        SELECT coalesce(CAST(sum(rings) AS bigint), 0) AS count FROM held
    ), free AS (
        -- without a limit nothing is counted, and `least` passes over the NULL
        SELECT CAST(:limit AS bigint) - count(*) AS places FROM analysis_results
        WHERE queue = :queue AND status = 'running' AND CAST(:limit AS bigint) IS NOT NULL
    ), room AS (
        SELECT CASE WHEN current_setting('bifrost.turn') = 'true'
            THEN least({_AT_ONCE}, greatest(0,
                least(CAST(:window AS bigint), (SELECT places FROM free)) - (SELECT count FROM all_held)))
            ELSE 0 END AS places
    ), line AS (
        SELECT CAST(levels.priority AS smallint) AS priority, way, 0 AS step,
            least_id + CAST(floor(chance * (most_id - least_id + 1)) AS bigint) - CASE way WHEN 1 THEN 1 ELSE 0 END
                AS project_id
        FROM generate_series({int(min(Priority))}, {int(max(Priority))}) AS levels (priority) CROSS JOIN LATERAL (
            SELECT min(project_id) AS least_id, max(project_id) AS most_id, random() AS chance FROM analysis_results
            WHERE queue = :queue AND priority = levels.priority AND {_READY} AND (SELECT places FROM room) > 0
        ) AS ends CROSS JOIN (VALUES (1), (-1)) AS ways (way)
        WHERE least_id IS NOT NULL
        UNION ALL
        SELECT line.priority, line.way, line.step + 1, further.project_id FROM line CROSS JOIN LATERAL (
            (SELECT project_id FROM analysis_results
            WHERE queue = :queue AND priority = line.priority AND {_READY} AND line.way = 1
                AND project_id > line.project_id
            ORDER BY project_id LIMIT 1)
            UNION ALL
            (SELECT project_id FROM analysis_results
            WHERE queue = :queue AND priority = line.priority AND {_READY} AND line.way = -1
                AND project_id < line.project_id
            ORDER BY project_id DESC LIMIT 1)
        ) AS further
        WHERE line.step < {_PROJECTS}
    ), enough AS (
        SELECT 2 + 4 * places / greatest(4, (SELECT count(*) FROM line WHERE step > 0)) AS of_each,
            greatest(1, ceil(:window * CAST(:share AS double precision))) AS of_project
        FROM room
    ), candidates AS (
        SELECT first.id, line.priority, line.project_id, first.run_at, least({int(max(Priority))},
            line.priority + floor(extract(epoch FROM now() - first.run_at) / CAST(:aging AS numeric))) AS urgency
        FROM line CROSS JOIN LATERAL (
            SELECT id, run_at FROM analysis_results
            WHERE queue = :queue AND priority = line.priority AND project_id = line.project_id AND {_READY}
                AND run_at <= now()
            ORDER BY run_at, id LIMIT (SELECT of_each FROM enough)
        ) AS first
        WHERE line.step > 0
    ), placed AS (
        SELECT candidates.*, coalesce(held.rings, 0)
            + row_number() OVER (PARTITION BY project_id ORDER BY urgency DESC, run_at, id) AS place
        FROM candidates LEFT JOIN held USING (project_id)
    ), more AS (
        SELECT min(urgency) AS urgency FROM placed GROUP BY priority, project_id
        HAVING count(*) >= (SELECT of_each FROM enough) AND max(place) <= (SELECT of_project FROM enough)
    ), best AS (
        SELECT id, project_id, run_at, urgency, place FROM placed
        WHERE place <= (SELECT of_project + {_SPARE} FROM enough)
            AND urgency >= coalesce((SELECT max(urgency) FROM more), 0)
        ORDER BY urgency DESC, place, run_at, id LIMIT (SELECT places + {_SPARE} * 2 FROM room)
    ), ours AS (
        -- the number tells the planner that there are not many
        SELECT r.id, r.project_id, best.run_at, best.urgency, best.place
        FROM (SELECT * FROM best LIMIT {_AT_ONCE + 2 * _SPARE}) AS best JOIN analysis_results r USING (id)
        WHERE {_READY} FOR UPDATE OF r SKIP LOCKED
    ), again AS (
        -- without those that somebody holds
        SELECT ours.id, ours.run_at, ours.urgency, coalesce(held.rings, 0)
            + row_number() OVER (PARTITION BY project_id ORDER BY ours.place) AS place
        FROM ours LEFT JOIN held USING (project_id)
    ), taken AS (
        SELECT id, urgency, row_number() OVER (ORDER BY urgency DESC, place, run_at, id) AS turn FROM again
        WHERE place <= (SELECT of_project FROM enough) ORDER BY turn LIMIT (SELECT places FROM room)
    )
    UPDATE analysis_results r SET rung_at = now(), rings = least(r.rings + 1, 100)
    FROM taken WHERE r.id = taken.id
    RETURNING r.id, CAST(taken.urgency AS integer) AS urgency, taken.turn,
        r.stage = 'prepare' AND r.log_bytes <= {_LIGHT_BYTES} AS light
""")
_FORGET_LOST = text(f"UPDATE analysis_results SET rung_at = NULL WHERE queue = :queue AND {_RUNG} AND {_IMPATIENT}")
_OVERDUE = text(f"""
    UPDATE analysis_results SET rung_at = now() WHERE id IN (
        SELECT id FROM analysis_results WHERE queue = :queue AND {_RUNG} AND {_IMPATIENT} FOR UPDATE SKIP LOCKED
    ) RETURNING id
""")
_UNRING = text(f"""
    WITH unrung AS (
        UPDATE analysis_results SET rung_at = NULL, rings = greatest(rings - 1, 0) WHERE id = :id AND {_RUNG}
        RETURNING id
    )
    SELECT id, pg_notify('bifrost_due', '') FROM unrung
""")
_FORGET = text(f"UPDATE analysis_results SET rung_at = NULL WHERE id = ANY(CAST(:ids AS bigint[])) AND {_RUNG}")
#: From one queue to the next, one look into the index each.
_QUEUES = text(f"""
    WITH RECURSIVE ready AS (
        (SELECT queue FROM analysis_results WHERE {_READY} ORDER BY queue LIMIT 1)
        UNION ALL
        SELECT further.queue FROM ready CROSS JOIN LATERAL (
            SELECT queue FROM analysis_results WHERE {_READY} AND queue > ready.queue ORDER BY queue LIMIT 1
        ) AS further
    ), rung AS (
        (SELECT queue FROM analysis_results WHERE {_RUNG} ORDER BY queue LIMIT 1)
        UNION ALL
        SELECT further.queue FROM rung CROSS JOIN LATERAL (
            SELECT queue FROM analysis_results WHERE {_RUNG} AND queue > rung.queue ORDER BY queue LIMIT 1
        ) AS further
    )
    SELECT queue FROM ready UNION SELECT queue FROM rung ORDER BY queue
""")


def due(connection: Connection, queue: str, order: DueOrder) -> Sequence[Doorbell]:
    """Mark and return what to ring for, best first, so that at most a window of rings is unanswered."""
    values = {"queue": queue, "window": order.window, "aging": order.aging, "share": order.share, "limit": order.limit}
    # UPDATE … RETURNING gives no order
    rows = sorted(connection.execute(_DUE, values).all(), key=lambda row: row.turn)
    return [Doorbell(analysis_id=row.id, queue=queue, priority=Priority(row.urgency), light=row.light) for row in rows]


def forget_lost(connection: Connection, queue: str, *, older_than: float) -> int:
    """The broker's queue is empty: whatever was rung for and not claimed since was lost; ring again."""
    return connection.execute(_FORGET_LOST, {"queue": queue, "older_than": older_than}).rowcount


def overdue(connection: Connection, queue: str, *, older_than: float) -> Sequence[int]:
    """Ids that were rung for, and not claimed for this long. Marked anew, so that no other dispatcher sees them."""
    return connection.execute(_OVERDUE, {"queue": queue, "older_than": older_than}).scalars().all()


def forget(connection: Connection, analysis_ids: Sequence[int]) -> int:
    """Ring again for those still waiting."""
    return connection.execute(_FORGET, {"ids": list(analysis_ids)}).rowcount


def unring(connection: Connection, analysis_id: int) -> None:
    """The message came to somebody who does not take it: ring again at once."""
    connection.execute(_UNRING, {"id": analysis_id})


def queues(connection: Connection) -> Sequence[str]:
    """Queues with something waiting."""
    return connection.execute(_QUEUES).scalars().all()
