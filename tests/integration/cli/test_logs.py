"""`filter`, `templates` and `submit --dry-run`: files, pipes, and the real application over HTTP."""

import gzip
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client import ApiError, Client, Question
from app.domain.analyses import Status
from app.settings import Settings
from tests.support.parts import EVERYTHING, Parts
from tests.support.served_container import served
from tests.support.waiting import until
from tests.unit.api.test_reports import DIAGNOSIS

pytestmark = pytest.mark.integration

LOG = (
    "2026-01-31T09:00:00Z INFO started with password=swordfish\n"
    "2026-01-31T09:00:05Z ERROR cannot read orders\n"
    "  at app.read(Orders.java:1)\n"
    "2026-01-31T09:01:00Z WARN pool is at 90%\n"
)
ERROR = "".join(LOG.splitlines(keepends=True)[1:3])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "app.log"
    found.write_text(LOG)
    return found


@pytest.fixture
def parts() -> Parts:
    return Parts(settings=Settings.model_validate({"limits": {"max_log_bytes": 1000}}))


@pytest.fixture
def url(parts, environ) -> Iterator[str]:
    """The application itself, with parts in memory."""
    with served(parts) as found:
        environ |= {"BIFROST_URL": found, "BIFROST_API_KEY": EVERYTHING}
        yield found


@pytest.fixture
def client(url) -> Client:
    return Client(url, EVERYTHING)


COMMANDS = "ERROR a ##vso[task.setvariable variable=x]y\n::error::b\n##[error]c\n"


@pytest.mark.parametrize("runner", ["CI", "GITHUB_ACTIONS", "TF_BUILD"])
@pytest.mark.parametrize("arguments", [(), ("-n",), ("--json",)])
def test_where_a_runner_reads_along_no_record_is_a_command(run, environ, tmp_path, runner, arguments):
    (tmp_path / "a.log").write_text(COMMANDS)
    environ[runner] = "True"
    said = run("filter", tmp_path / "a.log", *arguments).stdout
    assert "task.setvariable" in said
    assert not re.search(r"##\w*\[|^\s*::", said, re.MULTILINE)
    if arguments == ("--json",):
        assert "".join(json.loads(line)["text"] + "\n" for line in said.splitlines()) == COMMANDS


def test_where_nobody_obeys_the_log_is_printed_as_it_is(run, environ, tmp_path):
    (tmp_path / "a.log").write_text(COMMANDS)
    environ["CI"] = "false"
    assert run("filter", tmp_path / "a.log").stdout == COMMANDS


def test_no_template_is_a_command_to_a_runner(run, tmp_path):
    (tmp_path / "a.log").write_text(COMMANDS)
    for arguments in ((), ("--json",)):
        said = run("templates", tmp_path / "a.log", *arguments).stdout
        assert "task.setvariable" in said
        assert not re.search(r"##\w*\[", said)


def test_records_are_printed_as_they_stand(run, file):
    result = run("filter", file, "--severity", "error")
    assert (result.exit_code, result.stdout, result.stderr) == (0, ERROR, "")
    assert run("filter", file).stdout == LOG


def test_nothing_found_is_an_exit_code_of_its_own(run, file):
    result = run("filter", file, "--keyword", "nowhere")
    assert (result.exit_code, result.stdout) == (7, "")


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--keyword", "ORDERS"], [2]),
        (["--keyword", "p..l", "--regex"], [4]),
        (["--since", "2026-01-31T09:00:05Z", "--until", "2026-01-31T09:01:00Z"], [2]),
        (["--since", "100w"], [1, 2, 4]),
        (["--severity", "WARNING"], [2, 4]),
    ],
)
def test_every_condition_reaches_the_records(run, file, options, numbers):
    result = run("filter", file, "--json", *options)
    assert [json.loads(line)["line"] for line in result.stdout.splitlines()] == numbers


def test_an_object_tells_all_of_a_record(run, file):
    assert json.loads(run("filter", file, "--json", "--severity", "error").stdout) == {
        "line": 2,
        "level": "ERROR",
        "at": "2026-01-31T09:00:05+00:00",
        "text": ERROR.rstrip("\n"),
    }


def test_lines_are_numbered_as_in_the_file(run, file):
    assert [line.partition(":")[0] for line in run("filter", file, "-n").stdout.splitlines()] == ["1", "2", "3", "4"]


def test_secrets_are_hidden_when_asked(run, file):
    assert "swordfish" in run("filter", file, "--keyword", "started").stdout
    result = run("filter", file, "--keyword", "started", "--redact")
    assert "<SECRET_1>" in result.stdout
    assert "swordfish" not in result.stdout


@pytest.mark.parametrize("pack", [lambda log: log, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_a_pipe_may_be_packed_and_of_another_encoding(run, pack, encoding):
    result = run("filter", "-", "--severity", "error", stdin=pack(LOG.encode(encoding)))
    assert result.stdout == ERROR


def test_what_would_act_on_a_terminal_is_left_out(run):
    result = run("filter", "-", stdin=b"2026-01-31T09:00:00Z ERROR \x1b]0;title\x07a\x1b[2Jb \xe2\x80\xaec\n")
    assert result.stdout == "2026-01-31T09:00:00Z ERROR ab c\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.log"], "No such file"),
        (["-", "--analysis", "1"], "not both"),
        (["-", "--follow", "--redact"], "whole log"),
        (["-", "--keyword", "(", "--regex"], "not a regular expression"),
        (["-", "--zone", "KST"], "not an offset"),
        (["-", "--since", "yesterday"], "neither a time"),
    ],
)
def test_what_makes_no_sense_is_said(run, arguments, said):
    result = run("filter", *arguments, stdin=LOG.encode())
    assert result.exit_code == 2
    assert said in result.stderr


def test_packed_bytes_that_are_broken_are_said(run, tmp_path):
    broken = tmp_path / "a.gz"
    broken.write_bytes(gzip.compress(LOG.encode() * 10)[:-20])
    result = run("filter", broken)
    assert result.exit_code == 2
    assert "a.gz" in result.stderr


def start(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "app.cli.main", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_what_follows_a_running_program_shows_each_record_when_the_next_one_begins():
    with start("filter", "-", "--severity", "error", "--follow") as process:
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write(LOG.encode())
            process.stdin.flush()
            assert process.stdout.readline() + process.stdout.readline() == ERROR.encode()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        finally:
            process.kill()


def test_a_reader_that_goes_away_ends_it_without_a_word(tmp_path):
    file = tmp_path / "big.log"
    file.write_text(LOG * 20_000)
    with start("filter", str(file)) as process:
        try:
            assert process.stdout
            assert process.stderr
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(60) == 141
            assert process.stderr.read() == b""
        finally:
            process.kill()


def test_a_log_is_counted_without_a_server(run, file):
    result = run("templates", file)
    assert result.exit_code == 0
    assert result.stdout.startswith("4 lines, 3 records: 1 ERROR, 1 WARNING, 1 INFO\nThe first error is in line 2.\n")
    assert "swordfish" not in result.stdout
    found = json.loads(run("templates", file, "--limit", "1", "--json").stdout)
    assert (found["levels"]["ERROR"], len(found["templates"])) == (1, 1)


def test_the_log_of_an_analysis_is_asked_over_http(run, parts, client):
    client.submit(LOG)
    assert run("filter", "--analysis", "1", "--severity", "error").stdout == ERROR
    assert "<SECRET_1>" in run("filter", "--analysis", "1", "--redact", "--zone", "-05:30").stdout
    assert run("filter", "--analysis", "1", "--keyword", "nowhere").exit_code == 7
    assert run("filter", "--analysis", "7").exit_code == 2
    assert run("templates", "--analysis", "1").stdout.startswith("4 lines, 3 records")


def test_both_ways_tell_the_same(run, client, file):
    client.submit(LOG)
    for command in (["filter", "--json"], ["filter", "--json", "--severity", "warning"], ["templates", "--json"]):
        here, there = run(*command, file).stdout, run(*command, "--analysis", "1").stdout
        assert [json.loads(line) for line in here.splitlines()] == [json.loads(line) for line in there.splitlines()]


def test_the_client_pages_through_records(client):
    client.submit(LOG)
    first = client.logs.filter_stored(1, Question(), limit=2)
    assert ([one.line for one in first.records], first.next_after, first.matched, first.total) == ([1, 2], 2, 3, 3)
    assert [one.line for one in client.logs.filter_stored(1, Question(), limit=2, after=2).records] == [4]
    posted = client.logs.filter(LOG, Question(keyword="pool", regex=True, zone="+09:00"))
    assert [(one.line, one.level) for one in posted.records] == [(4, "WARNING")]
    assert client.logs.statistics(LOG.encode(), limit=1)["records"] == 3


def test_the_client_fetches_reports(client, parts):
    client.submit(LOG)
    parts.analyses.put(1, status=Status.COMPLETED, diagnosis=DIAGNOSIS)
    assert client.logs.report(1, "plain").startswith("HIGH  ")
    assert json.loads(client.logs.report(1, "sarif", file="a.log"))["version"] == "2.1.0"
    with pytest.raises(ApiError):
        client.logs.report(1, "pdf")


def test_a_dry_run_tells_what_would_be_asked_read_and_paid(run, url, file, parts):
    result = run("submit", file, "--dry-run", "--service", "api")
    assert result.exit_code == 0, result.stderr
    first, *rest = result.stdout.splitlines()
    assert first == f"{file}: nothing was submitted"
    assert rest[0] == "  Would ask   ollama tiny, then rules"
    assert "4 lines: 4 shown" in rest[1]
    assert "redacted: 1 secret" in rest[1]
    assert rest[2].startswith("  Would cost  at most $0.00")
    assert parts.analyses.submissions == []


def test_a_dry_run_in_korean_is_all_in_korean(run, url, file):
    first, *rest = run("submit", file, "--dry-run", "--language", "ko").stdout.splitlines()
    assert first == f"{file}: 제출하지 않았습니다"
    assert rest[0] == "  질문 대상  ollama tiny, 다음은 rules"
    assert rest[1].startswith("  분석 범위  총 4줄: ")
    assert rest[2].startswith("  예상 비용  최대 $0.00")
    assert not re.search("[a-zA-Z]", rest[2])
    by_rules = run("submit", file, "--dry-run", "--language", "ko", "--source", "rules").stdout
    assert "내장 규칙" in by_rules
    assert "모델에 묻지 않음" in by_rules


def test_a_dry_run_says_when_there_is_nothing_to_pay_and_when_nobody_knows(run, url, file):
    assert "nothing: no model is asked" in run("submit", file, "--dry-run", "--source", "rules").stdout
    assert "the built-in rules" in run("submit", file, "--dry-run", "--source", "rules").stdout
    assert "no price" in run("submit", file, "--dry-run", "--model", "unpriced").stdout


def test_a_dry_run_for_programs_is_the_apis_object(run, url, file):
    plan = json.loads(run("submit", file, "--dry-run", "--format", "json").stdout)
    assert plan["chain"] == ["ollama", "rules"]


def test_a_dry_run_of_several_logs_goes_on_behind_one_that_is_none(run, url, file, tmp_path):
    large = tmp_path / "large.log"
    large.write_text("x" * 1001)
    result = run("submit", large, file, tmp_path / "nowhere.log", "--dry-run")
    assert result.exit_code == 2
    assert "nothing was submitted" in result.stdout
    assert f"{large}: " in result.stderr
    assert "nowhere.log" in result.stderr


def test_a_dry_run_waits_while_the_server_reads_other_logs(run, url, file, parts):
    parts.previews._slots.acquire()
    freed = threading.Timer(0.3, parts.previews._slots.release)
    freed.start()
    try:
        assert run("submit", file, "--dry-run").exit_code == 0
    finally:
        freed.join()


def test_one_document_of_sarif_tells_of_all_logs(run, logs, server):
    result = run("submit", logs, "--format", "sarif")
    runs = json.loads(result.stdout)["runs"]
    assert result.exit_code == 0
    assert [one["artifacts"][0]["location"]["uri"].rsplit("/")[-1] for one in runs] == ["a.txt", "b.log"]
    assert {one["results"][0]["level"] for one in runs} == {"error"}


def test_what_is_not_finished_is_a_run_of_sarif_that_failed(run, logs, server):
    server.steps = (("running", "infer"),) * 1000
    result = run("submit", logs / "b.log", "--format", "sarif", "--timeout", "0")
    assert result.exit_code == 5
    invocation = json.loads(result.stdout)["runs"][0]["invocations"][0]
    assert not invocation["executionSuccessful"]


def test_an_analysis_whose_file_nobody_remembers_names_none(run, logs):
    run("submit", logs / "b.log")
    for name in ("sarif", "github"):
        assert "analysis 1" not in run("result", "1", "--wait", "--format", name).stdout.split("\n")[0]
    document = json.loads(run("result", "1", "--format", "sarif").stdout)
    assert "location" not in document["runs"][0]["artifacts"][0]


def test_a_pipe_of_any_size_is_read_in_little_memory(tmp_path):
    with start("filter", "-", "--severity", "error") as process:
        try:
            assert process.stdin
            quiet = LOG.splitlines(keepends=True)[0].encode() * 10_000
            for _ in range(40):
                process.stdin.write(quiet)
            process.stdin.flush()
            status = Path(f"/proc/{process.pid}/status")
            peak = int(next(row for row in status.read_text().splitlines() if row.startswith("VmHWM")).split()[1])
            process.stdin.close()
            until(lambda: process.poll() is not None, timeout=60, what="it has read everything")
            assert (process.returncode, peak < 200_000) == (7, True), peak
        finally:
            process.kill()
