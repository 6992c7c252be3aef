"""Where chaos happens: real servers behind proxies, and real processes that a supervisor starts again when they die."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

import psycopg2
import redis
import requests

from app.embedded.postgres import Postgres
from app.embedded.servers import free_port
from app.embedded.valkey import Valkey
from app.supervisor import Child, Supervisor
from tests.chaos.failpoints import Points
from tests.support.proxy import Mode, Proxy
from tests.support.receivers import SECRET
from tests.support.stacks import environ, processes, providers_at
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
LEASE, HEARTBEAT, MAX_ATTEMPTS = 4.0, 1.0, 10
SETTINGS = {
    "BIFROST_WORKER__LEASE_SECONDS": str(LEASE),
    "BIFROST_WORKER__HEARTBEAT_SECONDS": str(HEARTBEAT),
    # a job whose worker is killed again and again is given up in the end; here it is not the job's fault
    "BIFROST_WORKER__MAX_ATTEMPTS": str(MAX_ATTEMPTS),
    "BIFROST_WORKER__MAX_THROTTLES": "50",
    "BIFROST_WORKER__INFER_THREADS": "60",
    "BIFROST_WEB__WORKERS": "2",
    # every call really happens; `GUARDED` is the other way round
    "BIFROST_GUARDS__FAILURES": "0",
    "BIFROST_OLLAMA__CONCURRENCY": "0",
    "BIFROST_WEBHOOKS__SECRET": SECRET,
    "BIFROST_WEBHOOKS__ALLOWED_HOSTS": "127.0.0.1",
    "BIFROST_WEBHOOKS__SCHEDULE": ",".join(["0.3"] * 10 + ["1"] * 20),
    "BIFROST_WEBHOOKS__TIMEOUT": "2",
    "BIFROST_OUTBOX__LEASE_SECONDS": "3",
    "BIFROST_OUTBOX__POLL_SECONDS": "0.1",
}
#: As users have it: breakers, and a limit (with room for the load) that whoever dies must not use up for long.
GUARDED = {"BIFROST_GUARDS__FAILURES": "5", "BIFROST_OLLAMA__CONCURRENCY": "20"}
#: Kind of process -> its command.
COMMANDS = {
    "web": ("serve",),
    "prepare": ("worker", "prepare"),
    "infer": ("worker", "infer"),
    "dispatcher": ("dispatcher",),
    "bridge": ("bridge",),
}


class Site:
    """`with Site(directory, model_server_port) as site: site.url, site.api_key`."""

    KINDS: tuple[str, ...] = ("web", "prepare", "infer", "dispatcher")
    SERVERS: tuple[str, ...] = ("redis", "postgres")
    #: What must be well for the site to be ready, beside what makes it available.
    PARTS: tuple[str, ...] = ("broker",)

    def __init__(self, directory: Path, model_port: int, more: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.supervisor = Supervisor(directory=directory / "data")
        self.points = Points(directory / "points")
        data = directory / "data"
        self._postgres = Postgres(directory=data, port=free_port(), password="chaos", durable=False)
        self._redis = Valkey(directory=data, port=free_port(), password="chaos", durable=False)
        self.postgres = Proxy(self._postgres.port)
        self.redis = Proxy(self._redis.port)
        self.provider = Proxy(model_port)
        #: Straight to the server, for those who look on.
        self.database_url = self._postgres.url
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api_key = ""
        self._more = more or {}
        self._running = ExitStack()
        self._environ: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as running:
            for part in (self.supervisor, self.postgres, self.redis, self.provider):
                running.enter_context(part)
            self._prepare(self.start_servers())
            for name in self.KINDS:
                self.start(name)
            self.wait_ready()
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(AssertionError):
            # in this order: workers hand back while there are servers to hand back to
            self.supervisor.stop([name for name in self.supervisor.pids() if name not in self.SERVERS])
        self._running.close()

    @property
    def logs(self) -> Path:
        return self.directory / "data" / "logs"

    # -- processes

    def start(self, name: str) -> None:
        """`infer`, or `infer-2` for another one of the kind."""
        command = COMMANDS[name.partition("-")[0]]
        argv = (sys.executable, "-P", "-m", "tests.chaos.launch", *command)
        self.supervisor.start(Child(name=name, argv=argv, env=self._environ, grace=15))

    def stop(self, *names: str) -> None:
        """SIGTERM, and SIGKILL after its grace period."""
        self.supervisor.stop(names)

    def pids(self, kind: str) -> list[int]:
        """The main processes of a kind."""
        return [pid for name, pid in self.supervisor.pids().items() if name.partition("-")[0] == kind]

    def children(self, kind: str) -> list[int]:
        """Their children."""
        found: list[int] = []
        for pid in self.pids(kind):
            with suppress(OSError):
                found += [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
        return found

    def signal(self, kind: str, number: signal.Signals) -> None:
        """To the main processes of a kind and all that they forked."""
        for pid in self.pids(kind):
            with suppress(ProcessLookupError):
                os.killpg(pid, number)

    def forgive(self) -> None:
        """What died so far died of us: the next one is started again as quickly as the first."""
        for running in self.supervisor._children.values():
            running.exits = 0

    # -- servers

    def start_servers(self) -> Mapping[str, str]:
        """All of them. Settings that they ask for."""
        self.start_redis()
        self.start_postgres()
        return {}

    def start_postgres(self) -> None:
        self._postgres.start(self.supervisor)
        self._postgres.wait_ready(self.supervisor)

    def stop_postgres(self) -> None:
        self.supervisor.stop(["postgres"])

    def crash_postgres(self) -> None:
        """As `pg_ctl -m immediate`: it recovers from its log when the supervisor starts it again."""
        for pid in self.pids("postgres"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)

    def start_redis(self) -> None:
        self._redis.start(self.supervisor)
        self._redis.wait_ready(self.supervisor)

    def stop_redis(self) -> None:
        self.supervisor.stop(["redis"])

    def flush_redis(self) -> None:
        with suppress(redis.RedisError), redis.Redis.from_url(self._redis.url, socket_timeout=3) as client:
            client.flushall()

    def let_pass(self) -> None:
        """The network is as it should be."""
        for proxy in (self.postgres, self.redis, self.provider):
            proxy.mode = Mode.PASS

    # -- looking

    def wait_ready(self, timeout: float = 60) -> None:
        """Everything runs and has run for a moment, and an analysis can be submitted."""
        until(self._is_ready, timeout=timeout, what="the site being ready")

    def left(self) -> dict[int, str]:
        """Processes of this site that run."""
        return processes(self.directory)

    def _is_ready(self) -> bool:
        names = self.supervisor.pids()
        if not {*self.KINDS, *self.SERVERS} <= {name.partition("-")[0] for name in names}:
            return False
        if self.supervisor.struggling():
            return False
        try:
            answer = requests.get(f"{self.url}/health/ready", timeout=5)
        except requests.RequestException:
            return False
        parts = {part["name"]: part["ok"] for part in answer.json().get("checks", [])}
        return answer.status_code == 200 and all(parts.get(name) for name in self.PARTS)

    def _prepare(self, more: Mapping[str, str]) -> None:
        """The schema, a key, and the environment of the processes."""
        from app.container import build
        from app.domain.keys import UNLIMITED, Scope
        from app.settings import load
        from app.storage.schema import upgrade

        upgrade(self.database_url)
        metrics = self.directory / "metrics"
        metrics.mkdir()
        self._environ = environ(self.directory, providers_at(f"http://127.0.0.1:{self.provider.port}") | SETTINGS) | {
            "BIFROST_DATABASE_URL": replace(self._postgres, port=self.postgres.port).url,
            "BIFROST_REDIS_URL": replace(self._redis, port=self.redis.port).url,
            "BIFROST_WEB__PORT": str(self.port),
            "BIFROST_METRICS__DIRECTORY": str(metrics),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "BIFROST_TEST_POINTS": str(self.directory / "points"),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            **more,
            **self._more,
        }
        parts = build(load({**self._environ, "BIFROST_DATABASE_URL": self.database_url}))
        try:
            self.api_key = parts.keys.create(
                name="chaos", project="chaos", scopes=frozenset(Scope), limits=UNLIMITED
            ).token
        finally:
            parts.close()


def wait_gone(site: Site, timeout: float = 20) -> dict[int, str]:
    """Processes that are still there after all were stopped."""
    deadline = time.monotonic() + timeout
    while (left := site.left()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def connect(database_url: str) -> "psycopg2.extensions.connection":
    """For a look at the rows."""
    return psycopg2.connect(database_url.replace("+psycopg2", ""), connect_timeout=5)
