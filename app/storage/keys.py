"""API keys and their projects."""

from collections.abc import Sequence

from sqlalchemy import Connection, Row, text

from app.domain.keys import ApiKey, NewKey, Scope

_COLUMNS = """k.prefix, k.secret_hash, k.name, p.name AS project, k.project_id, k.scopes, k.created_at,
    k.last_used_at, k.expires_at, k.revoked_at"""
#: The empty update makes RETURNING give the project's id whether it is new or not.
_PROJECT = text("""
    INSERT INTO projects (name) VALUES (:project)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
""")
_ADD = text("""
    INSERT INTO api_keys (prefix, secret_hash, name, project_id, scopes, expires_at)
    VALUES (:prefix, :secret_hash, :name, :project_id, :scopes, :expires_at)
""")
_FIND = text(f"SELECT {_COLUMNS} FROM api_keys k JOIN projects p ON p.id = k.project_id WHERE k.prefix = :prefix")
_LIST = text(f"SELECT {_COLUMNS} FROM api_keys k JOIN projects p ON p.id = k.project_id ORDER BY k.created_at DESC")
_REVOKE = text("UPDATE api_keys SET revoked_at = now() WHERE prefix = :prefix AND revoked_at IS NULL")
_TOUCH = text("""
    UPDATE api_keys SET last_used_at = now()
    WHERE prefix = :prefix AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
""")


class PostgresKeys:
    """`storage_ports.Keys` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, key: NewKey) -> ApiKey:
        """Store; makes the project when it is new."""
        project_id = self._connection.execute(_PROJECT, {"project": key.project}).scalar_one()
        values = {
            "prefix": key.prefix,
            "secret_hash": key.secret_hash,
            "name": key.name,
            "project_id": project_id,
            "scopes": sorted(key.scopes),
            "expires_at": key.expires_at,
        }
        self._connection.execute(_ADD, values)
        return _key(self._connection.execute(_FIND, {"prefix": key.prefix}).one())

    def find(self, prefix: str) -> ApiKey | None:
        """By the public part."""
        row = self._connection.execute(_FIND, {"prefix": prefix}).first()
        return None if row is None else _key(row)

    def list(self) -> Sequence[ApiKey]:
        """All, newest first."""
        return [_key(row) for row in self._connection.execute(_LIST)]

    def revoke(self, prefix: str) -> bool:
        """From now on it is invalid. False: unknown or already revoked."""
        return self._connection.execute(_REVOKE, {"prefix": prefix}).rowcount == 1

    def touch(self, prefix: str) -> None:
        """It was used now (kept to the minute)."""
        self._connection.execute(_TOUCH, {"prefix": prefix})


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        prefix=row.prefix,
        secret_hash=row.secret_hash,
        name=row.name,
        project=row.project,
        project_id=row.project_id,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
