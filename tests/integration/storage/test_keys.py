from datetime import UTC, datetime, timedelta

from app.clock import SystemClock
from app.domain.keys import NewKey, Scope
from tests.support.stores import at_once


def new(prefix: str = "abc", **changes) -> NewKey:
    return NewKey(
        **{"prefix": prefix, "secret_hash": "h" * 64, "name": "ci", "project": "team", "scopes": frozenset(Scope)}
        | changes
    )


def test_a_key_is_found_by_its_prefix_as_it_was_stored(store):
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    with store.unit_of_work() as tx:
        added = tx.keys.add(new(scopes=frozenset({Scope.SUBMIT, Scope.READ}), expires_at=expires))
    with store.unit_of_work() as tx:
        found = tx.keys.find("abc")
        assert tx.keys.find("abd") is None
    assert found == added
    assert (found.name, found.project, found.scopes) == ("ci", "team", {Scope.SUBMIT, Scope.READ})
    assert (found.expires_at, found.revoked_at, found.last_used_at) == (expires, None, None)


def test_keys_of_one_project_share_it_also_when_they_are_made_at_once(store):
    def add(number: int) -> int:
        with store.unit_of_work() as tx:
            return tx.keys.add(new(f"p{number}")).project_id

    assert len(set(at_once(10, add))) == 1
    assert store.ask("SELECT count(*) FROM projects WHERE name = 'team'") == 1


def test_a_revoked_key_is_not_usable_and_is_revoked_once(store):
    with store.unit_of_work() as tx:
        tx.keys.add(new())
    with store.unit_of_work() as tx:
        assert tx.keys.revoke("abc")
        assert not tx.keys.revoke("abc")
        assert not tx.keys.revoke("unknown")
        assert not tx.keys.find("abc").usable(SystemClock().now())


def test_the_last_use_is_kept_to_the_minute(store):
    with store.unit_of_work() as tx:
        tx.keys.add(new())

    def touched() -> datetime:
        with store.unit_of_work() as tx:
            tx.keys.touch("abc")
        return store.ask("SELECT last_used_at FROM api_keys")

    first = touched()
    assert touched() == first
    store.run("UPDATE api_keys SET last_used_at = :at", at=first - timedelta(minutes=2))
    assert touched() > first


def test_the_newest_key_comes_first(store):
    for number in range(3):
        with store.unit_of_work() as tx:
            tx.keys.add(new(f"p{number}"))
    with store.unit_of_work() as tx:
        assert [key.prefix for key in tx.keys.list()] == ["p2", "p1", "p0"]
