"""API keys: who may do what, for which project, and how often."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Scope(StrEnum):
    """What a key may do."""

    SUBMIT = "submit"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyLimits:
    """Requests an hour. None: as `app.settings.Keys` says; 0: any number."""

    submits_per_hour: int | None = None
    reads_per_hour: int | None = None


UNLIMITED = KeyLimits(submits_per_hour=0, reads_per_hour=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """A key to store. `secret_hash` is the SHA-256 of the secret, hex; the secret itself is shown once."""

    prefix: str
    secret_hash: str
    name: str
    project: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None
    limits: KeyLimits = field(default_factory=KeyLimits)


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
    limits: KeyLimits = field(default_factory=KeyLimits)
    #: Prefix of the key that it was rotated to.
    replaced_by: str | None = None

    def usable(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.state(now) == "valid"

    def state(self, now: datetime) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if self.expires_at is None or self.expires_at > now else "expired"


class Keys(Protocol):
    """API keys and their projects, in the store. `project_id` None: of any project."""

    def add(self, key: NewKey) -> ApiKey:
        """Store; makes the project when it is new."""

    def find(self, prefix: str) -> ApiKey | None:
        """By the public part."""

    def hold(self, prefix: str, *, project_id: int | None = None) -> ApiKey | None:
        """The same; nobody else changes it until the transaction ends."""

    def list(self, project_id: int | None = None) -> Sequence[ApiKey]:
        """All, newest first."""

    def revoke(self, prefix: str) -> bool:
        """From now on it is invalid. False: unknown or already revoked."""

    def replace(self, prefix: str, *, by: str, overlap: float) -> None:
        """It ends in `overlap` seconds, unless it ends sooner."""

    def limit(self, prefix: str, limits: KeyLimits) -> None:
        """What it may do from now on."""

    def touch(self, prefix: str) -> None:
        """It was used now (kept to the minute)."""
