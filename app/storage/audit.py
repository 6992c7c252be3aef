"""The log of administrative acts."""

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import Connection, Row, text

from app.domain.audit import Entry, EntryFilter, NewEntry

_ADD = text("""
    INSERT INTO audit_log (project_id, actor, act, subject, details)
    VALUES (:project_id, :actor, :act, :subject, CAST(:details AS jsonb))
""")
#: Filter field -> condition. Those that are None are left away.
_CONDITIONS: Mapping[str, str] = {
    "project_id": "a.project_id = :project_id",
    "project": "p.name = :project",
    "actor": "a.actor = :actor",
    "act": "a.act = :act",
    "since": "a.at >= :since",
    "until": "a.at < :until",
}


class PostgresAuditLog:
    """`audit.AuditLog` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: NewEntry) -> None:
        """Note down."""
        values = {
            "project_id": entry.project_id,
            "actor": entry.actor,
            "act": entry.act.value,
            "subject": entry.subject,
            "details": orjson.dumps(dict(entry.details)).decode(),
        }
        self._connection.execute(_ADD, values)

    def list(self, wanted: EntryFilter) -> Sequence[Entry]:
        """Latest first, at most `limit + 1`; the keyset makes page 1,000 as cheap as page 1."""
        given = {name: value for name in _CONDITIONS if (value := getattr(wanted, name)) is not None}
        conditions = [_CONDITIONS[name] for name in given]
        if wanted.before is not None:
            conditions.append("(a.at, a.id) < (:before_at, :before_id)")
            given["before_at"], given["before_id"] = wanted.before
        statement = text(f"""
            SELECT a.id, a.at, p.name AS project, a.actor, a.act, a.subject, a.details
            FROM audit_log a JOIN projects p ON p.id = a.project_id
            WHERE {" AND ".join(conditions) or "true"} ORDER BY a.at DESC, a.id DESC LIMIT :limit
        """)
        return [_entry(row) for row in self._connection.execute(statement, {**given, "limit": wanted.limit + 1})]


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    return Entry(
        id=row.id,
        at=row.at,
        project=row.project,
        actor=row.actor,
        act=row.act,
        subject=row.subject,
        details=row.details,
    )
