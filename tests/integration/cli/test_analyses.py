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


@pytest.mark.usefixtures("three")
def test_retry_sends_the_cancelled_again_and_says_what_does_not_need_it(run):
    run("cancel", 1)
    result = run("retry", 1, 2)
    assert result.exit_code == 2
    assert "queued" in result.stdout
    assert "analysis 2: The analysis has not ended yet." in result.stderr
    assert json.loads(run("status", 1, "--json").stdout)["status"] == "queued"


def tally(**changes):
    took = {"average": 1.25, "p50": 0.5, "p95": 9.0}
    counts = dict.fromkeys(("completed", "failed", "cancelled", "degraded", "cache_hits"), 0)
    usage = {"prompt_tokens": 1000, "completion_tokens": 234, "cost_usd": 0.5}
    return {"analyses": 3, **counts, **usage, "duration_seconds": took} | changes


def test_stats_say_where_a_cost_is_missing(run, server):
    models = [
        {"provider": "openai_compatible", "model": "ours", "tally": tally(cost_usd=0.0), "cost_known": False},
        {"provider": "bedrock", "model": "nova", "tally": tally(), "cost_known": True},
    ]
    server.statistics = {
        "since": "2026-05-01T00:00:00+00:00", "total": tally(), "models": models, "cost_known": False
    }  # fmt: skip
    result = run("stats")
    rows = {row.split()[0]: row for row in result.stdout.splitlines()[3:]}
    assert rows["openai_compatible"].endswith("  ?")
    assert rows["bedrock"].endswith("$0.5000")
    assert rows["all"].endswith("$0.5000 + ?")
    assert "ai.prices" in result.stderr


def test_stats_show_totals_and_each_model(run, server):
    quiet = tally(analyses=1, duration_seconds={"average": None, "p50": None, "p95": None})
    models = [
        {"provider": "ollama", "model": "mistral\x1b[31m", "tally": tally()},
        {"provider": "none", "model": "none", "tally": quiet},
    ]
    total = tally(analyses=1234, completed=1200, failed=4, cancelled=30, cache_hits=7)
    server.statistics = {"since": "2026-05-01T00:00:00+00:00", "total": total, "models": models}
    result = run("stats", "--hours", 48)
    assert result.exit_code == 0
    assert "1,234 analyses ended since 2026-05-01T00:00:00+00:00" in result.stdout
    assert "1,200 completed, 4 failed, 30 cancelled" in result.stdout
    assert "1.25 s" in result.stdout
    assert "1,234" in result.stdout
    assert "\x1b[31m" not in result.stdout
    assert "estimated" in result.stderr
    assert server.seen[-1].query == {"hours": ["48"]}
    assert json.loads(run("stats", "--json").stdout)["total"]["analyses"] == 1234
    assert server.seen[-1].query == {"hours": ["24"]}


def test_stats_of_nothing_are_told_as_such(run, server):
    server.statistics = {"since": "2026-05-01T00:00:00+00:00", "total": tally(analyses=0), "models": []}
    assert run("stats").stdout.startswith("0 analyses ended")


def test_a_webhook_goes_to_the_server(run, logs, server):
    assert run("submit", logs / "a.txt", "--webhook", "https://example.com/hook").exit_code == 0
    assert server.seen[-1].body["webhook_url"] == "https://example.com/hook"
