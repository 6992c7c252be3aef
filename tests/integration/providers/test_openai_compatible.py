"""Servers that speak OpenAI's chat completions, over real HTTP."""

import json

import pytest

from app import settings
from app.domain.errors import AnswerRefused, ProviderMisconfigured, ProviderThrottled, ProviderUnavailable
from app.providers.openai_compatible import OpenaiCompatible
from tests.support.model_behaviors import DIAGNOSIS, answer, error, error_inside, refused
from tests.support.model_calls import Watching, prompt

pytestmark = pytest.mark.integration


@pytest.fixture
def provider(make):
    return make("openai_compatible")


def test_the_request_asks_for_the_schema_and_the_usage(provider, server):
    provider.complete(prompt(), Watching())
    asked = server.requests[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "Bearer sk-very-secret-key"
    assert asked.body["response_format"]["type"] == "json_schema"
    assert asked.body["response_format"]["json_schema"]["strict"] is True
    assert asked.body["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert asked.body["stream_options"] == {"include_usage": True}
    assert (asked.body["max_tokens"], asked.body["temperature"], asked.body["stream"]) == (300, 0, True)


def test_a_server_without_keys_gets_none(server):
    section = settings.OpenaiCompatible(url=f"{server.url}/v1/")
    provider = OpenaiCompatible(section, model="m", api_key=None, max_output_tokens=300)
    assert provider.complete(prompt(), Watching()).text == DIAGNOSIS
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("said", "gone", "instead"),
    [
        ("'response_format.type' must be 'text' or 'json_object'", "response_format", None),
        ("Unrecognized request argument supplied: stream_options", "stream_options", None),
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "max_completion_tokens",
        ),
        ("Unsupported value: 'temperature' does not support 0", "temperature", None),
    ],
)
@pytest.mark.parametrize("form", ["object", "text", "fastapi"])
def test_what_a_server_does_not_know_is_left_out_and_remembered(provider, server, said, gone, instead, form):
    body = {"object": {"error": {"message": said}}, "text": {"error": said}, "fastapi": {"detail": said}}[form]
    server.script(refused(422 if form == "fastapi" else 400, json.dumps(body).encode()))
    assert provider.complete(prompt(), Watching()).text == DIAGNOSIS
    assert provider.complete(prompt(), Watching()).text == DIAGNOSIS
    assert len(server.requests) == 3
    for asked in server.requests[1:]:
        assert gone not in asked.body
        assert instead is None or asked.body[instead] == 300


def test_concessions_end(provider, server):
    server.otherwise(error("no_schema"))
    with pytest.raises(ProviderMisconfigured):
        provider.complete(prompt(), Watching())
    assert len(server.requests) == 2


def test_an_empty_account_is_no_reason_to_wait(provider, server):
    for behavior in (error("quota"), error_inside("quota")):
        server.script(behavior)
        with pytest.raises(ProviderMisconfigured, match="insufficient_quota"):
            provider.complete(prompt(), Watching())


def test_throttling_inside_the_stream_is_throttling(provider, server):
    server.script(error_inside("throttled"))
    with pytest.raises(ProviderThrottled):
        provider.complete(prompt(), Watching())


def test_a_content_filter_refuses(provider, server):
    server.script(answer("", reason="filtered"))
    with pytest.raises(AnswerRefused):
        provider.complete(prompt(), Watching())


def test_a_refusal_of_the_model_refuses(provider, server):
    part = {"choices": [{"delta": {"refusal": "I can't help with that."}, "finish_reason": None}]}
    server.script(refused(200, b"data: " + json.dumps(part).encode() + b"\n\n", "text/event-stream"))
    with pytest.raises(AnswerRefused):
        provider.complete(prompt(), Watching())


def test_a_server_that_does_not_stream_is_heard_too(provider, server):
    whole = {
        "model": "m-2",
        "choices": [{"message": {"role": "assistant", "content": DIAGNOSIS}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 12},
    }
    server.script(refused(200, json.dumps(whole).encode()))
    completion = provider.complete(prompt(), Watching())
    assert (completion.text, completion.model) == (DIAGNOSIS, "m-2")
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (11, 12)


@pytest.mark.parametrize(
    "line",
    [
        b'data:{"error":{"message":"boom","code":500}}',
        b'{"error": "boom"}',
        b'data: {"error": {"type": "server_error"}}',
    ],
)
def test_an_error_may_come_in_many_forms(provider, server, line):
    server.script(refused(200, line + b"\n\n", "text/event-stream"))
    with pytest.raises(ProviderUnavailable):
        provider.complete(prompt(), Watching())


@pytest.mark.parametrize("count", [-5, "many", 1e30, True, None])
def test_an_absurd_number_of_tokens_is_not_believed(provider, server, count):
    part = {
        "choices": [{"delta": {"content": "{}"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": count, "completion_tokens": count},
    }
    server.script(refused(200, b"data: " + json.dumps(part).encode() + b"\n\ndata: [DONE]\n\n", "text/event-stream"))
    usage = provider.complete(prompt(), Watching()).usage
    assert (usage.prompt_tokens, usage.estimated) == (100, True)


def test_lone_surrogates_do_not_get_through(provider, server):
    line = b'data: {"choices": [{"delta": {"content": "a\\ud800b"}, "finish_reason": "stop"}]}\n\n'
    server.script(refused(200, line, "text/event-stream"))
    assert provider.complete(prompt(), Watching()).text == "a?b"


def test_health_of_a_server_with_a_bad_key(provider, server):
    server.list_models(401, {"error": "no"})
    assert "api_key" in provider.health().detail


def test_health_of_a_server_without_our_model(provider, server):
    server.list_models(200, {"data": [{"id": "other"}]})
    health = provider.health()
    assert not health.ok
    assert "does not list m" in health.detail


def test_health_of_a_server_that_lists_nothing(provider, server):
    server.list_models(404, {})
    assert provider.health().ok


@pytest.mark.parametrize(
    "part",
    [[], 7, {"choices": 7}, {"choices": [7]}, {"choices": [{"delta": []}]}, {"choices": [{"delta": {"content": 7}}]}],
)
def test_parts_of_another_shape_do_not_make_an_answer(provider, server, part):
    server.script(refused(200, b"data: " + json.dumps(part).encode() + b"\n\n", "text/event-stream"))
    with pytest.raises(ProviderUnavailable):
        provider.complete(prompt(), Watching())
