"""API keys: made, checked, listed, limited, rotated, revoked."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from app.domain.audit import OPERATOR, Act
from app.domain.errors import InvalidInput, KeyInvalid, KeyNotFound, KeyReplaced
from app.domain.keys import ApiKey, KeyLimits, NewKey, Scope
from app.domain.ports import Clock
from app.domain.storage_ports import Transaction, UnitOfWork
from app.services.auditing import note
from app.services.known_keys import KnownKeys

log = structlog.get_logger(__name__)

#: A key is `bf_<prefix>_<secret>`: found by the prefix, proven by the secret.
#: The secret has 256 random bits.
_PREFIX_BYTES = 4
_SECRET_BYTES = 32
#: What fits a column, and is more than anybody can ask for.
_MOST_PER_HOUR = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatedKey:
    """A new key. `token` is shown this once and stored nowhere."""

    key: ApiKey
    token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RotatedKey:
    """A new key, and the one that it replaces, which is valid until its `expires_at`."""

    created: CreatedKey
    replaced: ApiKey


class Keys:
    """Create, authenticate, list, limit, rotate, revoke.

    `project_id` None is the operator, who reaches the keys of all projects; `actor` stands in the audit log.
    """

    def __init__(self, unit_of_work: UnitOfWork, clock: Clock, *, overlap: float = 86_400.0) -> None:
        """`overlap`: seconds that a rotated key stays valid, unless a call says otherwise."""
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._overlap = overlap
        self._known = KnownKeys(unit_of_work, clock)

    def create(
        self,
        *,
        name: str,
        project: str,
        scopes: Iterable[Scope],
        expires_at: datetime | None = None,
        limits: KeyLimits | None = None,
        actor: str = OPERATOR,
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
        limits = _checked(limits or KeyLimits())
        draft = NewKey(
            prefix="",
            secret_hash="",
            name=name,
            project=project,
            scopes=wanted,
            expires_at=expires_at,
            limits=limits,
        )
        with self._unit_of_work() as tx:
            created = _add(tx, draft)
            key = created.key
            told = {"name": name, "scopes": sorted(wanted), "expires_at": expires_at, **_told(limits)}
            note(tx, Act.KEY_CREATE, key.prefix, project_id=key.project_id, actor=actor, **told)
        log.info("api_key_created", prefix=key.prefix, project=project, scopes=sorted(map(str, wanted)))
        return created

    def authenticate(self, token: str) -> ApiKey:
        """The key behind a token. Raises `KeyInvalid`, which does not tell whether the prefix is known."""
        kind, _, rest = token.partition("_")
        prefix, _, secret = rest.partition("_")
        if kind != "bf" or not prefix or not secret or len(token) > 200 or not token.isascii():
            raise KeyInvalid
        found = self._known.find(prefix)
        # compare something in either case, so that an unknown prefix takes as long as a wrong secret
        stored = found.key.secret_hash if found else _hash("")
        proven = hmac.compare_digest(stored, _hash(secret))
        if found is None or not proven or not found.key.usable(self._clock.now()):
            raise KeyInvalid
        self._known.touch(found)
        return found.key

    def list(self, project_id: int | None = None) -> tuple[ApiKey, ...]:
        """All keys, newest first."""
        with self._unit_of_work() as tx:
            return tuple(tx.keys.list(project_id))

    def limit(
        self,
        prefix: str,
        changes: Mapping[str, int | None],
        *,
        project_id: int | None = None,
        actor: str = OPERATOR,
    ) -> ApiKey:
        """How often it may be used from now on; `changes`: fields of `KeyLimits`. Raises `KeyNotFound`."""
        with self._unit_of_work() as tx:
            key = _held(tx, prefix, project_id)
            limits = _checked(replace(key.limits, **changes))
            tx.keys.limit(prefix, limits)
            note(tx, Act.KEY_LIMIT, prefix, project_id=key.project_id, actor=actor, **_told(limits))
        self._known.forget(prefix)
        log.info("api_key_limited", prefix=prefix, **_told(limits))
        return replace(key, limits=limits)

    def rotate(
        self,
        prefix: str,
        *,
        overlap: float | None = None,
        project_id: int | None = None,
        actor: str = OPERATOR,
    ) -> RotatedKey:
        """A new key of the same name, project, scopes and limits; the old one stays valid for `overlap` seconds.

        One that expires is replaced by one that lives as long as it was made to. Raises `KeyNotFound`, also when it is
        revoked or expired, and `KeyReplaced` when it was rotated before.
        """
        overlap = self._overlap if overlap is None else overlap
        now = self._clock.now()
        with self._unit_of_work() as tx:
            old = _held(tx, prefix, project_id)
            if old.replaced_by:
                raise KeyReplaced(
                    f"The API key {prefix} was rotated before: rotate {old.replaced_by}, which replaced it."
                )
            if not old.usable(now):
                raise _not_found(prefix)
            lives = old.expires_at - old.created_at if old.expires_at else None
            draft = NewKey(
                prefix="",
                secret_hash="",
                name=old.name,
                project=old.project,
                scopes=old.scopes,
                expires_at=now + lives if lives else None,
                limits=old.limits,
            )
            created = _add(tx, draft)
            tx.keys.replace(prefix, by=created.key.prefix, overlap=overlap)
            replaced = _held(tx, prefix, project_id)
            told = {"replaced_by": created.key.prefix, "overlap_seconds": overlap}
            note(tx, Act.KEY_ROTATE, prefix, project_id=old.project_id, actor=actor, **told)
        self._known.forget(prefix)
        log.info("api_key_rotated", prefix=prefix, replaced_by=created.key.prefix, overlap=overlap)
        return RotatedKey(created=created, replaced=replaced)

    def revoke(self, prefix: str, *, project_id: int | None = None, actor: str = OPERATOR) -> ApiKey:
        """From now on it is invalid, here at once, elsewhere within 3 seconds. Raises `KeyNotFound`."""
        with self._unit_of_work() as tx:
            key = _held(tx, prefix, project_id)
            if not tx.keys.revoke(prefix):
                raise _not_found(prefix)
            revoked = _held(tx, prefix, project_id)
            note(tx, Act.KEY_REVOKE, prefix, project_id=key.project_id, actor=actor, name=key.name)
        self._known.forget(prefix)
        log.info("api_key_revoked", prefix=prefix)
        return revoked


def _add(tx: Transaction, draft: NewKey) -> CreatedKey:
    """Store it with a prefix and a secret of its own."""
    prefix, secret = secrets.token_hex(_PREFIX_BYTES), secrets.token_hex(_SECRET_BYTES)
    key = tx.keys.add(replace(draft, prefix=prefix, secret_hash=_hash(secret)))
    return CreatedKey(key=key, token=f"bf_{prefix}_{secret}")


def _held(tx: Transaction, prefix: str, project_id: int | None) -> ApiKey:
    key = tx.keys.hold(prefix, project_id=project_id)
    if key is None:
        raise _not_found(prefix)
    return key


def _not_found(prefix: str) -> KeyNotFound:
    return KeyNotFound(f"There is no active API key with the prefix {prefix}.")


def _checked(limits: KeyLimits) -> KeyLimits:
    """Raises `InvalidInput`."""
    if any(value is not None and not 0 <= value <= _MOST_PER_HOUR for value in _told(limits).values()):
        raise InvalidInput(f"A limit is a whole number from 0 (any number of requests) to {_MOST_PER_HOUR:,}.")
    return limits


def _told(limits: KeyLimits) -> dict[str, int | None]:
    return {"submits_per_hour": limits.submits_per_hour, "reads_per_hour": limits.reads_per_hour}


def _hash(secret: str) -> str:
    """SHA-256 is enough: the secret is 256 random bits, there is nothing to guess slowly."""
    return hashlib.sha256(secret.encode()).hexdigest()
