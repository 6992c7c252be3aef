"""Durable jobs, submitting excluded: dispatch, claim, answer by the rules, conclude, over the real processes."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.container import Container, build
from app.domain.analyses import CacheMode, Source, Submission
from app.domain.keys import UNLIMITED, Scope
from app.embedded import EmbeddedServers
from app.settings import load
from app.storage.schema import upgrade
from app.supervisor import Child, Supervisor
from tests.bench.measures import Measure, latencies
from tests.support.waiting import until

LINE = "2026-03-01T10:00:00Z ERROR db connection to 10.0.0.7:5432 refused"
#: By the database's clock, from the first claim to the last conclusion.
RATE = """SELECT count(*) / extract(epoch FROM max(finished_at) - min(started_at))::float8 AS rate
    FROM analysis_results WHERE service_name = %(service)s AND status = 'completed'"""
WAITED = (
    "SELECT extract(epoch FROM started_at - created_at)::float8 FROM analysis_results WHERE service_name = %(service)s"
)
OPEN = "SELECT count(*) FROM analysis_results WHERE finished_at IS NULL"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Servers, `prepare` workers and a dispatcher; the submissions come from this process."""

    container: Container
    supervisor: Supervisor
    project: int

    def submit(self, service: str, count: int) -> None:
        """One-line logs for the rules, all different."""
        for number in range(count):
            log = f"{LINE} {service} {number}\n"
            self.container.analyses.submit(
                Submission(
                    project_id=self.project, log=log, source=Source.RULES, cache=CacheMode.OFF, service_name=service
                )
            )

    def signal(self, name: str, number: signal.Signals) -> None:
        """To a process of ours."""
        os.kill(self.supervisor.pids()[name], number)


@contextmanager
def bench(directory: Path) -> Iterator[Bench]:
    """Started and warm."""
    with (
        Supervisor(directory=directory) as supervisor,
        EmbeddedServers(directory, supervisor=supervisor, durable=True) as servers,
    ):
        environ = dict(os.environ) | {  # noqa: TID251 - the processes get it whole
            "BIFROST_DATA_DIR": str(directory),
            "BIFROST_DATABASE_URL": servers.database_url or "",
            "BIFROST_REDIS_URL": servers.redis_url or "",
            "BIFROST_METRICS__DIRECTORY": str(directory / "metrics"),
            "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"),
            "PYTHONWARNINGS": "ignore",
        }
        (directory / "metrics").mkdir()
        settings = load(environ)
        upgrade(str(servers.database_url))
        for name, command in (("prepare", ("worker", "prepare")), ("dispatcher", ("dispatcher",))):
            argv = (sys.executable, "-P", "-m", "app.cli.main", *command)
            supervisor.start(Child(name=name, argv=argv, env=environ, grace=15))
        container = build(settings)
        try:
            key = container.keys.create(name="bench", project="bench", scopes=frozenset(Scope), limits=UNLIMITED)
            made = Bench(container=container, supervisor=supervisor, project=key.key.project_id)
            made.submit("warm-up", 200)
            _drained(made)
            yield made
        finally:
            container.close()
            supervisor.stop(("dispatcher", "prepare"))


def durable(directory: Path, *, count: int, singles: int) -> list[Measure]:
    """The rate of `count` that wait when the dispatcher begins, and the wait of `singles` on an idle machine."""
    with bench(directory) as made:
        for number in range(singles):
            made.submit("single", 1)
            _drained(made)
            time.sleep(0.05 + 0.01 * (number % 7))  # idle: not in step with any poll
        made.signal("dispatcher", signal.SIGSTOP)
        try:
            made.submit("crowd", count)
        finally:
            made.signal("dispatcher", signal.SIGCONT)
        _drained(made)
        rate = float(_ask(made, RATE, "crowd")[0])
        waited = [float(each) for each in _ask(made, WAITED, "single")]
    group = f"{count} durable jobs, submitting excluded"
    return [
        Measure(group=group, name="accepted to completed", value=rate, unit="1/s"),
        *latencies(f"{singles} durable jobs on an idle machine", "accepted to running", waited),
    ]


def _drained(made: Bench) -> None:
    until(lambda: _ask(made, OPEN, "") == [0], timeout=300, what="everything done")


def _ask(made: Bench, statement: str, service: str) -> list[float]:
    import psycopg2

    url = made.container.settings.database.url
    assert url is not None
    connection = psycopg2.connect(url.get_secret_value().replace("+psycopg2", ""))
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"service": service})
            return [row[0] for row in cursor.fetchall()]
    finally:
        connection.close()
