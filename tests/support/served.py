"""PostgreSQL and Redis as an administrator would run them: the distribution's programs, passwords of their own."""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import redis

from app.embedded.binaries import find_redis
from app.embedded.privileges import give, postgres_identity
from app.embedded.servers import free_port
from app.supervisor import Child, Supervisor
from tests.support.waiting import until

ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}
PASSWORD = "served-and-secret"


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """Addresses as an administrator writes them down."""

    database_url: str
    redis_url: str


def distribution_postgres() -> Path | None:
    """The directory of the newest PostgreSQL that the distribution has installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0), default=None)


@contextmanager
def serving(directory: Path) -> Iterator[Served]:
    """Both, on loopback, while the block runs. Redis is the distribution's when there is one."""
    programs = distribution_postgres()
    assert programs
    with Supervisor(directory=directory) as supervisor:
        database_url = _postgres(supervisor, programs)
        redis_url = _redis(supervisor)
        yield Served(database_url=database_url, redis_url=redis_url)


def _postgres(supervisor: Supervisor, programs: Path) -> str:
    identity, port = postgres_identity(), free_port()
    made = supervisor.directory / "made"
    made.mkdir()
    secret = made / "password"
    secret.write_text(PASSWORD, encoding="ascii")
    give(made, identity.uid)
    initdb = (str(programs / "initdb"), "-D", str(made / "data"), "-U", "admin", "-A", "md5", "--pwfile", str(secret))
    child = Child(name="initdb", argv=(*initdb, "--no-sync", "-E", "UTF8"), env=ENVIRONMENT, become=identity.become)
    assert supervisor.run(child, timeout=60) == 0, supervisor.last_lines("initdb")
    argv = (str(programs / "postgres"), "-D", str(made / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", "")
    supervisor.start(
        Child(
            name="served-postgres",
            argv=(*argv, "-c", "fsync=off"),
            env=ENVIRONMENT,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            become=identity.become,
        )
    )
    url = f"postgresql://admin:{PASSWORD}@127.0.0.1:{port}/postgres"

    def answers() -> bool:
        try:
            psycopg2.connect(url).close()
        except psycopg2.OperationalError:
            return False
        return True

    until(answers, timeout=30, what=supervisor.last_lines("served-postgres"))
    return url


def _redis(supervisor: Supervisor) -> str:
    program, port = shutil.which("redis-server") or str(find_redis()), free_port()
    argv = (program, "--bind", "127.0.0.1", "--port", str(port), "--requirepass", PASSWORD, "--save", "")
    supervisor.start(Child(name="served-redis", argv=argv, env=ENVIRONMENT))
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/3"

    def answers() -> bool:
        try:
            with redis.Redis.from_url(url) as client:
                return client.ping()
        except redis.ConnectionError:
            return False

    until(answers, timeout=30, what=supervisor.last_lines("served-redis"))
    return url
