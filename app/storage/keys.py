"""API keys and their projects."""

from collections.abc import Sequence

from sqlalchemy import Connection, Row, text

from app.domain.keys import ApiKey, KeyLimits, NewKey, Scope

_COLUMNS = """k.prefix, k.secret_hash, k.name, p.name AS project, k.project_id, k.scopes, k.created_at,
    k.last_used_at, k.expires_at, k.revoked_at, k.submits_per_hour, k.reads_per_hour, k.replaced_by"""
_FROM = "FROM api_keys k JOIN projects p ON p.id = k.project_id"
#: The empty update makes RETURNING give the project's id whether it is new or not.
_PROJECT = text("""
    INSERT INTO projects (name) VALUES (:project)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
""")
_ADD = text("""
    INSERT INTO api_keys (prefix, secret_hash, name, project_id, scopes, expires_at, submits_per_hour, reads_per_hour)
    VALUES (:prefix, :secret_hash, :name, :project_id, :scopes, :expires_at, :submits_per_hour, :reads_per_hour)
""")
_FIND = text(f"SELECT {_COLUMNS} {_FROM} WHERE k.prefix = :prefix")
_HOLD = text(f"""
    SELECT {_COLUMNS} {_FROM}
    WHERE k.prefix = :prefix AND k.project_id = coalesce(CAST(:project_id AS bigint), k.project_id) FOR UPDATE OF k
""")
_LIST = text(f"""
    SELECT {_COLUMNS} {_FROM} WHERE k.project_id = coalesce(CAST(:project_id AS bigint), k.project_id)
    ORDER BY k.created_at DESC, k.prefix
""")
_REVOKE = text("UPDATE api_keys SET revoked_at = now() WHERE prefix = :prefix AND revoked_at IS NULL")
_REPLACE = text("""
    UPDATE api_keys SET replaced_by = :by, expires_at = least(expires_at, now() + make_interval(secs => :overlap))
    WHERE prefix = :prefix
""")
_LIMIT = text("""
    UPDATE api_keys SET submits_per_hour = :submits_per_hour, reads_per_hour = :reads_per_hour WHERE prefix = :prefix
""")
_TOUCH = text("""
    UPDATE api_keys SET last_used_at = now()
    WHERE prefix = :prefix AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
""")


class PostgresKeys:
    """`keys.Keys` on one connection."""

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
            **_limits(key.limits),
        }
        self._connection.execute(_ADD, values)
        return _key(self._connection.execute(_FIND, {"prefix": key.prefix}).one())

    def find(self, prefix: str) -> ApiKey | None:
        """By the public part."""
        row = self._connection.execute(_FIND, {"prefix": prefix}).first()
        return None if row is None else _key(row)

    def hold(self, prefix: str, *, project_id: int | None = None) -> ApiKey | None:
        """The same; nobody else changes it until the transaction ends."""
        row = self._connection.execute(_HOLD, {"prefix": prefix, "project_id": project_id}).first()
        return None if row is None else _key(row)

    def list(self, project_id: int | None = None) -> Sequence[ApiKey]:
        """All, newest first."""
        return [_key(row) for row in self._connection.execute(_LIST, {"project_id": project_id})]

    def revoke(self, prefix: str) -> bool:
        """From now on it is invalid. False: unknown or already revoked."""
        return self._connection.execute(_REVOKE, {"prefix": prefix}).rowcount == 1

    def replace(self, prefix: str, *, by: str, overlap: float) -> None:
        """It ends in `overlap` seconds, unless it ends sooner."""
        self._connection.execute(_REPLACE, {"prefix": prefix, "by": by, "overlap": overlap})

    def limit(self, prefix: str, limits: KeyLimits) -> None:
        """What it may do from now on."""
        self._connection.execute(_LIMIT, {"prefix": prefix, **_limits(limits)})

    def touch(self, prefix: str) -> None:
        """It was used now (kept to the minute)."""
        self._connection.execute(_TOUCH, {"prefix": prefix})


def _limits(limits: KeyLimits) -> dict[str, int | None]:
    return {"submits_per_hour": limits.submits_per_hour, "reads_per_hour": limits.reads_per_hour}


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
        limits=KeyLimits(submits_per_hour=row.submits_per_hour, reads_per_hour=row.reads_per_hour),
        replaced_by=row.replaced_by,
    )
