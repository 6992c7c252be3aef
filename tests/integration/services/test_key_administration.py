"""Rotation, limits and the audit log of keys, on a real store."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.clock import SystemClock
from app.domain.audit import Act, EntryFilter
from app.domain.errors import InvalidInput, KeyInvalid, KeyNotFound, KeyReplaced
from app.domain.keys import UNLIMITED, KeyLimits, Scope
from app.services.auditing import Auditing
from app.services.keys import Keys
from tests.support.stores import at_once


@pytest.fixture
def keys(store) -> Keys:
    return Keys(store.unit_of_work, SystemClock())


@pytest.fixture
def auditing(store) -> Auditing:
    return Auditing(store.unit_of_work)


def create(keys: Keys, **changes):
    return keys.create(**{"name": "ci", "project": "team", "scopes": [Scope.READ]} | changes)


def test_a_rotated_key_and_its_successor_are_valid_for_the_overlap(store, keys):
    old = create(keys, limits=KeyLimits(submits_per_hour=5), scopes=[Scope.READ, Scope.ADMIN])
    rotated = keys.rotate(old.key.prefix, overlap=3600)
    new = keys.authenticate(rotated.created.token)
    assert (new.name, new.project, new.scopes, new.limits) == (
        old.key.name,
        old.key.project,
        old.key.scopes,
        KeyLimits(submits_per_hour=5),
    )
    assert new.expires_at is None
    found = Keys(store.unit_of_work, SystemClock()).authenticate(old.token)
    assert found.replaced_by == new.prefix
    left = rotated.replaced.expires_at - SystemClock().now()
    assert timedelta(seconds=3590) < left <= timedelta(seconds=3600)


def test_without_an_overlap_the_old_one_ends_at_once(keys):
    old = create(keys)
    new = keys.rotate(old.key.prefix, overlap=0)
    with pytest.raises(KeyInvalid):
        keys.authenticate(old.token)
    keys.authenticate(new.created.token)


def test_the_overlap_is_the_settings_unless_told(store):
    keys = Keys(store.unit_of_work, SystemClock(), overlap=60)
    rotated = keys.rotate(create(keys).key.prefix)
    assert rotated.replaced.expires_at - SystemClock().now() <= timedelta(seconds=60)


def test_an_overlap_prolongs_nothing_and_the_successor_lives_as_long_as_it_was_made_to(keys):
    soon = SystemClock().now() + timedelta(seconds=100)
    old = create(keys, expires_at=soon)
    rotated = keys.rotate(old.key.prefix, overlap=86_400)
    assert rotated.replaced.expires_at == soon
    lives = rotated.created.key.expires_at - SystemClock().now()
    assert timedelta(seconds=95) < lives <= timedelta(seconds=101)


def test_a_key_is_rotated_once_however_many_try(store, keys):
    prefix = create(keys).key.prefix
    found = at_once(8, lambda _: keys.rotate(prefix))
    assert sorted(type(one).__name__ for one in found) == ["KeyReplaced"] * 7 + ["RotatedKey"]
    assert store.ask("SELECT count(*) FROM api_keys") == 2
    with pytest.raises(KeyReplaced, match="which replaced it"):
        keys.rotate(prefix)


def test_what_is_not_valid_is_not_rotated(keys):
    revoked = create(keys).key.prefix
    keys.revoke(revoked)
    expired = create(keys, expires_at=SystemClock().now() - timedelta(seconds=1)).key.prefix
    for prefix in (revoked, expired, "00000000"):
        with pytest.raises(KeyNotFound):
            keys.rotate(prefix)


def test_a_limit_is_changed_alone(keys):
    prefix = create(keys, limits=UNLIMITED).key.prefix
    assert keys.limit(prefix, {"submits_per_hour": 7}).limits == KeyLimits(submits_per_hour=7, reads_per_hour=0)
    assert keys.limit(prefix, {"reads_per_hour": None}).limits == KeyLimits(submits_per_hour=7)
    assert keys.list()[0].limits == KeyLimits(submits_per_hour=7)
    with pytest.raises(InvalidInput):
        keys.limit(prefix, {"reads_per_hour": -1})


def test_a_project_reaches_no_key_of_another(keys):
    mine, other = create(keys).key, create(keys, project="other").key
    for act in (keys.revoke, keys.rotate):
        with pytest.raises(KeyNotFound):
            act(other.prefix, project_id=mine.project_id)
    with pytest.raises(KeyNotFound):
        keys.limit(other.prefix, {"reads_per_hour": 1}, project_id=mine.project_id)
    assert [key.prefix for key in keys.list(mine.project_id)] == [mine.prefix]
    assert keys.list(other.project_id)[0].revoked_at is None


def test_a_wrong_secret_is_no_use_of_a_key(keys):
    created = create(keys)
    with pytest.raises(KeyInvalid):
        keys.authenticate(created.token[:-4] + "zzzz")
    assert keys.list()[0].last_used_at is None


def test_use_is_written_once_a_minute_by_all_processes(store, keys):
    created = create(keys)
    at_once(8, lambda _: Keys(store.unit_of_work, SystemClock()).authenticate(created.token))
    first = keys.list()[0].last_used_at
    keys.authenticate(created.token)
    assert keys.list()[0].last_used_at == first
    store.run("UPDATE api_keys SET last_used_at = now() - interval '2 minutes'")
    Keys(store.unit_of_work, SystemClock()).authenticate(created.token)
    assert keys.list()[0].last_used_at >= first


def test_every_act_is_in_the_audit_log_with_who_and_what(keys, auditing):
    created = create(keys, actor="1f0c9a2e")
    prefix = created.key.prefix
    keys.limit(prefix, {"submits_per_hour": 7}, actor="1f0c9a2e")
    new = keys.rotate(prefix, actor="1f0c9a2e").created
    keys.revoke(new.key.prefix)
    entries = auditing.list(EntryFilter(project="team")).items
    assert [(one.actor, one.act, one.subject) for one in entries] == [
        ("operator", "key.revoke", new.key.prefix),
        ("1f0c9a2e", "key.rotate", prefix),
        ("1f0c9a2e", "key.limit", prefix),
        ("1f0c9a2e", "key.create", prefix),
    ]
    assert entries[1].details["replaced_by"] == new.key.prefix
    for token in (created.token, new.token):
        assert token.rpartition("_")[2] not in repr(entries)


def test_an_act_that_fails_leaves_no_entry(store, keys):
    prefix = create(keys).key.prefix
    keys.revoke(prefix)
    before = store.ask("SELECT count(*) FROM audit_log")
    for act in (keys.revoke, keys.rotate):
        with pytest.raises(KeyNotFound):
            act(prefix)
    assert store.ask("SELECT count(*) FROM audit_log") == before


def test_no_entry_can_be_written_without_its_act_nor_the_act_without_it(store, keys):
    prefix = create(keys).key.prefix
    store.run("ALTER TABLE audit_log ADD CONSTRAINT no_room CHECK (act <> 'key.revoke')")
    try:
        with pytest.raises(IntegrityError):
            keys.revoke(prefix)
        assert keys.list()[0].revoked_at is None
    finally:
        store.run("ALTER TABLE audit_log DROP CONSTRAINT no_room")


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"])
def test_an_entry_stays_as_it_is(store, keys, statement):
    create(keys)
    with pytest.raises(DBAPIError, match="stays as it is"):
        store.run(statement)
    assert store.ask("SELECT actor FROM audit_log") == "operator"


def test_the_log_is_read_page_by_page_and_filtered(keys, auditing):
    prefixes = [create(keys, actor=f"a{number % 2}").key.prefix for number in range(7)]
    seen, before = [], None
    while True:
        page = auditing.list(EntryFilter(limit=3, before=before))
        seen += [entry.subject for entry in page.items]
        before = page.next_before
        if before is None:
            break
    assert seen == prefixes[::-1]
    assert len(auditing.list(EntryFilter(actor="a0", act=Act.KEY_CREATE)).items) == 4
    assert auditing.list(EntryFilter(until=SystemClock().now() - timedelta(hours=1))).items == ()
    assert auditing.list(EntryFilter(project="nobody")).items == ()
