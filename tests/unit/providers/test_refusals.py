"""Which error a server's refusal is, and how long it asks us to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.clock import SystemClock
from app.domain.errors import (
    AnswerRefused,
    PromptTooLong,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from app.providers.refusals import MAX_HINT, Refusal, error_of, retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "-1"}, 0),
        ({"Retry-After": "1e400"}, None),
        ({"Retry-After": "NaN"}, None),
        ({"Retry-After": "99999999999999999999"}, MAX_HINT),
        ({"Retry-After": "tomorrow"}, None),
        ({"Retry-After": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 07:27:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2215 07:28:30 GMT", "Date": "nonsense"}, MAX_HINT),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30", "Date": "Wed, 21 Oct 2015 07:28:00"}, 30),
    ],
)
def test_a_hint_is_understood_or_ignored(headers, seconds):
    assert retry_after(headers) == seconds


def test_a_date_without_the_servers_date_counts_from_now():
    until = SystemClock().now().astimezone(UTC) + timedelta(seconds=60)
    assert 50 < retry_after({"Retry-After": format_datetime(until, usegmt=True)}) <= 60
    assert isinstance(until, datetime)


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (400, "This model's maximum context length is 8192 tokens, however you requested 9000", PromptTooLong),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", PromptTooLong),
        (400, "the request exceeds the available context size, try increasing it", PromptTooLong),
        (400, "Input is too long for requested model.", PromptTooLong),
        (400, "max_tokens is too large: 9000", ProviderMisconfigured),
        (413, "", PromptTooLong),
        (429, "Too many tokens, please wait before trying again.", ProviderThrottled),
        (529, "overloaded", ProviderThrottled),
        (408, "", ProviderTimeout),
        (500, "", ProviderUnavailable),
        (599, "", ProviderUnavailable),
        (0, "context deadline passed", ProviderUnavailable),
        (400, "The response was filtered due to the content management policy", AnswerRefused),
        (401, "", ProviderMisconfigured),
        (404, "", ProviderMisconfigured),
        (418, "", ProviderMisconfigured),
        (301, "", ProviderMisconfigured),
    ],
)
def test_each_refusal_is_one_error(status, message, expected):
    error = error_of(Refusal(status=status, message=message), "The server", (), secrets=())
    assert type(error) is expected


def test_the_providers_own_signals_come_first():
    refusal = Refusal(status=429, code="insufficient_quota")
    error = error_of(
        refusal, "The server", ((r"insufficient_quota", ProviderMisconfigured),), secrets=(), advice="Pay."
    )
    assert type(error) is ProviderMisconfigured
    assert error.detail == "The server answered 429 (insufficient_quota). Pay."


@pytest.mark.parametrize(
    "message", ["key=s3cret", "you sent: ERROR password hunter2 is wrong, which is bad", "x" * 150 + " s3cret"]
)
def test_a_message_that_repeats_a_secret_is_not_quoted(message):
    secrets = ("s3cret", "1: ERROR password hunter2 is wrong")
    error = error_of(Refusal(status=400, message=message), "The server", (), secrets=secrets)
    assert error.detail == "The server answered 400."


def test_a_secret_that_the_server_tells_is_hidden():
    told = Refusal(status=500, code="boom", message="cannot log in, password=" + "hunter" + "2 was refused")
    error = error_of(told, "ollama at 127.0.0.1", (), secrets=())
    assert "password=<SECRET> was refused" in error.detail
    assert "hunter" not in error.detail


def test_a_message_is_quoted_in_one_short_line():
    error = error_of(Refusal(status=400, message="a\nb\t" + "c" * 10_000), "The server", (), secrets=("",))
    assert "a b ccc" in error.detail
    assert len(error.detail) < 250
