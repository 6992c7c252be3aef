"""`bifrost-cli` as a process: terminals, pipes, Ctrl-C."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def start(environ) -> Callable[..., subprocess.Popen]:
    full = {name: value for name, value in {**os.environ, **environ}.items() if value is not None}  # noqa: TID251 - PATH
    running = []

    def call(*arguments: object, **more: object) -> subprocess.Popen:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": full} | more
        options["env"] = {**full, **(more.get("env") or {})}
        argv = options.pop("argv", None) or [sys.executable, "-m", "app.cli.main", *map(str, arguments)]
        running.append(subprocess.Popen(argv, **options))
        return running[-1]

    yield call
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_interrupts_it_leaves_word_how_to_come_back(start, server, logs, number, code):
    server.steps = (("queued", "prepare"),) * 1000
    process = start("submit", logs / "b.log", "--wait")
    until(lambda: any(request.method == "GET" for request in server.seen), what="it waits")
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert process.returncode == code
    assert out == b""
    assert b"bifrost-cli result --wait 1" in err
    assert b"Traceback" not in err


def test_a_reader_that_goes_away_is_no_error(start, logs):
    reading, writing = os.pipe()
    os.close(reading)
    process = start("submit", logs, "--wait", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 141
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


@pytest.mark.parametrize(("more", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_the_drawing_and_no_color_is_respected(start, logs, more, colored):
    ours, theirs = pty.openpty()
    environ = {"TERM": "xterm-256color", "COLUMNS": "80", **more}
    process = start("submit", logs / "b.log", "--wait", stdout=theirs, env=environ)
    os.close(theirs)
    data = b""
    while chunk := _read(ours):
        data += chunk
    process.wait(timeout=10)
    os.close(ours)
    text = data.decode()
    assert " HIGH " in text
    assert "│" in text
    assert "FATAL: sorry, too many clients already" in text
    assert ("\x1b[1;37;41m" in text) is colored


def test_a_spinner_runs_on_a_terminal_only(start, server, logs):
    server.steps = (("queued", "prepare"),) * 4
    ours, theirs = pty.openpty()
    process = start("submit", logs / "b.log", "--wait", stderr=theirs, env={"TERM": "xterm-256color"})
    os.close(theirs)
    data = b""
    while chunk := _read(ours):
        data += chunk
    out, _ = process.communicate(timeout=10)
    os.close(ours)
    assert "⠋".encode() in data
    assert out.startswith(b"HIGH  ")


def test_an_encoding_without_the_characters_gets_question_marks(start, logs):
    process = start("submit", logs / "b.log", "--wait", "--language", "ko", env={"PYTHONIOENCODING": "latin-1"})
    out, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    assert out.startswith(b"??(HIGH)  The database")


@pytest.mark.parametrize(("closed", "arguments", "code"), [("0<&-", "submit -", 2), ("1>&-", "list", 0)])
def test_a_closed_stream_is_no_stack_trace(start, closed, arguments, code):
    shell = f'exec "{sys.executable}" -m app.cli.main {arguments} {closed}'
    process = start(argv=["sh", "-c", shell])
    _, err = process.communicate(timeout=10)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert b"unexpected" not in err


def test_the_head_of_a_table_is_on_the_terminal_with_its_rows(start, server, logs):
    start("submit", logs / "b.log").communicate(timeout=10)
    ours, theirs = pty.openpty()
    process = start("list", stdout=theirs)
    os.close(theirs)
    data = b""
    while chunk := _read(ours):
        data += chunk
    process.communicate(timeout=10)
    os.close(ours)
    head, row = data.decode().splitlines()
    assert "SUMMARY" in head
    assert "queued" in row


def _read(terminal: int) -> bytes:
    """A terminal whose other end is closed raises where a pipe ends."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
