"""API keys: who may do what, for which project."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a key may do."""

    SUBMIT = "submit"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """A key to store. `secret_hash` is the SHA-256 of the secret, hex; the secret itself is shown once."""

    prefix: str
    secret_hash: str
    name: str
    project: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """A stored key."""

    prefix: str
    secret_hash: str
    name: str
    project: str
    project_id: int
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None

    def usable(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
