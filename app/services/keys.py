"""API keys: made, checked, listed, revoked."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from app.domain.errors import InvalidInput, KeyInvalid, KeyNotFound
from app.domain.keys import ApiKey, NewKey, Scope
from app.domain.ports import Clock
from app.domain.storage_ports import UnitOfWork

log = structlog.get_logger(__name__)

#: A key is `bf_<prefix>_<secret>`: found by the prefix, proven by the secret.
#: The secret has 256 random bits.
_PREFIX_BYTES = 4
_SECRET_BYTES = 32
#: A revoked key stops working everywhere within this many seconds.
_REMEMBER_SECONDS = 3.0
_REMEMBER_KEYS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatedKey:
    """A new key. `token` is shown this once and stored nowhere."""

    key: ApiKey
    token: str


class Keys:
    """Create, authenticate, list, revoke."""

    def __init__(self, unit_of_work: UnitOfWork, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._remembered: dict[str, tuple[float, ApiKey]] = {}

    def create(
        self, *, name: str, project: str, scopes: Iterable[Scope], expires_at: datetime | None = None
    ) -> CreatedKey:
        """A new key; its project is made when it is new."""
        wanted = frozenset(scopes)
        if not wanted:
            raise InvalidInput("A key needs at least one scope: submit, read or admin.")
        if not 1 <= len(name) <= 100 or not 1 <= len(project) <= 100:
            raise InvalidInput("The names of a key and of a project have 1 to 100 characters.")
        if not (name.isprintable() and project.isprintable()):
            # a list of keys is read on a terminal, which obeys what it is told to print
            raise InvalidInput("The names of a key and of a project have printable characters only.")
        prefix = secrets.token_hex(_PREFIX_BYTES)
        secret = secrets.token_hex(_SECRET_BYTES)
        new = NewKey(
            prefix=prefix,
            secret_hash=_hash(secret),
            name=name,
            project=project,
            scopes=wanted,
            expires_at=expires_at,
        )
        with self._unit_of_work() as tx:
            key = tx.keys.add(new)
        log.info("api_key_created", prefix=prefix, project=project, scopes=sorted(map(str, wanted)))
        return CreatedKey(key=key, token=f"bf_{prefix}_{secret}")

    def authenticate(self, token: str) -> ApiKey:
        """The key behind a token. Raises `KeyInvalid`, which does not tell whether the prefix is known."""
        kind, _, rest = token.partition("_")
        prefix, _, secret = rest.partition("_")
        if kind != "bf" or not prefix or not secret or len(token) > 200 or not token.isascii():
            raise KeyInvalid
        key = self._find(prefix)
        # compare something in either case, so that an unknown prefix takes as long as a wrong secret
        stored = key.secret_hash if key else _hash("")
        proven = hmac.compare_digest(stored, _hash(secret))
        if key is None or not proven or not key.usable(self._clock.now()):
            raise KeyInvalid
        return key

    def list(self) -> tuple[ApiKey, ...]:
        """All keys, newest first."""
        with self._unit_of_work() as tx:
            return tuple(tx.keys.list())

    def revoke(self, prefix: str) -> None:
        """From now on it is invalid. Raises `KeyNotFound`."""
        with self._unit_of_work() as tx:
            revoked = tx.keys.revoke(prefix)
        self._remembered.pop(prefix, None)
        if not revoked:
            raise KeyNotFound(f"There is no active API key with the prefix {prefix}.")
        log.info("api_key_revoked", prefix=prefix)

    def _find(self, prefix: str) -> ApiKey | None:
        """From memory for a few seconds: a key is asked for with every request."""
        now = self._clock.monotonic()
        remembered = self._remembered.get(prefix)
        if remembered and now - remembered[0] < _REMEMBER_SECONDS:
            return remembered[1]
        with self._unit_of_work() as tx:
            key = tx.keys.find(prefix)
            if key is not None:
                tx.keys.touch(prefix)
        if key is None:
            self._remembered.pop(prefix, None)
            return None
        if len(self._remembered) >= _REMEMBER_KEYS:
            self._remembered.clear()
        self._remembered[prefix] = (now, key)
        return key


def _hash(secret: str) -> str:
    """SHA-256 is enough: the secret is 256 random bits, there is nothing to guess slowly."""
    return hashlib.sha256(secret.encode()).hexdigest()
