"""The database's schema: forward, backward, and where it stands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from app.domain.ports import Health
from app.settings import Database
from app.storage.engine import make_engine, translated

#: Two processes that migrate at the same time would each run the same DDL: the second one waits here, and finds
#: nothing left to do.
_LOCK = 0x42494652  # "BIFR"


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema forward. Safe to run at any time, from any number of processes."""
    with _migrating(url) as config:
        command.upgrade(config, revision)


def downgrade(url: str, revision: str) -> None:
    """Bring the schema back to `revision` ("base": empty). Data that the older schema has no place for is lost."""
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
    """The revision this version of Bifrost needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def health(engine: Engine, needed: str) -> Health:
    """Is the schema the one that is needed? Raises `StorageUnavailable`."""
    with translated(), engine.connect() as connection:
        found = _revision(connection)
    if found == needed:
        return Health(name="migrations", ok=True, detail=f"at {found}")
    advice = "run `bifrost-cli db upgrade`" if found is None or found < needed else "this Bifrost is too old for it"
    return Health(name="migrations", ok=False, detail=f"at {found or 'nothing'}, {needed} is needed: {advice}")


@contextmanager
def _migrating(url: str) -> Iterator[Config]:
    engine = _engine(url)
    try:
        with translated(), engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
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


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    return config


def _engine(url: str) -> Engine:
    # a migration may take as long as it takes
    return make_engine(Database.model_validate({"url": url, "pool_size": 1, "statement_timeout": 86_400}))
