"""`submit` against a real HTTP server."""

import gzip
import json

import pytest

from tests.support.api_server import diagnosis

pytestmark = pytest.mark.integration


def test_without_wait_only_the_id_is_on_standard_output(run, logs):
    result = run("submit", logs / "b.log")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "1\n", "")


def test_a_directory_is_walked_in_order_without_hidden_and_empty_files(run, logs, server):
    result = run("submit", logs)
    assert result.exit_code == 0
    assert result.stdout == "1\n2\n"
    assert [request.body["log_content"] for request in server.seen] == ["first", "second"]
    assert "empty.err: empty, skipped" in result.stderr


def test_standard_input_is_read_and_waited_for(run, server):
    server.steps = (("queued", "prepare"), ("running", "infer"))
    result = run("submit", "-", "--wait", stdin=b"boom\n")
    assert result.exit_code == 0
    assert result.stdout.startswith("HIGH  The database refuses connections.\n")
    assert "analysis 1 · built-in rules · 0.25 s" in result.stdout


def test_every_option_reaches_the_api(run, logs, server):
    result = run(
        "submit", logs / "b.log", "--source", "rules", "--service", "api", "--env", "prod", "--tag", "x", "--tag", "y",
        "--priority", "high", "--model", "m", "--language", "ko", "--cache", "off", "--metadata", "run=7=8",
        "--idempotency-key", "once",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert server.seen[0].body == {
        "log_content": "second",
        "source": "rules",
        "service_name": "api",
        "environment": "prod",
        "tags": ["x", "y"],
        "priority": "HIGH",
        "model": "m",
        "language": "ko",
        "cache": "off",
        "metadata": {"run": "7=8"},
    }
    assert server.seen[0].headers["idempotency-key"] == "once"


def test_local_and_cloud_name_their_source_and_wait(run, logs, server):
    assert "HIGH" in run("local", logs / "b.log").stdout
    assert "HIGH" in run("cloud", logs / "b.log").stdout
    assert [seen.body["source"] for seen in server.seen if seen.method == "POST"] == ["local", "cloud"]


def test_several_results_as_json_are_lines_of_the_apis_objects(run, logs):
    lines = run("submit", logs, "--wait", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2]
    assert json.loads(lines[0])["new_field"] == "kept"


def test_follow_tells_every_change_on_standard_error(run, logs, server):
    server.steps = (("queued", "prepare"), ("running", "prepare"), ("running", "infer"))
    result = run("submit", logs / "b.log", "--follow")
    told = [line.rpartition(": ")[2] for line in result.stderr.splitlines()]
    assert told == [
        "analysis 1",
        "queued",
        "running, reading the log",
        "running, asking for the diagnosis",
        "completed",
    ]


@pytest.mark.parametrize(("fail_on", "code"), [("critical", 0), ("HIGH", 4), ("low", 4)])
def test_fail_on_waits_and_decides_the_exit_code(run, logs, fail_on, code):
    assert run("submit", logs / "b.log", "--fail-on", fail_on).exit_code == code


def test_a_failed_analysis_ends_with_three_and_says_why(run, logs, server):
    error = {"code": "worker_lost", "detail": "The worker died.", "retryable": True}
    server.ends[None] = {"status": "failed", "error": error}
    result = run("submit", logs / "b.log", "--wait")
    assert result.exit_code == 3
    assert "FAILED  The worker died (worker_lost); submitting it again may help" in result.stdout


def test_a_finding_is_not_hidden_by_a_failure_of_another_log(run, logs, server):
    server.ends["first"] = {"status": "failed", "error": {"code": "x", "detail": "y", "retryable": False}}
    assert run("submit", logs, "--fail-on", "high").exit_code == 4


def test_the_timeout_ends_the_wait_not_the_analysis(run, logs, server):
    server.steps = (("queued", "prepare"),) * 100
    result = run("submit", logs / "b.log", "--wait", "--timeout", "0.3")
    assert result.exit_code == 5
    assert result.stdout == ""
    assert "bifrost-cli result --wait 1" in result.stderr


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b""), "empty, there is nothing to analyze"),
        (lambda path: path.write_bytes(b" \n\t\n"), "empty, there is nothing to analyze"),
        (lambda path: None, "no such file or directory"),
        (lambda path: path.mkdir(), "no *.log"),
        (lambda path: path.write_bytes(b"\x1f\x8bgarbage!!"), "x.log"),
    ],
)
def test_an_input_that_cannot_be_submitted_is_named(run, tmp_path, server, make, said):
    path = tmp_path / "x.log"
    make(path)
    result = run("submit", path)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "x.log" in result.stderr
    assert server.seen == []


def test_one_bad_log_does_not_stop_the_others(run, logs):
    result = run("submit", logs / "empty.err", logs / "b.log")
    assert (result.exit_code, result.stdout) == (2, "1\n")


def test_a_log_over_the_limit_is_one_clear_line(run, logs, server):
    server.max_log_chars = 5
    result = run("submit", logs / "a.txt", logs / "b.log")
    assert result.exit_code == 2
    assert result.stdout == "1\n"
    assert result.stderr.splitlines()[-1] == (
        f"{logs / 'b.log'}: The log is larger than this server accepts (log_too_large)"
    )


@pytest.mark.parametrize(
    ("data", "text", "said"),
    [
        (gzip.compress(b"zipped", mtime=0), "zipped", ""),
        ("utf-16 text".encode("utf-16"), "utf-16 text", ""),
        (b"caf\xe9 \xff", "caf\ufffd \ufffd", "2 bytes are not UTF-8"),
    ],
)
def test_compressed_and_odd_bytes_are_read_as_text(run, tmp_path, server, data, text, said):
    path = tmp_path / "x.log"
    path.write_bytes(data)
    result = run("submit", path)
    assert result.exit_code == 0
    assert server.seen[0].body["log_content"] == text
    assert said in result.stderr


def test_a_busy_server_is_asked_again_with_the_same_idempotency_key(run, logs, server):
    server.refuse(503, "storage_unavailable", retry_after="0")
    server.cut_connection()
    assert run("submit", logs / "b.log").exit_code == 0
    assert len(server.seen) == 3
    assert len({request.headers["idempotency-key"] for request in server.seen}) == 1


def test_a_rate_limit_of_an_hour_is_not_waited_for(run, logs, server):
    server.refuse(429, "rate_limited", retry_after="1800", detail="100 requests an hour are allowed.")
    result = run("submit", logs)
    assert result.exit_code == 6
    assert "Try again in 30 min." in result.stderr


def test_fields_that_are_wrong_are_named(run, logs, server):
    server.refuse(422, "invalid_input", detail="See errors.", errors=[{"field": "model", "message": "Too long."}])
    result = run("submit", logs / "b.log", "--model", "x")
    assert result.exit_code == 2
    assert "model: Too long (invalid_input)" in result.stderr


def test_a_wrong_key_says_where_to_get_one(run, logs, environ):
    environ["BIFROST_API_KEY"] = "bf_wrong"
    result = run("submit", logs / "b.log")
    assert result.exit_code == 2
    assert "bifrost-cli keys create" in result.stderr


def test_nobody_there_says_what_to_start(run, logs, environ):
    environ["BIFROST_URL"] = "http://127.0.0.1:9"
    result = run("submit", logs / "b.log")
    assert result.exit_code == 6
    assert "bifrost-cli up" in result.stderr


def test_an_unknown_place_says_how_to_name_it(run, logs, environ):
    environ["BIFROST_URL"] = None
    result = run("submit", logs / "b.log")
    assert result.exit_code == 2
    assert "BIFROST_URL" in result.stderr
    assert "bifrost-cli up" in result.stderr


@pytest.mark.parametrize(
    "arguments", [("--metadata", "novalue"), ("--metadata", "=x"), ("--fail-on", "awful"), ("--source", "moon")]
)
def test_a_wrong_option_is_bad_input(run, logs, server, arguments):
    assert run("submit", logs / "b.log", *arguments).exit_code == 2
    assert server.seen == []


def test_one_idempotency_key_cannot_stand_for_several_logs(run, logs, server):
    assert run("submit", logs, "--idempotency-key", "x").exit_code == 2
    assert server.seen == []


def test_github_annotates_the_file_and_writes_the_summary(run, logs, tmp_path, server):
    server.ends["first"] = {"status": "completed", "diagnosis": diagnosis("LOW")}
    result = run("submit", logs, "--format", "github", "--step-summary", tmp_path / "summary.md")
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"::notice file={logs / 'a.txt'},line=3,title=LOW%3A The database")
    assert lines[1].startswith(f"::error file={logs / 'b.log'},line=3,title=HIGH%3A The database")
    assert (tmp_path / "summary.md").read_text().count("### ") == 2


def test_a_log_from_a_pipe_and_a_stored_one_can_be_given_a_name(run, server):
    for arguments, stdin in ((("submit", "-"), b"ERROR x"), (("result", "1"), None)):
        result = run(*arguments, "--format", "sarif", "--file", "logs/build.log", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        (found,) = json.loads(result.stdout)["runs"]
        assert found["artifacts"][0]["location"]["uri"] == "logs/build.log"
        assert found["automationDetails"]["id"] == "bifrost/logs/build.log/"
    assert "file=logs/build.log," in run("result", "1", "--format", "github", "--file", "logs/build.log").stdout


def test_a_name_is_for_a_single_log(run, logs, server):
    for arguments in (("submit", logs), ("result", "1", "2")):
        result = run(*arguments, "--file", "a.log")
        assert result.exit_code == 2
        assert "--file is for a single log" in result.stderr
