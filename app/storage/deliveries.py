"""Webhooks for whoever asked for them: a view of the outbox, and the receivers that are gone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.deliveries import Delivery, DeliveryFilter, DeliveryStatus, WebhookFormat
from app.storage import codecs

#: Also a condition of the indexes.
_WEBHOOK = "callback->>'kind' = 'webhook'"
_MINE = f"project_id = :project_id AND {_WEBHOOK}"
_SHOWN = """id, CAST(event_id AS text) AS event_id, kind, analysis_id, callback, attempts, error, created_at,
    next_attempt_at, published_at, dead_at"""
_GET = text(f"SELECT {_SHOWN} FROM outbox WHERE event_id = CAST(:id AS uuid) AND {_MINE}")
#: What is being sent at this moment is not touched: it goes already, and its outcome is about to be marked.
_AGAIN = text(f"""
    WITH again AS (
        UPDATE outbox SET published_at = NULL, dead_at = NULL, next_attempt_at = now(), tried_before = attempts,
            claimed_by = NULL, claimed_until = NULL
        WHERE event_id = CAST(:id AS uuid) AND {_MINE} AND (claimed_until IS NULL OR claimed_until < now())
        RETURNING callback->>'url' AS url
    )
    DELETE FROM gone_receivers g USING again WHERE g.project_id = :project_id AND g.url = again.url
""")
_GONE_SINCE = text("SELECT gone_at FROM gone_receivers WHERE project_id = :project_id AND url = :url")
_GONE = text("""
    INSERT INTO gone_receivers (project_id, url) VALUES (:project_id, :url)
    ON CONFLICT (project_id, url) DO UPDATE SET gone_at = now()
""")
#: Filter field -> condition. Those that are None are left away.
_CONDITIONS: Mapping[str, str] = {
    "analysis_id": "analysis_id = :analysis_id",
    "since": "created_at >= :since",
    "until": "created_at < :until",
}
_STATES: Mapping[DeliveryStatus, str] = {
    DeliveryStatus.WAITING: "published_at IS NULL AND dead_at IS NULL",
    DeliveryStatus.DELIVERED: "published_at IS NOT NULL",
    DeliveryStatus.GIVEN_UP: "dead_at IS NOT NULL",
}


class PostgresDeliveries:
    """`deliveries.Deliveries` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, wanted: DeliveryFilter) -> Sequence[Delivery]:
        """Latest event first, at most `limit + 1`; the keyset makes page 1,000 as cheap as page 1."""
        values: dict[str, Any] = {
            name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None
        }
        conditions = [_MINE, *(_CONDITIONS[name] for name in values)]
        if wanted.status is not None:
            conditions.append(_STATES[wanted.status])
        if wanted.before is not None:
            conditions.append("(created_at, id) < (:before_at, :before_id)")
            values["before_at"], values["before_id"] = wanted.before
        statement = text(
            f"SELECT {_SHOWN} FROM outbox WHERE {' AND '.join(conditions)} "
            "ORDER BY created_at DESC, id DESC LIMIT :limit"
        )
        values |= {"project_id": wanted.project_id, "limit": wanted.limit + 1}
        return [_delivery(row) for row in self._connection.execute(statement, values)]

    def get(self, project_id: int, delivery_id: str) -> Delivery | None:
        """One of a project."""
        row = self._connection.execute(_GET, {"id": delivery_id, "project_id": project_id}).first()
        return None if row is None else _delivery(row)

    def again(self, project_id: int, delivery_id: str) -> None:
        """Due now, on a schedule that begins anew, to a receiver that is not gone. Not while it is being sent."""
        self._connection.execute(_AGAIN, {"id": delivery_id, "project_id": project_id})

    def gone_since(self, project_id: int, url: str) -> datetime | None:
        """When this receiver answered 410; None when it did not."""
        found = self._connection.execute(_GONE_SINCE, {"project_id": project_id, "url": url}).first()
        return None if found is None else found.gone_at

    def gone(self, project_id: int, url: str) -> None:
        """It answered 410."""
        self._connection.execute(_GONE, {"project_id": project_id, "url": url})


def _delivery(row: Row[Any]) -> Delivery:
    status = DeliveryStatus.DELIVERED if row.published_at else DeliveryStatus.WAITING
    if row.dead_at:
        status = DeliveryStatus.GIVEN_UP
    return Delivery(
        id=row.event_id,
        number=row.id,
        kind=row.kind,
        analysis_id=row.analysis_id,
        url=str(row.callback.get("url", "")),
        format_=WebhookFormat(row.callback.get("format", WebhookFormat.STANDARD)),
        status=status,
        attempts=row.attempts,
        error=codecs.FAILURE.load(row.error),
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at if status is DeliveryStatus.WAITING else None,
        delivered_at=row.published_at,
        given_up_at=row.dead_at,
    )
