"""When a record happened."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.timestamps import offset, time_reader

pytestmark = pytest.mark.unit

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
MOMENT = datetime(2026, 1, 31, 9, tzinfo=UTC)
read = time_reader(UTC, NOW)


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-31T09:00:00Z INFO a",
        "2026-01-31T09:00:00.000000000Z stderr F a",
        "2026-01-31 18:00:00,000 +0900 INFO a",
        "[2026-01-31T10:00:00+01:00] a",
        "2026/01/31 09:00:00 a",
        "2026-01-31-09:00:00 a",
        "postgres-1  | 2026-01-31 09:00:00.000 UTC [1] LOG: a",
        "Jan 31 09:00:00 host sshd[1]: a",
        "<34>Jan 31 09:00:00 host sshd[1]: a",
        "[Sat Jan 31 09:00:00.000000 2026] [core:error] a",
        "Sat Jan 31 09:00:00 2026 a",
        '203.0.113.9 - - [31/Jan/2026:18:00:00 +0900] "GET / HTTP/1.1" 200 1',
        "1:C 31 Jan 2026 09:00:00.000 # a",
        "I0131 09:00:00.000000       1 main.go:1] a",
        "26/01/31 09:00:00 INFO a",
        "260131 090000 148 INFO a",
        "1769850000 a",
        "[1769850000.000] a",
        "1769850000000 a",
        '{"level":"info","time":"2026-01-31T09:00:00Z","expires":"2030-01-01T00:00:00Z"}',
        '{"expires":"2030-01-01T00:00:00Z","ts":1769850000.0}',
        '{"time":1769850000000,"msg":"a"}',
        '{"t":{"$date":"2026-01-31T09:00:00.000+00:00"},"msg":"a"}',
        '{"log":"a\\n","stream":"stderr","time":"2026-01-31T09:00:00.000000000Z"}',
    ],
)
def test_a_time_is_read_in_every_documented_form(line):
    assert read(line) == MOMENT


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nothing",
        "09:00:00 no date",
        "2026-13-31T09:00:00Z",
        "2026-01-31T25:00:00Z",
        "release 1.2.2026-01",
        "12345678901 a number",
        '{"msg":"2026-01-31T09:00:00Z"}',
        '{"time":true}',
        '{"time":null}',
        "{not json 2026}",
        "Feb 30 09:00:00 host a",
        "x" * 500 + "2026-01-31T09:00:00Z",
    ],
)
def test_what_is_no_time_is_none(line):
    assert read(line) is None


def test_fractions_and_leap_seconds_are_kept_as_far_as_python_can():
    assert read("2026-01-31T09:00:00.123456789Z a") == MOMENT + timedelta(microseconds=123456)
    assert read("2026-01-31T09:00:60Z a") == MOMENT + timedelta(seconds=59)


def test_without_a_year_it_is_the_latest_that_is_not_in_the_future():
    assert read("Dec 31 09:00:00 host a") == datetime(2025, 12, 31, 9, tzinfo=UTC)
    assert read("Feb  1 13:00:00 host a") == datetime(2026, 2, 1, 13, tzinfo=UTC)
    assert read("Feb 29 13:00:00 host a") == datetime(2024, 2, 29, 13, tzinfo=UTC)


def test_on_new_years_eve_the_next_year_may_have_begun_elsewhere():
    eve = time_reader(UTC, datetime(2025, 12, 31, 23, 59, tzinfo=UTC))
    assert eve("Jan  1 00:00:30 host a") == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(("text", "hours"), [("+09:00", 9), ("-0530", -5.5), ("+00:00", 0)])
def test_an_offset_is_read(text, hours):
    assert offset(text) == timezone(timedelta(hours=hours))


@pytest.mark.parametrize("text", ["", "9", "+9", "KST", "+24:00", "+09:60", "+9:00"])
def test_what_is_no_offset_is_refused(text):
    with pytest.raises(ValueError, match=r"offset|strictly between"):
        offset(text)


@given(st.text())
def test_no_line_breaks_the_reader(line):
    found = read(line)
    assert found is None or found.tzinfo is UTC


@given(st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}", fullmatch=True))
def test_no_date_however_impossible_breaks_the_reader(line):
    found = read(line)
    assert found is None or found.tzinfo is UTC
