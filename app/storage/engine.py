"""The connection pool, and the border where the database's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.domain.errors import ConfigurationInvalid, MigrationsPending, StorageUnavailable
from app.settings import Database

#: SQLSTATEs of a table or column that is not there: the schema is older than the code.
_SCHEMA_STATES = frozenset({"42P01", "42703"})
#: SQLSTATEs that a second try may well survive: serialization failure, deadlock, statement timeout, shutting down.
_PASSING_STATES = frozenset({"40001", "40P01", "57014", "57P01", "57P02", "57P03", "53300", "53100", "53200"})


def make_engine(database: Database) -> Engine:
    """A pool of connections. Make it after a fork, never before.

    No `pool_pre_ping`: it costs 115 µs a checkout. The first statement after an outage fails instead, the whole
    pool is thrown away with it, and whoever asked is told to try again.
    """
    if database.url is None:
        raise ConfigurationInvalid(
            "No database is configured: set BIFROST_DATABASE_URL, or run `bifrost-cli up` for an embedded one."
        )
    return create_engine(
        database.url.get_secret_value(),
        pool_size=database.pool_size,
        max_overflow=database.pool_overflow,
        pool_timeout=database.pool_timeout,
        pool_use_lifo=True,
        # a statement's values are log bodies: never into an error's text, and with it into our log
        hide_parameters=True,
        connect_args={
            "application_name": "bifrost",
            "connect_timeout": database.connect_timeout,
            "options": f"-c statement_timeout={int(database.statement_timeout * 1000)} -c timezone=UTC",
            # a black-holed server is noticed in seconds, not in the kernel's 15 minutes
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors instead of SQLAlchemy's, or the driver's where we hold its own connection."""
    try:
        yield
    except PoolTimeout as error:
        raise StorageUnavailable("All database connections are busy: try again.", retry_after=1) from error
    except (OperationalError, InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise StorageUnavailable(retry_after=2) from error
    except (ProgrammingError, psycopg2.ProgrammingError) as error:
        if getattr(getattr(error, "orig", error), "pgcode", None) in _SCHEMA_STATES:
            raise MigrationsPending(retry_after=10) from error
        raise
    except DBAPIError as error:
        if error.connection_invalidated or getattr(error.orig, "pgcode", None) in _PASSING_STATES:
            raise StorageUnavailable(retry_after=2) from error
        raise
