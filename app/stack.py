"""The whole of Bifrost on one machine: servers, schema, first key, processes."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

import app
from app.domain.errors import BifrostError, ConfigurationInvalid, KeyInvalid, Unavailable
from app.domain.keys import UNLIMITED, Scope
from app.embedded import EmbeddedServers
from app.embedded.servers import free_port, port_is_free
from app.settings import Settings, load
from app.state import State, read_state, write_state
from app.supervisor import AlreadyRunning, Child, Supervisor

READY_SECONDS = 60.0
#: A web process that answers but is not ready for this long waits for something outside: a model server, usually.
PATIENCE_SECONDS = 5.0
#: It has nothing to hand back, only what it saw to write down.
FLOWER_GRACE_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """How to run it. Port 0: a free one. `durable=False`: faster servers, for tests."""

    host: str | None = None
    port: int | None = None
    flower_port: int | None = None
    durable: bool = True
    #: With the mock of Kafka, whatever the settings say.
    kafka_demo: bool = False


class Stack:
    """`with Stack(environ) as stack: stack.state.url, stack.state.api_key`.

    `environ` holds the settings (default: this process's environment). Enter it in a thread that lives as long as the
    stack. Raises `AlreadyRunning`, `ConfigurationInvalid`, or `Unavailable` when something does not start.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        wishes: Wishes | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.wishes = wishes or Wishes()
        # The children get the whole environment on, so that they read the same settings as we do.
        self._environ = dict(os.environ if environ is None else environ)  # noqa: TID251 - see above
        self._say = say
        self.settings = load(self._environ)
        self._running = ExitStack()
        self._processes: tuple[str, ...] = ()
        self.supervisor = Supervisor(directory=self.directory)
        #: What the web process said when it did not call itself ready; None when it did.
        self.not_ready: str | None = None

    @property
    def directory(self) -> Path:
        """The data directory."""
        return self.settings.data_dir

    @property
    def state(self) -> State:
        """Where it runs. Raises `ConfigurationInvalid` before it did."""
        found = read_state(self.directory)
        if found is None:
            raise ConfigurationInvalid("Bifrost has not run in this data directory yet.")
        return found

    @property
    def flower_url(self) -> str | None:
        """Where Flower shows the workers; None when it was not asked for."""
        return f"http://127.0.0.1:{self.wishes.flower_port}" if self.wishes.flower_port else None

    def __enter__(self) -> Self:
        """Start everything; returns when a log can be submitted."""
        self._check_kafka()
        with ExitStack() as running:
            self._enter_supervisor(running)
            host, port = self._address()
            database_url, redis_url = self._servers(running)
            self._migrate(database_url)
            running.callback(self._forget_pid)
            running.callback(lambda: self.supervisor.stop(self._processes))
            self._start_processes(host, port)
            url = f"http://{_reachable(host)}:{port}"
            state = State(
                url=url,
                api_key=self._api_key(),
                database_url=database_url,
                redis_url=redis_url,
                kafka=self.settings.kafka.bootstrap_servers,
                pid=os.getpid(),
            )
            self._wait_ready(_reachable(host), port)
            write_state(self.directory, state)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything: the processes first, then the servers."""
        self._running.close()

    def hurry(self) -> None:
        """While it stops: no more patience with the processes. Their work is taken up at the next start."""
        self.supervisor.hurry(self._processes)

    def _enter_supervisor(self, running: ExitStack) -> None:
        try:
            running.enter_context(self.supervisor)
        except AlreadyRunning:
            found = read_state(self.directory)
            where = f" at {found.url} (process {found.pid})" if found and found.pid else ""
            raise AlreadyRunning(
                f"Bifrost already runs in {self.directory}{where}. Use that one, stop it, or choose another --data-dir."
            ) from None

    def _check_kafka(self) -> None:
        """Before anything runs: a bridge that cannot start would take the rest with it."""
        kafka = self.settings.kafka
        if self.wishes.kafka_demo:
            # the mock's address is not known yet
            kafka = kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:9092"})
        if kafka.bootstrap_servers:
            from app.kafka.checking import check

            check(kafka)

    def _address(self) -> tuple[str, int]:
        web = self.settings.web
        host = self.wishes.host or web.host
        wanted = web.port if self.wishes.port is None else self.wishes.port
        port = wanted or free_port()
        for number, address, option in (
            (port, host, "--port"),
            (self.wishes.flower_port, "127.0.0.1", "--flower-port"),
        ):
            if number and not port_is_free(number, address):
                raise ConfigurationInvalid(f"Port {number} of {address} cannot be used: choose another with {option}.")
        return host, port

    def _servers(self, running: ExitStack) -> tuple[str, str]:
        """Addresses of database and broker, and from now on the settings that every process reads."""
        database, redis = self.settings.database.url, self.settings.redis.url
        if not (database and redis):
            self._say("Starting PostgreSQL and Redis")
        embedded = EmbeddedServers(
            self.directory,
            supervisor=self.supervisor,
            postgres=database is None,
            redis=redis is None,
            durable=self.wishes.durable,
        )
        running.enter_context(embedded)
        metrics = self.settings.metrics.directory or self.directory / "metrics"
        scratch = self.directory / "tmp"
        # numbers of processes that are gone, and what killed ones could not clean up
        for emptied in (metrics, scratch):
            shutil.rmtree(emptied, ignore_errors=True)
            emptied.mkdir(mode=0o700, parents=True)
        self._environ |= {
            "BIFROST_DATA_DIR": str(self.directory),
            "BIFROST_METRICS__DIRECTORY": str(metrics),
            "TMPDIR": str(scratch),
            "PYTHONUNBUFFERED": "1",
            # Whoever starts all this as root on one machine has decided so; in production the warning stays.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
            # With `-P` below: our own modules are found wherever we are started, and no others of the same name.
            "PYTHONPATH": os.pathsep.join(filter(None, (_source_root(), self._environ.get("PYTHONPATH")))),
        }
        if self.wishes.kafka_demo:
            self._environ["BIFROST_KAFKA__BOOTSTRAP_SERVERS"] = self._mock_kafka(running)
        if embedded.database_url:
            self._environ["BIFROST_DATABASE_URL"] = embedded.database_url
        if embedded.redis_url:
            self._environ["BIFROST_REDIS_URL"] = embedded.redis_url
        self.settings = load(self._environ)
        return _urls(self.settings)

    def _mock_kafka(self, running: ExitStack) -> str:
        """Its address, once it runs."""
        self._say("Starting the mock of Kafka")
        file = self.directory / "tmp" / "kafka"
        argv = (sys.executable, "-P", "-m", "app.embedded.mock_kafka", str(file))
        self.supervisor.start(Child(name="kafka", argv=argv, env=self._environ, grace=FLOWER_GRACE_SECONDS))
        running.callback(self.supervisor.stop, ("kafka",))
        deadline = time.monotonic() + READY_SECONDS
        while not file.exists():
            if time.monotonic() > deadline or self.supervisor.exits("kafka") >= 3:
                raise Unavailable(f"The mock of Kafka does not start:\n{self.supervisor.last_lines('kafka')}")
            time.sleep(0.05)
        return file.read_text(encoding="utf-8")

    def _migrate(self, database_url: str) -> None:
        from app.storage.schema import upgrade

        self._say("Preparing the database")
        upgrade(database_url)

    def _start_processes(self, host: str, port: int) -> None:
        self._say("Starting the API, the workers and the dispatcher")
        children = self._children(host, port)
        self._processes = tuple(child.name for child in children)
        for child in children:
            self.supervisor.start(child)

    def _children(self, host: str, port: int) -> list[Child]:
        flower = self.wishes.flower_port
        events = ("--events",) if flower else ()
        python = (sys.executable, "-P", "-m")
        table: dict[str, tuple[str, ...]] = {
            "web": ("app.cli.main", "serve", "--host", host, "--port", str(port)),
            "prepare": ("app.cli.main", "worker", "prepare", *events),
            "infer": ("app.cli.main", "worker", "infer", *events),
            "dispatcher": ("app.cli.main", "dispatcher"),
        }
        if self.settings.kafka.bootstrap_servers:
            table["bridge"] = ("app.cli.main", "bridge")
        if flower:
            # On loopback only, and without a password its API refuses to change anything: it shows, and that is all.
            database = self.directory / "flower.db"
            options = ("--address=127.0.0.1", f"--port={flower}", "--persistent=True", f"--db={database}")
            table["flower"] = ("celery", "-A", "worker", "flower", *options)
        grace = self.settings.worker.shutdown_seconds + 2
        # prometheus_client reads this when it is imported, which Celery's command line does before any code of ours;
        # Flower's own metrics stay out of ours.
        shared = {"PROMETHEUS_MULTIPROC_DIR": str(self.settings.metrics.directory)}
        return [
            Child(
                name=name,
                argv=python + command,
                env=self._environ | ({} if name == "flower" else shared),
                stop_signal=signal.SIGTERM,
                grace=FLOWER_GRACE_SECONDS if name == "flower" else grace,
            )
            for name, command in table.items()
        ]

    def _api_key(self) -> str:
        """The remembered one while it is valid for this database, else a new one."""
        from app.container import build

        remembered = read_state(self.directory)
        container = build(self.settings)
        try:
            if remembered:
                try:
                    container.keys.authenticate(remembered.api_key)
                except KeyInvalid:
                    pass
                else:
                    return remembered.api_key
            # whoever runs it here is nobody to be held back
            made = container.keys.create(name="up", project="default", scopes=frozenset(Scope), limits=UNLIMITED)
            return made.token
        finally:
            container.close()

    def _wait_ready(self, host: str, port: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        answered: float | None = None
        while time.monotonic() < deadline:
            self._check_processes()
            # a process that died is waited for: it stays up now, or ends this start after its third death
            status, body = (None, "") if self.supervisor.struggling() else _ask(host, port)
            if status == 200:
                self.not_ready = None
                return
            if status and answered is None:
                answered = time.monotonic()
            if answered and time.monotonic() - answered > PATIENCE_SECONDS:
                self.not_ready = body
                return
            time.sleep(0.05)
        raise Unavailable(f"The API did not start within {READY_SECONDS:.0f} s:\n{self.supervisor.last_lines('web')}")

    def _check_processes(self) -> None:
        for name in self._processes:
            if self.supervisor.exits(name) >= 3:
                raise Unavailable(f"The process `{name}` does not stay up:\n{self.supervisor.last_lines(name)}")

    def _forget_pid(self) -> None:
        """Keep the rest: the next start continues with the same key and data."""
        found = read_state(self.directory)
        if found:
            write_state(self.directory, replace(found, pid=None))


def _urls(settings: Settings) -> tuple[str, str]:
    if settings.database.url is None or settings.redis.url is None:
        raise BifrostError("The embedded servers run, but the settings do not name them.")
    return settings.database.url.get_secret_value(), settings.redis.url.get_secret_value()


def _source_root() -> str:
    return str(Path(app.__file__).parents[1])


def _reachable(host: str) -> str:
    """The address to connect to for one that was listened on."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{name}]" if ":" in name else name


def _ask(host: str, port: int) -> tuple[int | None, str]:
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        return response.status, response.read(2000).decode(errors="replace")
    except (OSError, HTTPException):
        return None, ""
    finally:
        connection.close()
