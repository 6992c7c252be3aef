"""What is no log is not called healthy."""

import random

import pytest

from app.pipeline.decoding import decode
from app.pipeline.grounding import ground
from app.pipeline.interpretation import interpret
from app.providers.rules import Rules


@pytest.fixture
def read(make_prompt, watching):
    """Bytes -> diagnosis."""

    def run(data, language="en"):
        decoded = decode(data)
        prompt = make_prompt(decoded.text, language, bytes_replaced=decoded.bytes_replaced)
        return ground(interpret(Rules().complete(prompt, watching()).text), prompt.log).diagnosis

    return run


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (random.Random(1).randbytes(50_000), "44% of its bytes are not text"),
        ("\u200b\u200c\n\u2060\n".encode(), "there is nothing visible in it"),
        (b"\x1b[31m\x1b[0m\n\x1b[2K", "there is nothing visible in it"),
        (b"=====\n-----\n" * 20, "there are hardly any readable words in it"),
    ],
    ids=["random", "zero-width", "ansi", "ornaments"],
)
def test_what_cannot_be_read_is_said_to_be_no_log(read, data, reason):
    found = read(data)
    assert found.summary.startswith(f"This does not look like a log: {reason}")
    assert found.issues_found
    assert found.confidence <= 0.2
    assert read(data, "ko").summary.startswith("로그로 보이지 않습니다")


@pytest.mark.parametrize(
    "data",
    [
        "2024-05-01 12:00:00 INFO fine\n".encode("utf-16-le") * 30,
        b"2024-05-01 12:00:00 INFO caf\xe9 is open\n" * 30,
        "2024-05-01 12:00:00 주문 처리 완료\n".encode() * 30,
        b"200\tok\n" * 3,
    ],
    ids=["utf-16", "latin-1", "korean", "short"],
)
def test_a_log_with_some_strange_bytes_remains_a_log(read, data):
    assert read(data).summary.startswith("No issue found")


def test_an_error_among_random_bytes_is_told(read):
    found = read(b"2024-05-01 12:00:00 ERROR No space left on device\n" + random.Random(1).randbytes(5000))
    assert "disk is full" in found.summary
