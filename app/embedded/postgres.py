"""PostgreSQL as a plain child process."""

import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from app.domain.errors import ConfigurationInvalid, StorageUnavailable
from app.embedded.binaries import PostgresPrograms, find_postgres
from app.embedded.privileges import Identity, give, postgres_identity
from app.supervisor import Child, Supervisor

NAME = "postgres"
DATABASE = "bifrost"
#: Web processes, workers and the dispatcher keep up to 16 connections each.
MAX_CONNECTIONS = 200
INITDB_SECONDS = 60.0
START_SECONDS = 60.0
#: For data that may be lost in a power cut: a test's. What is committed still survives the end of every process.
HASTY = ("fsync=off", "full_page_writes=off")


@dataclass(frozen=True, kw_only=True, slots=True)
class Postgres:
    """A PostgreSQL on loopback with its data in `directory`/postgres. `durable=False`: faster, for tests."""

    directory: Path
    port: int
    password: str
    durable: bool = True

    @property
    def url(self) -> str:
        """Address of our database, the password in it."""
        return self._url(DATABASE)

    def start(self, supervisor: Supervisor) -> None:
        """Make the data when there is none, and start the server.

        Raises `ConfigurationInvalid` when it cannot run here, or when the data is another major version's.
        """
        data = self.directory / "postgres"
        programs = find_postgres(_major_of(data))
        identity = postgres_identity()
        if not data.exists():
            self._initialize(supervisor, programs, identity)
        give(data, identity.uid)
        supervisor.start(self._child(programs, identity, data))

    def wait_ready(self, supervisor: Supervisor) -> None:
        """Returns once our database can be used. Raises `StorageUnavailable` after a minute, or when it gives up."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and supervisor.exits(NAME) < 3:
            try:
                self._ensure_database()
            except psycopg2.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise StorageUnavailable(f"The embedded PostgreSQL did not start:\n{supervisor.last_lines(NAME)}")

    def _child(self, programs: PostgresPrograms, identity: Identity, data: Path) -> Child:
        options = [
            "timezone=UTC",
            "log_timezone=UTC",
            f"max_connections={MAX_CONNECTIONS}",
            *([] if self.durable else HASTY),
        ]
        program = str(programs.directory / "postgres")
        argv = (program, "-D", str(data), "-h", "127.0.0.1", "-p", str(self.port), "-k", "")
        return Child(
            name=NAME,
            argv=argv + tuple(part for option in options for part in ("-c", option)),
            env=_environment(),
            stop_signal=signal.SIGINT,  # fast shutdown: ends connections, keeps everything committed
            death_signal=signal.SIGINT,
            grace=20.0,
            become=identity.become,
        )

    def _initialize(self, supervisor: Supervisor, programs: PostgresPrograms, identity: Identity) -> None:
        """In a neighboring directory first: whoever kills us meanwhile leaves no half-made data behind."""
        with tempfile.TemporaryDirectory(prefix="postgres.new.", dir=self.directory) as made:
            fresh = Path(made, "data")
            secret = Path(made, "password")
            secret.touch(mode=0o600)
            secret.write_text(self.password, encoding="ascii")
            give(Path(made), identity.uid)
            options = ("-A", "scram-sha-256", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-instructions")
            hasty = () if self.durable else ("--no-sync",)
            argv = (str(programs.directory / "initdb"), "-D", str(fresh), "--pwfile", str(secret), *options, *hasty)
            child = Child(name="initdb", argv=argv, env=_environment(), become=identity.become)
            if supervisor.run(child, timeout=INITDB_SECONDS) != 0:
                raise ConfigurationInvalid(
                    f"PostgreSQL could not make its data directory:\n{supervisor.last_lines('initdb')}"
                )
            fresh.rename(self.directory / "postgres")

    def _ensure_database(self) -> None:
        try:
            psycopg2.connect(self.url, connect_timeout=3).close()
        except psycopg2.OperationalError:
            connection = psycopg2.connect(self._url("postgres"), connect_timeout=3)
            try:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                    if cursor.fetchone() is None:
                        cursor.execute(f"CREATE DATABASE {DATABASE}")
            finally:
                connection.close()

    def _url(self, database: str) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"


def _environment() -> Mapping[str, str]:
    """Nothing of ours: `PG…` variables and locales of the user would change the server."""
    return {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}


def _major_of(data: Path) -> int | None:
    if not data.exists():
        return None
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except (OSError, ValueError):
        raise ConfigurationInvalid(f"{data} is there, but it is not PostgreSQL's: move it away.") from None
