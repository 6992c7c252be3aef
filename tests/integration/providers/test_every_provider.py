"""What holds for every provider, over real HTTP."""

import contextlib
import json
import socket
import time

import pytest

from app.domain.errors import (
    AnswerMalformed,
    AnswerRefused,
    AnswerTruncated,
    PromptTooLong,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from tests.support.model_behaviors import (
    DIAGNOSIS,
    answer,
    corrupt,
    error,
    error_inside,
    filtered,
    garbage,
    hang_inside,
    huge,
    length_limited,
    prose,
    refused,
    reset,
    throttle,
    truncated,
    unfinished,
    web_page,
)
from tests.support.model_calls import Watching, prompt
from tests.support.model_protocols import Usage
from tests.support.model_server import closed_port

pytestmark = pytest.mark.integration


def test_an_answer_arrives_whole_and_in_pieces(each, make, server):
    watch = Watching()
    completion = make(each).complete(prompt(), watch)
    assert completion.text == DIAGNOSIS
    assert "".join(watch.tokens) == DIAGNOSIS
    assert len(watch.tokens) > 3
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (2000, 40)


def test_tokens_that_the_server_does_not_tell_are_estimated(each, make, server):
    server.script(answer(usage=Usage(prompt=None, completion=None)))
    usage = make(each).complete(prompt(), Watching()).usage
    assert usage.estimated
    assert usage.prompt_tokens == 100
    assert usage.completion_tokens > 40


def test_prose_is_handed_on_as_it_is(each, make, server):
    server.script(prose())
    assert make(each).complete(prompt(), Watching()).text.startswith("Here is what I found")


def test_the_prompt_may_name_another_model(each, make, server):
    make(each).complete(prompt(model="mistral"), Watching())
    asked = server.requests[0]
    assert "mistral" in (asked.path if each == "bedrock" else asked.body["model"])


def test_the_answer_has_a_limit_of_tokens(each, make, server):
    make(each).complete(prompt(), Watching())
    assert "300" in json.dumps(server.requests[0].body)


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [
        (error("throttled"), ProviderThrottled),
        (error("internal"), ProviderUnavailable),
        (error("unavailable"), ProviderUnavailable),
        (error("unauthorized"), ProviderMisconfigured),
        (error("forbidden"), ProviderMisconfigured),
        (error("not_found"), ProviderMisconfigured),
        (error("invalid"), ProviderMisconfigured),
        (error("too_long"), PromptTooLong),
        (error("model_timeout"), ProviderTimeout),
        (error("filtered"), AnswerRefused),
        (error_inside("internal"), ProviderUnavailable),
        (error_inside("too_long"), PromptTooLong),
        (length_limited(), AnswerTruncated),
        (huge(10), AnswerMalformed),
        (garbage(), ProviderUnavailable),
        (web_page(), ProviderUnavailable),
        (corrupt(), ProviderUnavailable),
        (truncated(), ProviderUnavailable),
        (unfinished(), ProviderUnavailable),
        (reset(), ProviderUnavailable),
        (refused(302, b""), ProviderMisconfigured),
        (refused(502, b"<html>Bad Gateway</html>", "text/html"), ProviderUnavailable),
        (refused(500, b"\xff" * 5_000_000), ProviderUnavailable),
    ],
    ids=lambda value: getattr(value, "__qualname__", "").split(".")[0],
)
def test_each_way_to_fail_has_its_error(each, make, server, behavior, expected):
    server.script(behavior)
    with pytest.raises(expected) as caught:
        make(each).complete(prompt(), Watching())
    assert type(caught.value) is expected
    assert len(server.requests) == 1, "nothing is retried here"


def test_it_answers_after_every_failure(each, make, server):
    provider = make(each, read_timeout=0.3)
    for behavior in (error("internal"), truncated(), reset(), garbage(), hang_inside(), huge(2)):
        server.script(behavior)
        with pytest.raises((ProviderUnavailable, ProviderTimeout, AnswerMalformed)):
            provider.complete(prompt(), Watching())
        assert provider.complete(prompt(), Watching()).text == DIAGNOSIS


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("7", 7), ("0.5", 0.5), ("-3", 0), ("9e99", 86_400), ("nan", None), ("soon", None), ("", None)],
)
def test_a_wish_to_wait_is_passed_on(each, make, server, asked, seconds):
    server.script(error("throttled", Retry_After=asked))
    with pytest.raises(ProviderThrottled) as caught:
        make(each).complete(prompt(), Watching())
    assert caught.value.retry_after == seconds


def test_a_wish_to_wait_may_be_a_date_by_the_servers_clock(each, make, server):
    # far from our own time: only the difference to the server's `Date` counts
    server.script(error("throttled", Retry_After="Wed, 21 Oct 2015 07:28:30 GMT", Date="Wed, 21 Oct 2015 07:28:00 GMT"))
    with pytest.raises(ProviderThrottled) as caught:
        make(each).complete(prompt(), Watching())
    assert caught.value.retry_after in {0, 30}  # the server under test writes its own `Date` too


def test_nobody_listening_is_unavailable(each, make):
    with pytest.raises(ProviderUnavailable, match="refused"):
        make(each, url=f"http://127.0.0.1:{closed_port()}").complete(prompt(), Watching())


def test_words_of_the_server_are_quoted_but_never_the_prompt_nor_the_key(each, make, server):
    secret = "9: ERROR token=hunter2 rejected for user alice"
    for said in (f"cannot read {secret}", "bad key sk-very-secret-key", "temperatur must be warm"):
        server.script(refused(400, json.dumps({"error": said, "message": said}).encode()))
        with pytest.raises(ProviderMisconfigured) as caught:
            make(each).complete(prompt(secret), Watching())
        assert "hunter2" not in caught.value.detail
        assert "sk-very" not in caught.value.detail or each != "openai_compatible"
    assert "must be warm" in caught.value.detail


def test_health_tells_when_nobody_listens(each, make):
    started = time.monotonic()
    health = make(each, url=f"http://127.0.0.1:{closed_port()}").health()
    assert not health.ok
    assert health.name == each
    assert "refused" in health.detail
    assert time.monotonic() - started < 10


def test_health_of_a_good_server(each, make):
    health = make(each).health()
    assert health.ok, health.detail


def test_health_takes_at_most_three_seconds(each, make):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        health = make(each, url=f"http://127.0.0.1:{silent.getsockname()[1]}").health()
        assert not health.ok
        assert time.monotonic() - started < 3


def test_throttling_is_told_apart_from_failing(each, make, server):
    server.script(throttle(2.5))
    with pytest.raises(ProviderThrottled) as caught:
        make(each).complete(prompt(), Watching())
    assert caught.value.retry_after == 2.5
    server.script(filtered())
    with pytest.raises(AnswerRefused) if each != "ollama" else contextlib.nullcontext():
        make(each).complete(prompt(), Watching())
