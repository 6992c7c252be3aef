from datetime import timedelta

import pytest

from app.clock import SystemClock
from app.domain.errors import KeyInvalid, KeyNotFound
from app.domain.keys import Scope
from app.services.keys import Keys


@pytest.fixture
def keys(store) -> Keys:
    return Keys(store.unit_of_work, SystemClock())


def test_a_key_opens_in_every_process_until_it_is_revoked(store, keys):
    created = keys.create(name="ci", project="team", scopes=[Scope.SUBMIT])
    found = Keys(store.unit_of_work, SystemClock()).authenticate(created.token)
    assert (found.prefix, found.project, found.scopes) == (created.key.prefix, "team", {Scope.SUBMIT})
    keys.revoke(created.key.prefix)
    for one in (keys, Keys(store.unit_of_work, SystemClock())):
        with pytest.raises(KeyInvalid):
            one.authenticate(created.token)
    with pytest.raises(KeyNotFound):
        keys.revoke(created.key.prefix)


def test_keys_of_one_project_see_the_same_project(keys):
    first, second = (keys.create(name=name, project="team", scopes=[Scope.READ]).key for name in "ab")
    other = keys.create(name="c", project="other", scopes=[Scope.READ]).key
    assert first.project_id == second.project_id != other.project_id


def test_the_secret_is_not_in_the_database(store, keys):
    token = keys.create(name="ci", project="team", scopes=[Scope.READ]).token
    stored = str(store.rows("SELECT to_jsonb(k) FROM api_keys k"))
    assert token.split("_")[1] in stored
    assert token.split("_")[2] not in stored


def test_its_use_is_remembered(store, keys):
    created = keys.create(name="ci", project="team", scopes=[Scope.READ])
    keys.authenticate(created.token)
    assert keys.list()[0].last_used_at is not None


def test_an_expired_key_does_not_open(keys):
    ended = SystemClock().now() - timedelta(seconds=1)
    created = keys.create(name="ci", project="team", scopes=[Scope.READ], expires_at=ended)
    with pytest.raises(KeyInvalid):
        keys.authenticate(created.token)
