"""`batch` against the real API, with nobody who works on what it accepts."""

import json
import os
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.container import Container, build
from app.domain.analyses import Filter
from app.settings import Settings
from tests.support.served_container import commanded

pytestmark = pytest.mark.integration


@pytest.fixture
def container(database_url, redis_url) -> Iterator[Container]:
    settings = {
        "database": {"url": database_url},
        "redis": {"url": redis_url},
        "limits": {"max_log_bytes": 800, "max_batch_items": 3, "max_batch_bytes": 1000},
    }
    made = build(Settings.model_validate(settings))
    yield made
    made.close()


@pytest.fixture
def environ(container, tmp_path) -> Iterator[dict[str, str | None]]:
    """The API on a port of its own."""
    with commanded(container, tmp_path / "data") as made:
        yield made


@pytest.fixture
def run(environ, tmp_path) -> Callable[..., Result]:
    (tmp_path / "logs").mkdir()

    def call(*arguments: object) -> Result:
        given = [str(argument) for argument in ("batch", tmp_path / "logs", *arguments)]
        return CliRunner(env=environ).invoke(cli, given)

    return call


@pytest.fixture
def accepted(container) -> Callable[[], list[str]]:
    """The logs of all analyses there are, sorted."""

    def logs() -> list[str]:
        project = container.keys.list()[0].project_id
        items = container.analyses.list(Filter(project_id=project, limit=100)).items
        return sorted(container.analyses.get(project, one.id, with_log=True).log_content or "" for one in items)

    return logs


def objects(done: Result) -> list[dict[str, object]]:
    """What was printed. The server is in the same process and writes its log there, too."""
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_what_a_server_does_not_take_in_one_call_is_sent_in_several(run, tmp_path, accepted):
    for number in range(10):
        (tmp_path / "logs" / f"{number}.log").write_text(f"log {number} {'x' * 150}")
    (tmp_path / "logs" / "large.log").write_text("x" * 900)
    (tmp_path / "logs" / "huge.log").write_text("x" * 2000)
    done = run("--json", "--timeout", 0)
    told = {one["file"]: one for one in objects(done)}
    assert {name for name, one in told.items() if "error" in one} == {"large.log", "huge.log"}
    assert "log_too_large" in told["large.log"]["error"]
    assert "2,000" in told["huge.log"]["error"]
    assert accepted() == [f"log {number} {'x' * 150}" for number in range(10)]
    assert done.exit_code == 5
    assert "they go on" in done.stderr


def test_the_rest_is_sent_when_it_is_run_again_and_all_with_anew(run, tmp_path, accepted):
    def write(*names: str) -> None:
        for name in names:
            (tmp_path / "logs" / name).write_text(f"log {name}")

    write("b.log", "d.log")
    run("--timeout", 0)
    write("a.log", "c.txt", "b.log")
    run("--timeout", 0)
    assert accepted() == ["log a.log", "log b.log", "log c.txt", "log d.log"]
    (tmp_path / "logs" / "b.log").write_text("log b.log, and more")
    run("--timeout", 0)
    assert len(accepted()) == 5
    run("--timeout", 0, "--service", "other")
    assert len(accepted()) == 9
    run("--timeout", 0, "--anew")
    assert len(accepted()) == 13


def test_files_of_the_same_name_and_content_in_two_directories_are_two(run, tmp_path, accepted):
    for folder in ("a", "b"):
        (tmp_path / "logs" / folder).mkdir()
        (tmp_path / "logs" / folder / "x.log").write_text("the same")
    run("--timeout", 0)
    assert accepted() == ["the same", "the same"]


def test_names_and_bytes_that_are_no_text_arrive(run, tmp_path, accepted):
    raw = os.fsencode(tmp_path / "logs") + b"/\xff\n.log"
    with open(raw, "wb") as file:  # noqa: PTH123 - a name that is not text
        file.write(b"caf\xe9")
    (tmp_path / "logs" / "é.log").write_bytes(b"\xff\xfel\x00o\x00g\x00")
    done = run("--timeout", 0)
    assert accepted() == ["caf\ufffd", "log"]
    assert done.exit_code == 5


def test_a_directory_without_logs_is_a_mistake(run, tmp_path):
    (tmp_path / "logs" / "notes.md").write_text("none")
    done = run()
    assert done.exit_code == 2
    assert "no *.log" in done.stderr


def test_only_broken_files_are_errors_and_nothing_is_sent(run, tmp_path, accepted):
    (tmp_path / "logs" / "empty.log").write_text("")
    done = run("--json")
    assert objects(done) == [{"file": "empty.log", "error": "empty, there is nothing to analyze."}]
    assert (done.exit_code, accepted()) == (2, [])


def test_what_no_file_can_have_is_an_error_of_each(run, tmp_path, accepted):
    (tmp_path / "logs" / "a.log").write_text("log")
    done = run("--prompt", "nobody")
    assert "prompt_unknown" in done.stdout
    assert (done.exit_code, accepted()) == (2, [])


def test_a_key_that_is_not_valid_ends_it(run, environ, tmp_path, accepted):
    (tmp_path / "logs" / "a.log").write_text("log")
    environ["BIFROST_API_KEY"] = "bf_nobody_knows"
    done = run()
    assert "key_invalid" in done.stderr
    assert (done.exit_code, accepted()) == (2, [])
