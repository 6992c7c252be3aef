"""Many logs: a directory by the command line, interrupted and resumed; and the short calls, by real processes."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from app.client import NewItem, SubmitOptions
from app.client.client import Client
from tests.support.stacks import Running
from tests.support.waiting import until

pytestmark = pytest.mark.acceptance


@pytest.fixture
def logs(tmp_path) -> Path:
    """195 logs, no two the same, also between tests; and five that are none."""
    directory = tmp_path / "logs"
    (directory / "deep").mkdir(parents=True)
    for number in range(195):
        folder = directory / "deep" if number % 10 == 0 else directory
        text = f"{tmp_path} step {number}\nERROR {number} java.lang.OutOfMemoryError: Java heap space\n"
        (folder / f"svc-{number:03}.log").write_text(text)
    (directory / "empty.log").write_text(" \n")
    (directory / "large.log").write_bytes(b"x y z\n" * 2_000_000)
    (directory / "gone.txt").symlink_to("nowhere")
    (directory / "folder.log").mkdir()
    (directory / "cut.out.gz").write_bytes(b"\x1f\x8b\x08\x00cut off")
    return directory


class Command:
    """`bifrost-cli` in a process of its own."""

    def __init__(self, everyday: Running, tmp_path: Path, *arguments: object) -> None:
        self.environ = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - a process needs one
            "HOME": str(tmp_path),
            "BIFROST_DATA_DIR": str(tmp_path / "data"),
            "BIFROST_URL": everyday.stack.state.url,
            "BIFROST_API_KEY": everyday.stack.state.api_key,
        }
        self.argv = [sys.executable, "-m", "app.cli.main", *map(str, arguments)]
        self.cwd = Path(__file__).parents[2]

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv, env=self.environ, cwd=self.cwd, capture_output=True, text=True, timeout=100, check=False
        )

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv, env=self.environ, cwd=self.cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture
def service(tmp_path) -> str:
    return f"shop-{tmp_path.name}"


def ours(client: Client, service: str) -> list[int]:
    return [one.id for one in client.list({"service_name": service})]


def test_every_readable_log_of_a_directory_is_answered_and_each_broken_one_named(everyday, tmp_path, logs, service):
    done = Command(everyday, tmp_path, "batch", logs, "--service", service, "--json").run()
    assert done.returncode == 2, done.stderr
    told = {one["file"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert len(told) == 200
    errors = {name: one["error"] for name, one in told.items() if "error" in one}
    assert errors.keys() == {"empty.log", "large.log", "gone.txt", "folder.log", "cut.out.gz"}
    assert "empty" in errors["empty.log"]
    assert "10,485,760" in errors["large.log"]
    assert "link" in errors["gone.txt"]
    assert "directory" in errors["folder.log"]
    answers = [one["analysis"] for one in told.values() if "analysis" in one]
    assert [one["status"] for one in answers] == ["completed"] * 195
    assert len({one["id"] for one in answers}) == len(ours(everyday.client, service)) == 195
    quoted = told["deep/svc-010.log"]["analysis"]["diagnosis"]["evidence"]
    assert any(" 10 " in one["text"] for one in quoted)
    summary = dict(line.rsplit(maxsplit=1) for line in done.stderr.splitlines() if line.strip())
    assert (summary["files"], summary["analyzed"], summary["errors"]) == ("200", "195", "5")


def test_a_run_that_was_interrupted_goes_on_and_nothing_is_done_twice(everyday, tmp_path, logs, service):
    command = Command(everyday, tmp_path, "batch", logs, "--service", service, "--concurrency", 1)
    process = command.start()
    try:
        until(lambda: process.poll() is not None or ours(everyday.client, service), timeout=30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "nothing is done twice" in said
    before = set(ours(everyday.client, service))
    assert before
    done = command.run()
    assert done.returncode == 2, done.stderr
    after = ours(everyday.client, service)
    assert len(after) == len(set(after)) == 195
    assert before <= set(after)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert sum(row[1] == "completed" for row in rows) == 195
    again = command.run()
    assert again.stdout == done.stdout
    assert len(ours(everyday.client, service)) == 195


def test_one_call_gives_the_answer(everyday, tmp_path):
    answered = everyday.client.analyze(f"{tmp_path}\nERROR java.lang.OutOfMemoryError: Java heap space\n", wait=20)
    assert answered.finished
    assert "OutOfMemoryError" in (answered.response or "")
    assert everyday.client.get(answered.id).finished


def test_a_look_is_held_until_the_end(everyday, tmp_path):
    headers = {"X-API-Key": everyday.stack.state.api_key}
    number = everyday.submit(f"{tmp_path}\nERROR disk full\n")
    url = f"{everyday.stack.state.url}/api/v1/analyses/{number}?wait=20"
    assert requests.get(url, headers=headers, timeout=30).json()["status"] == "completed"


def test_an_export_is_streamed_and_whole(everyday, tmp_path, service):
    for number in range(3):
        options = SubmitOptions(service_name=service, source="rules")
        everyday.finished(everyday.client.submit(f"{tmp_path} {number}\nERROR disk full\n", options).analysis.id)
    headers = {"X-API-Key": everyday.stack.state.api_key}
    url = f"{everyday.stack.state.url}/api/v1/analyses/export"
    with requests.get(url, params={"format": "csv"}, headers=headers, timeout=30, stream=True) as answer:
        assert "Content-Length" not in answer.headers
        assert answer.headers["Transfer-Encoding"] == "chunked"
    target = tmp_path / "out.csv"
    done = Command(everyday, tmp_path, "export", "--service", service, "-o", target).run()
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(target.read_text(), newline="")))
    assert [int(row["id"]) for row in rows] == ours(everyday.client, service)
    assert list(tmp_path.glob("*.part")) == []


def test_what_the_providers_offer_is_named(everyday):
    offers = {offer.provider: offer for offer in everyday.client.models()}
    assert offers["rules"].models == ("bifrost-rules",)
    assert "auto" in offers["rules"].sources


@pytest.fixture
def batch(everyday, service):

    items = [NewItem(custom_id=f"log {n}", log=b"ERROR disk full \xff %d\n" % n) for n in range(5)]
    return everyday.client.batches.submit(items, SubmitOptions(service_name=service, source="rules"))


def test_a_batch_is_submitted_followed_and_read_by_the_client(everyday, batch):
    until(lambda: everyday.client.batches.get(batch.id).finished, timeout=30)
    found = list(everyday.client.batches.results(batch.id))
    assert [one.custom_id for one in found] == [f"log {n}" for n in range(5)]
    assert {one.analysis.status.value for one in found} == {"completed"}
    assert found[0].analysis.coverage.bytes_replaced == 1
    assert everyday.client.batches.cancel(batch.id).status == "cancelled"
