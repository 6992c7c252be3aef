"""A server that speaks the API, and the command line that talks to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.cli.output import RUNNERS
from tests.support.api_server import KEY, ApiServer


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as running:
        yield running


@pytest.fixture
def environ(server: ApiServer, tmp_path: Path) -> dict[str, str | None]:
    """The command line's whole configuration: nothing of this machine's."""
    return {
        "BIFROST_URL": server.url,
        "BIFROST_API_KEY": KEY,
        "BIFROST_DATA_DIR": str(tmp_path / "data"),
        "BIFROST_DATABASE_URL": None,
        "BIFROST_REDIS_URL": None,
        "DATABASE_URL": None,
        "REDIS_URL": None,
        "GITHUB_STEP_SUMMARY": None,
        # tests run where a runner reads along, too
        **dict.fromkeys(RUNNERS),
    }


@pytest.fixture
def run(environ: dict[str, str | None]) -> Callable[..., Result]:
    def call(*arguments: object, stdin: bytes | None = None) -> Result:
        return CliRunner(env=environ).invoke(cli, [str(argument) for argument in arguments], input=stdin)

    return call


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A directory of logs: two to submit, one empty, three that are none."""
    directory = tmp_path / "logs"
    (directory / ".git").mkdir(parents=True)
    (directory / "b.log").write_text("second")
    (directory / "a.txt").write_text("first")
    (directory / "empty.err").write_text("\n")
    (directory / "notes.md").write_text("none")
    (directory / ".hidden.log").write_text("none")
    (directory / ".git" / "x.log").write_text("none")
    return directory
