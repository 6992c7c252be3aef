"""Valkey (or Redis) as a plain child process."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from app.domain.errors import BrokerUnavailable
from app.embedded.binaries import find_redis
from app.supervisor import Child, Supervisor, make_private

NAME = "redis"
START_SECONDS = 30.0

CONFIGURATION = """\
# Written anew at each start.
bind 127.0.0.1
protected-mode yes
port {port}
requirepass {password}
dir {directory}
daemonize no
appendonly yes
appendfsync {sync}
save ""
# An evicted message would be a lost one.
maxmemory-policy noeviction
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Valkey:
    """A Redis-protocol server on loopback with its data in `directory`/redis. `durable=False`: faster, for tests."""

    directory: Path
    port: int
    password: str
    durable: bool = True

    @property
    def url(self) -> str:
        """Its address, the password in it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self, supervisor: Supervisor) -> None:
        """Start it. Raises `ConfigurationInvalid` when no server program is found."""
        program = find_redis()
        data = self.directory / "redis"
        make_private(data)
        path = self.directory / "redis.conf"
        path.touch(mode=0o600)
        content = CONFIGURATION.format(
            port=self.port,
            password=self.password,
            directory=_quoted(data),
            sync="everysec" if self.durable else "no",
        )
        path.write_text(content, encoding="utf-8")
        supervisor.start(
            Child(
                name=NAME,
                argv=(str(program), str(path)),
                env={"LC_ALL": "C"},
                death_signal=signal.SIGTERM,  # time to write its file
                grace=10.0,
            )
        )

    def wait_ready(self, supervisor: Supervisor) -> None:
        """Returns once it answers. Raises `BrokerUnavailable` after half a minute, or when it gives up."""
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url, socket_timeout=3, socket_connect_timeout=3, retry=None) as client:
            while time.monotonic() < deadline and supervisor.exits(NAME) < 3:
                try:
                    client.ping()
                except (redis.ConnectionError, redis.TimeoutError):  # refused, or still loading its file
                    time.sleep(0.02)
                else:
                    return
        raise BrokerUnavailable(f"The embedded Redis did not start:\n{supervisor.last_lines(NAME)}")


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
