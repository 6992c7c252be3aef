"""`submit` keeps what it is given, and what was found, whatever else goes wrong."""

import pytest

pytestmark = pytest.mark.integration


def test_a_finding_is_not_hidden_by_a_log_that_is_not_there(run, logs):
    result = run("submit", logs / "b.log", logs / "nope.log", "--fail-on", "high")
    assert result.exit_code == 4
    assert "HIGH  The database refuses connections." in result.stdout
    assert "nope.log: no such file or directory" in result.stderr


def test_an_empty_argument_submits_nothing(run, server):
    result = run("submit", "")
    assert result.exit_code == 2
    assert "Is a variable unset?" in result.stderr
    assert server.seen == []


def test_a_large_log_travels_packed_and_with_its_fields(run, tmp_path, server):
    path = tmp_path / "x.log"
    path.write_bytes(b'boom "quoted"\n' * 10_000)
    result = run("submit", path, "--tag", "x", "--tag", "y", "--metadata", "run=7&8", "--service", "caf\u00e9")
    assert result.exit_code == 0, result.stderr
    seen = server.seen[0]
    assert seen.headers["content-encoding"] == "zstd"
    assert int(seen.headers["content-length"]) < 2000
    assert seen.body == {
        "log_content": path.read_text(),
        "tags": ["x", "y"],
        "metadata": {"run": "7&8"},
        "service_name": "caf\u00e9",
    }


def test_a_tag_with_a_comma_stays_one_tag(run, logs, server):
    assert run("submit", logs / "b.log", "--tag", "a,b").exit_code == 0
    assert server.seen[0].body["tags"] == ["a,b"]


def test_a_summary_that_cannot_be_written_hides_no_finding(run, logs, tmp_path):
    place = tmp_path / "none" / "x.md"
    result = run("submit", logs / "b.log", "--format", "github", "--fail-on", "high", "--step-summary", place)
    assert result.exit_code == 4
    assert f"{place}: the summary cannot be written" in result.stderr


def test_several_that_are_not_finished_tell_the_whole_time(run, logs, server):
    server.steps = (("queued", "prepare"),) * 100
    result = run("submit", logs / "a.txt", logs / "b.log", "--wait", "--timeout", "0.3")
    assert result.exit_code == 5
    told = [line for line in result.stderr.splitlines() if "still" in line]
    assert told == [
        f"{logs / name}: analysis {number} is still queued after 0.3 s; it goes on."
        f" Come back with: bifrost-cli result --wait {number}"
        for number, name in enumerate(("a.txt", "b.log"), 1)
    ]


@pytest.mark.parametrize(
    "option", [("--timeout", "nan"), ("--idempotency-key", ""), ("--idempotency-key", "a\nb")], ids=repr
)
def test_a_value_that_would_mean_something_else_is_refused(run, logs, server, option):
    assert run("submit", logs / "b.log", "--wait", *option).exit_code == 2
    assert server.seen == []
