"""`status`, `result`, `list`, `cancel` against a real HTTP server."""

import json

import pytest

from tests.support.api_server import diagnosis

pytestmark = pytest.mark.integration


@pytest.fixture
def three(run, logs, server):
    """Analyses 1 (waiting for ever), 2 and 3."""
    server.steps = (("queued", "prepare"),) * 100
    run("submit", logs / "a.txt")
    server.steps = ()
    run("submit", logs / "a.txt", logs / "b.log", "--wait")
    server.steps = (("queued", "prepare"),) * 100
    return server


@pytest.mark.usefixtures("three")
def test_status_has_a_line_for_each_and_names_the_unknown(run):
    result = run("status", 1, 99, 2)
    assert result.exit_code == 2
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["1", "2"]
    assert "queued" in result.stdout.splitlines()[0]
    assert "HIGH" in result.stdout.splitlines()[1]
    assert "analysis 99: There is no such analysis." in result.stderr


@pytest.mark.usefixtures("three")
def test_json_is_one_object_on_each_line(run):
    lines = run("status", 1, 2, "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2]


@pytest.mark.usefixtures("three")
def test_result_shows_what_was_found_and_takes_fail_on(run):
    result = run("result", 2, "--fail-on", "high", "--format", "markdown")
    assert result.exit_code == 4
    assert result.stdout.startswith("### HIGH · The database refuses connections.")


@pytest.mark.usefixtures("three")
def test_result_of_an_unfinished_one_says_so_at_once(run):
    result = run("result", 1)
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr == "analysis 1 is still queued; it goes on. Come back with: bifrost-cli result --wait 1\n"


def test_list_follows_the_pages_up_to_the_limit(run, three):
    three.page_size = 2
    assert [line.split()[0] for line in run("list").stdout.splitlines()] == ["3", "2", "1"]
    assert [line.split()[0] for line in run("list", "--limit", 1).stdout.splitlines()] == ["3"]


def test_list_hands_its_filters_to_the_api(run, server):
    result = run("list", "--status", "failed", "--severity", "high", "--service", "api", "--env", "prod", "--tag", "t")
    assert result.exit_code == 0
    assert "No analysis is like that." in result.stderr
    query = {name: values[0] for name, values in server.seen[0].query.items()}
    assert query == {
        "status": "failed",
        "severity": "HIGH",
        "service_name": "api",
        "environment": "prod",
        "tag": "t",
        "limit": "50",
    }


@pytest.mark.usefixtures("three")
def test_cancel_ends_a_waiting_one_and_says_when_it_is_too_late(run):
    result = run("cancel", 1, 2)
    assert result.exit_code == 2
    assert "cancelled" in result.stdout
    assert "analysis 2: The analysis is already finished." in result.stderr
    assert run("result", 1).exit_code == 3


def test_a_pipe_gets_rows_alone_and_summaries_of_a_hundred_characters(run, logs, server):
    long = diagnosis() | {"summary": "word " * 100}
    server.ends[None] = {"status": "completed", "diagnosis": long}
    run("submit", logs / "b.log", "--wait")
    result = run("list")
    (row,) = result.stdout.splitlines()
    assert row.endswith("…")
    assert len(row[row.index("word") :]) == 100
    assert "SUMMARY" not in result.output


@pytest.mark.parametrize("arguments", [("list", "--since", "999999w"), ("list", "--until", "999999w")])
def test_an_age_without_a_date_is_bad_input(run, server, arguments):
    assert run(*arguments).exit_code == 2
    assert server.seen == []
