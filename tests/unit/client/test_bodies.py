"""How a submission travels: with the fewest bytes that bring it there unchanged."""

import json
import os

import pytest
import zstandard

from app.client.bodies import load

pytestmark = pytest.mark.unit


def test_a_log_travels_as_it_is_and_its_fields_in_the_query():
    log = b'caf\xe9 "x"\n'
    found = load(log, {"model": "m", "tags": ["a", "b c"], "deadline_seconds": 1.5, "metadata": {"k": 1}})
    assert found.body == log
    assert found.headers == {"Content-Type": "text/plain; charset=utf-8"}
    assert found.query == [
        ("model", "m"),
        ("tags", "a"),
        ("tags", "b c"),
        ("deadline_seconds", "1.5"),
        ("metadata", '{"k":1}'),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"tags": ["a,b"]},
        {"tags": [" a"]},
        {"tags": [""]},
        {"metadata": {"k": "x" * 2000}},
        {"service_name": "x" * 2001},
        {"new": True, "tags": [1]},
    ],
)
def test_what_a_query_cannot_carry_travels_as_json(fields):
    found = load("boom", fields)
    assert found.headers == {"Content-Type": "application/json"}
    assert not found.query
    assert json.loads(found.body) == fields | {"log_content": "boom"}


def test_bytes_that_are_not_utf_8_survive_json_for_the_server_to_count():
    found = load(b'caf\xe9 "x"', {"tags": ["a,b"]})
    assert found.body == b'{"tags": ["a,b"], "log_content": "caf\xe9 \\"x\\""}'


def test_a_lone_surrogate_is_no_reason_to_fail():
    assert load("a\ud800", {}).body == b"a\xed\xa0\x80"
    assert load("x", {"service_name": "\udcff"}).headers["Content-Type"] == "application/json"


def test_a_large_log_is_packed():
    log = b"the same again\n" * 10_000
    found = load(log, {})
    assert found.headers["Content-Encoding"] == "zstd"
    assert len(found.body) < len(log) / 10
    assert zstandard.decompress(found.body) == log


def test_what_cannot_be_packed_travels_as_it_is():
    log = os.urandom(100_000)
    assert load(log, {}).body == log
