from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.domain.keys import ApiKey, Scope

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = ApiKey(
    prefix="p",
    secret_hash="h",
    name="n",
    project="default",
    project_id=1,
    scopes=frozenset(Scope),
    created_at=NOW,
    last_used_at=None,
    expires_at=None,
    revoked_at=None,
)


def test_a_key_without_an_end_is_usable():
    assert KEY.usable(NOW)


def test_a_key_ends_at_the_moment_it_expires():
    expiring = replace(KEY, expires_at=NOW)
    assert expiring.usable(NOW - timedelta(microseconds=1))
    assert not expiring.usable(NOW)


def test_a_revoked_key_is_not_usable():
    assert not replace(KEY, revoked_at=NOW).usable(NOW)
