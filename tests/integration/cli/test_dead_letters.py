"""`dead-letters` against the real application over the real database."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from app.cli.main import cli
from app.container import Container, build
from app.domain.analyses import Submission
from app.settings import Settings
from tests.support.served_container import commanded

pytestmark = pytest.mark.integration


@pytest.fixture
def container(database_url) -> Iterator[Container]:
    made = build(Settings.model_validate({"database": {"url": database_url}, "limits": {"max_replays": 2}}))
    yield made
    made.close()


@pytest.fixture
def run(container, tmp_path):
    """The command line, with a key for everything."""
    with commanded(container, tmp_path) as environ:
        yield lambda *words: CliRunner(env=environ).invoke(cli, [str(word) for word in words])


@pytest.fixture
def fail(run, container):
    """Ids of new analyses that failed."""

    def some(count: int, service: str = "api") -> list[int]:
        project = container.keys.list()[0].project_id
        ids = [
            container.analyses.submit(
                Submission(project_id=project, log=f"log {n}", service_name=service, deadline_seconds=0.000001)
            ).analysis.id
            for n in range(count)
        ]
        container.dispatching.sweep()
        return ids

    return some


def test_what_failed_is_listed_latest_first(run, fail):
    ids = fail(1) + fail(1, "web")
    result = run("dead-letters", "list")
    assert [line.split()[0] for line in result.stdout.splitlines()] == [f"analysis-{one}" for one in ids[::-1]]
    assert "deadline_exceeded" in result.stdout
    assert run("dead-letters", "list", "--service", "web").stdout.split()[0] == f"analysis-{ids[1]}"
    assert "No dead letter is like that." in run("dead-letters", "list", "--code", "worker_lost").stderr


def test_json_is_the_apis_object_on_each_line(run, fail):
    ids = fail(2)
    lines = run("dead-letters", "list", "--json").stdout.splitlines()
    assert [json.loads(line)["analysis_id"] for line in lines] == ids[::-1]
    assert json.loads(run("dead-letters", "show", ids[0], "--json").stdout)["letter"]["analysis_id"] == ids[0]


def test_one_is_shown_with_its_story_and_the_unknown_is_named(run, fail):
    [one] = fail(1)
    result = run("dead-letters", "show", f"analysis-{one}", 99)
    assert result.exit_code == 2
    assert "deadline_exceeded" in result.stdout
    assert "analysis-99: There is no such dead letter." in result.stderr


def test_ids_are_replayed_one_by_one(run, fail):
    ids = fail(2)
    result = run("dead-letters", "replay", *ids)
    assert (result.exit_code, result.stdout.count("goes again")) == (0, 2)
    assert "There is no dead letter." in run("dead-letters", "list").stderr


def test_a_filter_replays_all_of_them_however_many_calls_that_takes(run, fail):
    fail(5), fail(1, "web")
    result = run("dead-letters", "replay", "--service", "api")
    assert (result.exit_code, result.stdout) == (0, "5 go again\n")
    assert json.loads(run("dead-letters", "replay", "--all", "--json").stdout) == {"replayed": 1}


@pytest.mark.parametrize(
    "words", [(), (1, "--all"), (1, "--code", "x"), ("--all", "--code", "x"), ("analysis-",), ("x",)]
)
def test_a_replay_says_which_ones_or_is_none(run, fail, words):
    fail(1)
    assert run("dead-letters", "replay", *words).exit_code == 2
    assert len(run("dead-letters", "list").stdout.splitlines()) == 1


def test_a_discarded_one_is_listed_no_more_and_can_be_sent_again_by_its_analysis(run, fail):
    [one] = fail(1)
    assert "is discarded" in run("dead-letters", "discard", one).stderr
    assert run("dead-letters", "discard", one).exit_code == 2
    assert run("dead-letters", "list").stdout == ""
    assert "queued" in run("retry", one).stdout
