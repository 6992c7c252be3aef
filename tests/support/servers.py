"""Fixtures: a real PostgreSQL and a real Redis for the whole session, and a fresh database for each test.

The embedded servers, unless BIFROST_TEST_DATABASE_URL (a user that may create databases) and BIFROST_TEST_REDIS_URL
(a database that may be emptied) name others. List this module in `pytest_plugins`.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis

from app.embedded import EmbeddedServers

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Servers:
    """Addresses of the session's servers; `database_url` is a database to connect to for making others."""

    database_url: str
    redis_url: str

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction."""
        with closing(psycopg2.connect(self.database_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def url_of(self, database: str) -> str:
        """The address of another database on the same server."""
        return urlsplit(self.database_url)._replace(path=f"/{database}").geturl()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    database_url = os.environ.get("BIFROST_TEST_DATABASE_URL")  # noqa: TID251 - a setting of the tests, not of Bifrost
    redis_url = os.environ.get("BIFROST_TEST_REDIS_URL")  # noqa: TID251 - as above
    if redis_url and int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:  # noqa: TID251 - pytest-xdist says it
        pytest.fail("BIFROST_TEST_REDIS_URL names one database, which each test empties: run one test at a time.")
    with ExitStack() as running:
        if not (database_url and redis_url):
            directory = tmp_path_factory.mktemp("servers")
            wanted = {"postgres": not database_url, "redis": not redis_url}
            embedded = running.enter_context(EmbeddedServers(directory, durable=False, **wanted))
            database_url = database_url or embedded.database_url
            redis_url = redis_url or embedded.redis_url
        assert database_url
        assert redis_url
        plain = database_url.replace("+psycopg2", "", 1)
        yield Servers(database_url=plain, redis_url=redis_url)


@pytest.fixture(scope="session")
def migrated_template(servers: Servers) -> Iterator[str]:
    """The name of a database with our schema and no rows, to copy from."""
    from app.storage.schema import upgrade

    with _database(servers, f"bifrost_template_{os.getpid()}", template=None) as name:
        upgrade(servers.url_of(name).replace("postgresql://", "postgresql+psycopg2://", 1))
        yield name


@pytest.fixture
def database_url(servers: Servers, migrated_template: str) -> Iterator[str]:
    """A migrated database of one's own (tens of milliseconds)."""
    with _database(servers, _fresh_name(), template=migrated_template) as name:
        yield servers.url_of(name).replace("postgresql://", "postgresql+psycopg2://", 1)


@pytest.fixture
def empty_database_url(servers: Servers) -> Iterator[str]:
    """A database of one's own with nothing in it."""
    with _database(servers, _fresh_name(), template=None) as name:
        yield servers.url_of(name).replace("postgresql://", "postgresql+psycopg2://", 1)


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """The session's Redis, emptied."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushdb()
    return servers.redis_url


@contextmanager
def _database(servers: Servers, name: str, *, template: str | None) -> Iterator[str]:
    servers.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    try:
        yield name
    finally:
        # FORCE: also under a test that failed and left a connection open
        servers.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _fresh_name() -> str:
    return f"bifrost_test_{os.getpid()}_{next(_numbers)}"
