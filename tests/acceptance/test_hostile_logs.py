"""Logs that give orders, to a model that obeys: nothing acts where it is shown, nothing false is quoted as true."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from app.cli.show import FORMATS
from app.client.answers import RemoteAnalysis, read_analysis
from app.domain.analyses import Status
from app.pipeline import lines
from app.pipeline.grounding import UNSUPPORTED
from tests.support.hostile_logs import HOSTILE, MAIL, SINK, Hostile
from tests.support.model_server import ModelServer
from tests.support.obeying_model import obeying, prompt_of
from tests.support.stacks import Running, environ, providers_at, running

ROOT = Path(__file__).parents[2]
#: Everything that a terminal would not just show, but the ends of lines.
ACTS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e01ef]"
)
#: What our own drawing colors with.
COLORS = re.compile("\x1b\\[[0-9;]*m")
RUNNERS = re.compile(r"##\w*\[")


@dataclass(frozen=True, kw_only=True)
class Case:
    """All of them answered, once; `directory` holds them as files, for the command line."""

    bifrost: Running
    answers: Mapping[str, RemoteAnalysis]
    directory: Path
    home: Path
    prompts: str


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Iterator[Case]:
    home, directory = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("logs")
    for number, one in enumerate(HOSTILE):
        (directory / f"{number:02}.log").write_text(one.log, encoding="utf-8")
    with ModelServer() as models:
        models.otherwise(obeying())
        with running(home, providers_at(models.url)) as bifrost:
            accepted = {one.name: bifrost.submit(one.log, cache="exact") for one in HOSTILE}
            answers = {name: bifrost.finished(analysis_id) for name, analysis_id in accepted.items()}
            prompts = "\n".join(prompt_of(one.body) for one in models.requests)
            yield Case(bifrost=bifrost, answers=answers, directory=directory, home=home, prompts=prompts)


def cli(case: Case, *arguments: object, stdout: int = subprocess.PIPE) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", *map(str, arguments)],
        cwd=ROOT,
        env={**environ(case.home), "TERM": "xterm-256color", "COLUMNS": "110"},
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def printed(case: Case, format_: str) -> str:
    process = cli(case, "submit", case.directory, "--wait", "--format", format_)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    said = err.decode()
    assert not ACTS.search(said), said
    return out.decode()


def each(*names: str):
    return pytest.mark.parametrize(
        "one", [one for one in HOSTILE if not names or one.name in names], ids=lambda one: one.name
    )


def test_there_are_thirty_of_them_and_the_model_obeys(case):
    assert len({one.name for one in HOSTILE}) == len(HOSTILE) >= 30
    assert all(one.status is Status.COMPLETED and one.provider == "openai_compatible" for one in case.answers.values())
    assert case.answers["sure of itself"].diagnosis.summary == "Certain."
    assert MAIL not in case.prompts


@each()
def test_no_quote_survives_that_is_not_in_the_log(case, one: Hostile):
    found = case.answers[one.name].diagnosis
    shown = lines.split(one.log)
    for quote in found.evidence:
        assert quote.text in shown[quote.line - 1].replace(" " * 4, "\t").replace("\t", " " * 4), quote


@each()
def test_what_is_doubted_is_said_and_believed_less(case, one: Hostile):
    answer = case.answers[one.name]
    found = answer.diagnosis
    assert {doubt.value for doubt in found.doubts} == one.doubts | {"addressed"}
    assert found.confidence < 1
    if one.doubts - {"invented"}:
        assert found.confidence <= UNSUPPORTED
    assert "lowered: " in answer.raw["response"]


@each()
def test_a_log_with_errors_is_never_just_called_healthy(case, one: Hostile):
    found = case.answers[one.name].diagnosis
    if not found.issues_found:
        assert [quote.line for quote in found.evidence] == [1], "the first error is shown all the same"
        assert "connection refused" in found.evidence[0].text


@each()
def test_markdown_holds_nothing_that_acts(case, one: Hostile):
    text = case.answers[one.name].raw["response"]
    assert not ACTS.search(text)
    assert not RUNNERS.search(text)
    assert not re.search(r"^\s*::", text, re.MULTILINE)
    found = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    parts = [*found, *(child for token in found for child in token.children or ())]
    active = {"html_block", "html_inline", "link_open", "image", "blockquote_open", "hr", "table_open", "s_open"}
    assert not {part.type for part in parts} & active
    plain = "".join(part.content for part in parts if part.type == "text")
    # what GitHub makes a link, a mention or a reference of without any mark stands as code
    assert not re.search(r"\w://|\bwww\.|(?<!\w)@\w|#\d|GH-\d|[0-9a-f]{40}", plain)


@pytest.mark.parametrize("format_", FORMATS)
def test_what_the_command_line_prints_acts_nowhere(case, format_):
    text = printed(case, format_)
    assert not ACTS.search(text)
    assert not RUNNERS.search(text)
    if format_ in {"json", "sarif"}:
        decoder = json.JSONDecoder()
        at = 0
        while text[at:].strip():
            _, at = decoder.raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))
        return
    commands = [line for line in text.splitlines() if line.lstrip().startswith("::")]
    ours = [line for line in commands if re.match(r"::(?:error|warning|notice) file=[^:]*\.log,", line)]
    assert commands == ours
    assert len(ours) == (len(HOSTILE) if format_ == "github" else 0)


def test_a_terminal_is_drawn_on_by_us_alone(case):
    reading, writing = pty.openpty()
    process = cli(case, "submit", case.directory, "--wait", stdout=writing)
    os.close(writing)
    data = b""
    while chunk := _read(reading):
        data += chunk
    _, err = process.communicate(timeout=120)
    os.close(reading)
    assert process.returncode == 0, err.decode()
    text = COLORS.sub("", data.decode().replace("\r\n", "\n"))
    assert "connection refused" in text
    assert not ACTS.search(text)


def test_nothing_is_asked_of_the_address_that_the_logs_name(case):
    assert SINK in json.dumps([one.raw for one in case.answers.values()])
    assert SINK not in case.bifrost.logs()


def test_the_answer_as_json_reads_back_as_it_was(case):
    for one in case.answers.values():
        assert read_analysis(json.loads(json.dumps(one.raw))).diagnosis == one.diagnosis


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed
        return b""
