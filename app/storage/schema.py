"""The database's schema: forward, backward, and where it stands.

Alembic is imported where it migrates: it takes 0.3 s, and every process asks where the schema stands.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from app.clock import SystemClock
from app.domain.ports import Health
from app.settings import Database
from app.storage.engine import make_engine, translated

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parents[2] / "migrations"

#: Two processes that migrate at the same time would each run the same DDL: the second one waits here, and finds
#: nothing left to do.
_LOCK = 0x42494652  # "BIFR"
#: Seconds between looks at it.
_LOOK_AGAIN = 0.1


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema forward. Safe to run at any time, from any number of processes."""
    from alembic import command

    with _migrating(url) as config:
        command.upgrade(config, revision)


def downgrade(url: str, revision: str) -> None:
    """Bring the schema back to `revision` ("base": empty). Data that the older schema has no place for is lost."""
    from alembic import command

    with _migrating(url) as config:
        command.downgrade(config, revision)


def current(url: str) -> str | None:
    """The revision the database is at; None for an empty one."""
    engine = _engine(url)
    try:
        with translated(), engine.connect() as connection:
            return _revision(connection)
    finally:
        engine.dispose()


def head() -> str:
    """The revision this version of Bifrost needs: migrations are numbered, the last one is the newest."""
    return revisions()[-1]


def revisions() -> Sequence[str]:
    """All that this version of Bifrost knows, the oldest first."""
    return sorted(file.name[:4] for file in (_MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def health(engine: Engine, needed: str) -> Health:
    """Is the schema the one that is needed? Raises `StorageUnavailable`."""
    with translated(), engine.connect() as connection:
        found = _revision(connection)
    if found == needed:
        return Health(name="migrations", ok=True, detail=f"at {found}")
    advice = "run `bifrost-cli db upgrade`" if found is None or found < needed else "this Bifrost is too old for it"
    return Health(name="migrations", ok=False, detail=f"at {found or 'nothing'}, {needed} is needed: {advice}")


@contextmanager
def _migrating(url: str) -> Iterator["Config"]:
    engine = _engine(url)
    try:
        with translated(), engine.connect() as connection:
            _wait_for_turn(connection)
            config = _config()
            config.attributes["connection"] = connection
            try:
                yield config
                connection.commit()
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                connection.commit()
    finally:
        engine.dispose()


def _wait_for_turn(connection: Connection) -> None:
    """Hold the lock. Whoever waited for it inside of a statement would be waited for by an index built concurrently."""
    clock = SystemClock()
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}).scalar():
        connection.commit()
        clock.sleep(_LOOK_AGAIN)
    connection.commit()


def _revision(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _engine(url: str) -> Engine:
    # a migration may take as long as it takes
    return make_engine(Database.model_validate({"url": url, "pool_size": 1, "statement_timeout": 86_400}))
