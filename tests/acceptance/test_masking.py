"""Addresses, host names and an operator's own patterns: the model sees none of them, the reader all but the last."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client.errors import ApiError
from tests.support.model_server import ModelServer
from tests.support.obeying_model import obeying, prompt_of
from tests.support.stacks import Running, environ, providers_at, running

PUBLIC, PRIVATE, HOST, EMPLOYEE = "8.8.4.4", "10.20.30.40", "db-7.example.com", "EMP-123456"
LOG = f"2025-03-18T01:59:07Z ERROR {PUBLIC} refused by {PRIVATE}, host={HOST}, for {EMPLOYEE}\n"


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.otherwise(obeying())
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("masking")


@pytest.fixture(scope="module")
def bifrost(models, home) -> Iterator[Running]:
    own = {"BIFROST_REDACTION__PATTERNS__EMPLOYEE": r"EMP-\d{6}"}
    with running(home, {**providers_at(models.url), **own}) as started:
        yield started


def hidden(models: ModelServer) -> set[str]:
    """What of it the model did not see, the last time."""
    prompt = prompt_of(models.requests[-1].body)
    return {value for value in (PUBLIC, PRIVATE, HOST, EMPLOYEE) if value not in prompt}


@pytest.mark.parametrize(
    ("asked", "unseen"),
    [
        ({}, {PUBLIC, EMPLOYEE}),
        ({"mask": "none"}, {EMPLOYEE}),
        ({"mask": "public"}, {PUBLIC, EMPLOYEE}),
        ({"mask": "all"}, {PUBLIC, PRIVATE, HOST, EMPLOYEE}),
    ],
)
def test_the_model_sees_what_the_policy_lets_it_see_and_the_reader_all_but_secrets(bifrost, models, asked, unseen):
    found = bifrost.answered(LOG, **asked)
    assert hidden(models) == unseen
    assert found.diagnosis.evidence[0].text == LOG.strip().replace(EMPLOYEE, "<EMPLOYEE_1>")
    assert found.coverage.redactions.get("IP", 0) == len(unseen & {PUBLIC, PRIVATE})


def test_two_policies_share_no_answer_and_one_does(bifrost):
    first = bifrost.answered(f"{LOG}once\n", cache="exact", mask="all")
    assert not bifrost.answered(f"{LOG}once\n", cache="exact", mask="none").cached
    assert bifrost.answered(f"{LOG}once\n", cache="exact", mask="all").raw["cached_from"] == first.id


def test_an_unknown_policy_is_a_problem(bifrost):
    with pytest.raises(ApiError) as raised:
        bifrost.submit(LOG, mask="some")
    assert [error.field for error in raised.value.errors] == ["mask"]


def test_the_command_line_asks_for_it(bifrost, models, home):
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "app.cli.main",
            "submit",
            "-",
            "--wait",
            "--cache",
            "off",
            "--mask",
            "all",
            "--format",
            "json",
        ],
        input=LOG,
        env=environ(home),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert HOST in json.loads(run.stdout)["diagnosis"]["summary"]
    assert HOST in hidden(models)
