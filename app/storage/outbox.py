"""Events that are still to be published: claimed for a while, marked when acknowledged, tried again, given up."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from app.domain.analyses import Failure
from app.domain.announcements import Announcement, OutboxDepth
from app.storage import codecs

#: Also the condition of the partial indexes.
_OPEN = "o.published_at IS NULL AND o.dead_at IS NULL"
#: Also a condition of the index `outbox_due`: what waits for Kafka, perhaps for hours, is no business of this claim.
_NOT_KAFKA = "coalesce(o.callback->>'kind', '') <> 'kafka'"
#: Never "id > last": ids are given before commits, so a smaller one may become visible later.
#: An earlier event of the same key blocks the later ones, whoever holds it and however long it waits.
_FIRST_OF_ITS_KEY = """NOT EXISTS (
        SELECT FROM outbox e
        WHERE e.key = o.key AND e.id < o.id AND e.published_at IS NULL AND e.dead_at IS NULL
    )"""
_UNCLAIMED = "(o.claimed_until IS NULL OR o.claimed_until < now())"
_CLAIM = text(f"""
    WITH due AS (
        SELECT o.id FROM outbox o
        WHERE {_OPEN} AND {_NOT_KAFKA} AND o.next_attempt_at <= now() AND {_UNCLAIMED}
            AND o.callback->>'kind' = ANY(CAST(:publishers AS text[]))
            AND coalesce(o.callback->>'lane', '') <> ALL(CAST(:full AS text[]))
            AND {_FIRST_OF_ITS_KEY}
        ORDER BY o.next_attempt_at, o.id
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox o SET claimed_by = :owner, claimed_until = now() + make_interval(secs => :lease),
        attempts = least(o.attempts + 1, 32767),
        -- one that a process of an earlier version has written
        project_id = r.project_id
    FROM due, analysis_results r
    WHERE o.id = due.id AND r.id = o.analysis_id
    RETURNING o.id, o.event_id, o.kind, o.key, o.analysis_id, r.project_id, o.callback, o.attempts, o.tried_before,
        o.created_at
""")
#: The fence: this owner's claim, and this one of his claims.
_HELD = "o.id = held.id AND o.attempts = held.attempt AND o.claimed_by = :owner"
_THESE = "unnest(CAST(:ids AS bigint[]), CAST(:attempts AS int[])) AS held (id, attempt)"
_EXTEND = text(f"""
    UPDATE outbox o SET claimed_until = now() + make_interval(secs => :lease) FROM {_THESE} WHERE {_HELD} AND {_OPEN}
""")
_RELEASE = text(f"""
    UPDATE outbox o SET claimed_by = NULL, claimed_until = NULL, attempts = o.attempts - 1
    FROM {_THESE} WHERE {_HELD} AND {_OPEN}
""")
_MINE = f"o.id = :id AND o.attempts = :attempt AND o.claimed_by = :owner AND {_OPEN}"
_PUBLISHED = text(f"""
    UPDATE outbox o SET published_at = now(), claimed_by = NULL, claimed_until = NULL, error = NULL
    WHERE {_MINE} RETURNING id
""")
_FAILED = text(f"""
    UPDATE outbox o SET claimed_by = NULL, claimed_until = NULL, error = CAST(:error AS jsonb),
        next_attempt_at = now() + make_interval(secs => coalesce(CAST(:delay AS double precision), 0)),
        dead_at = CASE WHEN CAST(:delay AS double precision) IS NULL THEN now() END
    WHERE {_MINE} RETURNING id
""")
_DEPTHS = text(f"""
    SELECT o.callback->>'kind' AS publisher, count(*) AS waiting,
        coalesce(extract(epoch FROM now() - min(o.next_attempt_at)
            FILTER (WHERE o.next_attempt_at <= now() AND {_UNCLAIMED} AND {_FIRST_OF_ITS_KEY})), 0) AS oldest_seconds
    FROM outbox o WHERE {_OPEN}
    GROUP BY 1 ORDER BY 1
""")


class PostgresOutbox:
    """`storage_ports.Outbox` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(
        self, publishers: Sequence[str], *, owner: str, lease: float, limit: int, full: Sequence[str] = ()
    ) -> Sequence[Announcement]:
        """What is due for these publishers, the oldest of each key, none for the lanes that are `full`."""
        values = {"publishers": list(publishers), "owner": owner, "lease": lease, "limit": limit, "full": list(full)}
        rows = self._connection.execute(_CLAIM, values).all()
        # UPDATE … RETURNING gives no order
        return [
            Announcement(
                id=row.id,
                event_id=str(row.event_id),
                kind=row.kind,
                key=row.key,
                analysis_id=row.analysis_id,
                project_id=row.project_id,
                callback=row.callback,
                attempt=row.attempts,
                tried_before=row.tried_before,
                created_at=row.created_at,
            )
            for row in sorted(rows, key=lambda row: int(row.id))
        ]

    def extend(self, claims: Sequence[Announcement], *, owner: str, lease: float) -> None:
        """They are still being published."""
        self._connection.execute(_EXTEND, _these(claims, owner) | {"lease": lease})

    def release(self, claims: Sequence[Announcement], *, owner: str) -> None:
        """They were not tried: due again at once, and the attempt does not count."""
        self._connection.execute(_RELEASE, _these(claims, owner))

    def published(self, announcement: Announcement, *, owner: str) -> bool:
        """It was acknowledged. False: the claim was over, nothing was written."""
        return self._connection.execute(_PUBLISHED, _fence(announcement, owner)).first() is not None

    def failed(self, announcement: Announcement, error: Failure, *, owner: str, delay: float | None) -> bool:
        """Try again in `delay` seconds; None: never. False: the claim was over, nothing was written."""
        values = _fence(announcement, owner) | {"error": codecs.FAILURE.dump(error), "delay": delay}
        return self._connection.execute(_FAILED, values).first() is not None

    def depths(self) -> Sequence[OutboxDepth]:
        """What waits, by publisher."""
        return [
            OutboxDepth(
                publisher=row.publisher or "none", waiting=row.waiting, oldest_seconds=float(row.oldest_seconds)
            )
            for row in self._connection.execute(_DEPTHS)
        ]


def _these(claims: Sequence[Announcement], owner: str) -> dict[str, Any]:
    return {"ids": [one.id for one in claims], "attempts": [one.attempt for one in claims], "owner": owner}


def _fence(announcement: Announcement, owner: str) -> dict[str, Any]:
    return {"id": announcement.id, "attempt": announcement.attempt, "owner": owner}
