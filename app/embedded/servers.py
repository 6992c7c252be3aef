"""Both servers together, with ports and passwords that stay with their data."""

import json
import secrets
import socket
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from app.domain.errors import ConfigurationInvalid
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.supervisor import Supervisor


@dataclass(frozen=True, kw_only=True, slots=True)
class _Address:
    port: int
    password: str


class EmbeddedServers:
    """`with EmbeddedServers(directory) as servers: servers.database_url, servers.redis_url`.

    `supervisor`: who looks after the processes; without one they get their own. `durable=False` for tests. Either
    can be left out. Raises `ConfigurationInvalid` when they cannot run here, `Unavailable` when they do not start.
    """

    def __init__(
        self,
        directory: Path,
        *,
        supervisor: Supervisor | None = None,
        postgres: bool = True,
        redis: bool = True,
        durable: bool = True,
    ) -> None:
        self._directory = directory
        self._supervisor = supervisor
        self._wanted = tuple(name for name, want in (("postgres", postgres), ("redis", redis)) if want)
        self._durable = durable
        self._running = ExitStack()
        #: Addresses, passwords included; None for a server that was left out.
        self.database_url: str | None = None
        self.redis_url: str | None = None

    def __enter__(self) -> Self:
        """Start them and wait until both can be used."""
        with ExitStack() as running:
            supervisor = self._supervisor or running.enter_context(Supervisor(directory=self._directory))
            addresses = _addresses(self._directory, self._wanted)
            running.callback(supervisor.stop, self._wanted)
            self._start(supervisor, addresses)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop them."""
        self._running.close()

    def _start(self, supervisor: Supervisor, addresses: dict[str, _Address]) -> None:
        started: list[Valkey | Postgres] = []
        if "redis" in addresses:
            valkey = Valkey(directory=self._directory, durable=self._durable, **asdict(addresses["redis"]))
            self.redis_url = valkey.url
            started.append(valkey)
        if "postgres" in addresses:
            postgres = Postgres(directory=self._directory, durable=self._durable, **asdict(addresses["postgres"]))
            self.database_url = postgres.url
            started.append(postgres)
        for server in started:
            server.start(supervisor)
        for server in started:
            server.wait_ready(supervisor)


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nobody listens now.

    Below the range that systems hand out to outgoing connections (from 32768 on Linux), so that none of those takes it
    while a server restarts. The system chooses when all that were tried are taken.
    """
    for _ in range(50):
        port = 15_000 + secrets.randbelow(15_000)
        if port_is_free(port, host):
            return port
    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Could we listen there?"""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError:
        return False
    return True


def _addresses(directory: Path, names: tuple[str, ...]) -> dict[str, _Address]:
    """Those of last time; another port when somebody else has taken that one meanwhile."""
    path = directory / "servers.json"
    stored = _stored(path)
    for name in names:
        last = stored.get(name) or _Address(port=free_port(), password=secrets.token_hex(24))
        stored[name] = last if port_is_free(last.port) else replace(last, port=free_port())
    # Written before anything is made with these passwords.
    fresh = path.with_suffix(".json.new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps({name: asdict(address) for name, address in stored.items()}), encoding="utf-8")
    fresh.replace(path)
    return {name: stored[name] for name in names}


def _stored(path: Path) -> dict[str, _Address]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: _Address(**address) for name, address in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationInvalid(
            f"{path}, which holds the ports and passwords of the embedded servers, cannot be read: {error}."
        ) from error
