import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.audit import NewEntry
from app.domain.errors import InvalidInput, KeyInvalid, KeyNotFound
from app.domain.keys import ApiKey, NewKey, Scope
from app.services.keys import Keys
from tests.support.clocks import HandClock


class KeysInMemory:
    """`storage_ports.Keys` and the unit of work around it."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.stored: dict[str, ApiKey] = {}
        self.looked = 0

    @property
    def keys(self) -> "KeysInMemory":
        return self

    @property
    def audit(self) -> "KeysInMemory":
        return self

    @contextmanager
    def __call__(self):
        yield self

    single = __call__

    def add(self, key: NewKey | NewEntry) -> ApiKey | None:
        if isinstance(key, NewEntry):
            return None
        made = ApiKey(
            prefix=key.prefix,
            secret_hash=key.secret_hash,
            name=key.name,
            project=key.project,
            project_id=1,
            scopes=key.scopes,
            created_at=self.clock.now(),
            last_used_at=None,
            expires_at=key.expires_at,
            revoked_at=None,
        )
        self.stored[key.prefix] = made
        return made

    def find(self, prefix: str) -> ApiKey | None:
        self.looked += 1
        return self.stored.get(prefix)

    def hold(self, prefix: str, *, project_id: int | None = None) -> ApiKey | None:
        return self.stored.get(prefix)

    def list(self, project_id: int | None = None) -> list[ApiKey]:
        return [*self.stored.values()]

    def revoke(self, prefix: str) -> bool:
        if prefix not in self.stored:
            return False
        self.stored[prefix] = replace(self.stored[prefix], revoked_at=self.clock.now())
        return True

    def touch(self, prefix: str) -> None:
        self.stored[prefix] = replace(self.stored[prefix], last_used_at=self.clock.now())


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def memory(clock) -> KeysInMemory:
    return KeysInMemory(clock)


@pytest.fixture
def keys(memory, clock) -> Keys:
    return Keys(memory, clock)


def create(keys: Keys, **changes):
    return keys.create(**{"name": "ci", "project": "team", "scopes": [Scope.READ]} | changes)


def test_a_token_shows_its_prefix_and_256_random_bits(keys):
    created = create(keys)
    assert re.fullmatch(r"bf_[0-9a-f]{8}_[0-9a-f]{64}", created.token)
    assert created.token.split("_")[1] == created.key.prefix


def test_no_two_tokens_are_alike(keys):
    assert len({create(keys).token for _ in range(100)}) == 100


def test_the_secret_is_stored_nowhere(keys, memory):
    created = create(keys)
    secret = created.token.split("_")[2]
    assert secret not in repr(memory.stored) + repr(created.key)


def test_a_token_opens_its_key(keys):
    created = create(keys, scopes=[Scope.SUBMIT, Scope.SUBMIT, Scope.READ])
    found = keys.authenticate(created.token)
    assert found.prefix == created.key.prefix
    assert found.scopes == {Scope.SUBMIT, Scope.READ}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: "_",
        lambda token: "bf__",
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token.upper(),
        lambda token: token.replace("bf_", "bg_"),
        lambda token: token.replace("_", "-"),
        lambda token: token.rpartition("_")[0],
        lambda token: token[:12] + "f" * 64,
        lambda token: token[:-1] + "é",
        lambda token: "bf_00000000_" + token[12:],
        lambda token: "bf_" + "0" * 100_000,
        lambda token: token[:3] + "'; DROP TABLE api_keys; --_x",
        lambda token: token + "\x00",
    ],
)
def test_anything_else_does_not(keys, spoil):
    created = create(keys)
    with pytest.raises(KeyInvalid):
        keys.authenticate(spoil(created.token))


def test_an_expired_key_does_not_open(keys, clock):
    created = create(keys, expires_at=clock.now() + timedelta(seconds=60))
    keys.authenticate(created.token)
    clock.seconds = 61
    with pytest.raises(KeyInvalid):
        keys.authenticate(created.token)


def test_a_key_expires_while_it_is_remembered(keys, clock):
    created = create(keys, expires_at=clock.now() + timedelta(seconds=1))
    keys.authenticate(created.token)
    clock.seconds = 1
    with pytest.raises(KeyInvalid):
        keys.authenticate(created.token)


def test_a_revoked_key_does_not_open_here_at_once_and_elsewhere_within_seconds(keys, memory, clock):
    elsewhere = Keys(memory, clock)
    created = create(keys)
    keys.authenticate(created.token)
    elsewhere.authenticate(created.token)
    keys.revoke(created.key.prefix)
    with pytest.raises(KeyInvalid):
        keys.authenticate(created.token)
    clock.seconds = 3
    with pytest.raises(KeyInvalid):
        elsewhere.authenticate(created.token)


def test_the_store_is_asked_once_in_a_few_seconds(keys, memory, clock):
    created = create(keys)
    for _ in range(50):
        keys.authenticate(created.token)
    assert memory.looked == 1
    clock.seconds = 3
    keys.authenticate(created.token)
    assert memory.looked == 2


def test_a_wrong_secret_of_a_remembered_key_does_not_open(keys):
    created = create(keys)
    keys.authenticate(created.token)
    with pytest.raises(KeyInvalid):
        keys.authenticate(created.token[:-4] + "0000")


def test_revoking_an_unknown_key_says_so(keys):
    with pytest.raises(KeyNotFound, match="abc"):
        keys.revoke("abc")


@pytest.mark.parametrize("changes", [{"scopes": []}, {"name": ""}, {"name": "x" * 101}, {"project": ""}])
def test_a_key_needs_a_name_a_project_and_a_scope(keys, memory, changes):
    with pytest.raises(InvalidInput):
        create(keys, **changes)
    assert not memory.stored


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "a\tb", "a\0b", "\u202egnp", "\ud800"])
@pytest.mark.parametrize("named", ["name", "project"])
def test_a_name_that_would_command_a_terminal_is_refused(keys, memory, named, text):
    with pytest.raises(InvalidInput, match="printable"):
        create(keys, **{named: text})
    assert not memory.stored


def test_all_keys_are_listed(keys):
    made = {create(keys).key.prefix for _ in range(3)}
    assert {key.prefix for key in keys.list()} == made
