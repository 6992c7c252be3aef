"""What bridges say of themselves, so that any web process can tell it."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter
from sqlalchemy import Connection, text

from app.domain.records import BridgeState

_STATE = TypeAdapter(BridgeState)
_REPORT = text("""
    WITH silent AS (DELETE FROM bridges WHERE seen_at < now() - interval '1 hour' AND name <> :name)
    INSERT INTO bridges (name, state) VALUES (:name, CAST(:state AS jsonb))
    ON CONFLICT (name) DO UPDATE SET state = excluded.state, seen_at = now()
""")
_LEAVE = text("DELETE FROM bridges WHERE name = :name")
_LIST = text("""
    SELECT state, seen_at, CAST(extract(epoch FROM now() - seen_at) AS double precision) AS age FROM bridges
    WHERE seen_at > now() - make_interval(secs => :silent) ORDER BY name
""")


class PostgresBridges:
    """`record_ports.Bridges` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def report(self, state: BridgeState) -> None:
        """Remember it, and forget those that have been silent for an hour."""
        self._connection.execute(_REPORT, {"name": state.name, "state": _STATE.dump_json(state).decode()})

    def leave(self, name: str) -> None:
        """It has ended in order."""
        self._connection.execute(_LEAVE, {"name": name})

    def list(self, *, silent: float) -> Sequence[BridgeState]:
        """Those that said something within so many seconds, by name."""
        rows = self._connection.execute(_LIST, {"silent": silent})
        return [replace(_STATE.validate_python(row.state), seen_at=row.seen_at, age=row.age) for row in rows]
