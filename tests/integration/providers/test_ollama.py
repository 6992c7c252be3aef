"""Ollama, over real HTTP."""

import json

import pytest

from app.domain.errors import (
    AnswerTruncated,
    PromptTooLong,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderUnavailable,
)
from tests.support.model_behaviors import DIAGNOSIS, answer, error, error_inside, refused, silent_cut
from tests.support.model_calls import SCHEMA, Watching, prompt
from tests.support.model_protocols import Usage

pytestmark = pytest.mark.integration


@pytest.fixture
def ollama(make):
    return make("ollama", num_ctx=16_384)


def test_the_request_says_everything_explicitly(ollama, server):
    completion = ollama.complete(prompt(), Watching())
    body = server.requests[0].body
    assert server.requests[0].path == "/api/chat"
    assert body["model"] == completion.model == "m"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["format"] == SCHEMA
    assert body["options"] == {"num_ctx": 16_384, "num_predict": 300, "temperature": 0}
    assert body["keep_alive"] == "10m"
    assert (body["stream"], body["truncate"], body["shift"], body["think"]) == (True, False, False, False)


def test_our_own_machine_costs_nothing(ollama):
    usage = ollama.complete(prompt(), Watching()).usage
    assert (usage.cost_micro_usd, usage.estimated) == (0, False)


def test_the_budget_leaves_room_for_the_answer(ollama):
    assert ollama.token_budget == 16_384 - 300


@pytest.mark.parametrize("read", [16_384, 16_383, 8_194, 5])
def test_a_prompt_that_was_silently_cut_is_too_long(ollama, server, read):
    server.script(silent_cut(read))
    text = "\n".join(f"{n}: ERROR node {n} lost" for n in range(3000))
    with pytest.raises(PromptTooLong, match="cut the prompt"):
        ollama.complete(prompt(text), Watching())


def test_an_answer_that_filled_the_window_forgot_the_prompt(ollama, server):
    server.script(answer(usage=Usage(prompt=16_200, completion=300), reason="length"))
    with pytest.raises(PromptTooLong):
        ollama.complete(prompt(), Watching())


@pytest.mark.parametrize("read", [None, 0])
def test_a_count_that_a_cached_prompt_leaves_out_says_nothing(ollama, server, read):
    server.script(answer(usage=Usage(prompt=read, completion=40)))
    completion = ollama.complete(prompt("word " * 4000), Watching())
    assert completion.text == DIAGNOSIS
    assert completion.usage.estimated


def test_a_dense_prompt_that_was_read_whole_is_not_taken_for_cut(ollama, server):
    server.script(answer(usage=Usage(prompt=4100, completion=40)))
    assert ollama.complete(prompt("word " * 4000), Watching()).text == DIAGNOSIS


def test_a_refusal_to_cut_is_too_long(ollama, server):
    said = {"error": "request (20000 tokens) exceeds the available context size (16384 tokens), try increasing it"}
    server.script(refused(400, json.dumps(said).encode()))
    with pytest.raises(PromptTooLong):
        ollama.complete(prompt(), Watching())


def test_an_answer_at_its_limit_is_truncated(ollama, server):
    server.script(answer("{", reason="length", usage=Usage(prompt=100, completion=300)))
    with pytest.raises(AnswerTruncated):
        ollama.complete(prompt(), Watching())


def test_a_full_queue_asks_to_slow_down(ollama, server):
    server.script(error("queue_full"))
    with pytest.raises(ProviderThrottled):
        ollama.complete(prompt(), Watching())


@pytest.mark.parametrize("behavior", [error("not_found"), error_inside("not_found")])
def test_a_missing_model_says_how_to_get_it(ollama, server, behavior):
    server.script(behavior)
    with pytest.raises(ProviderMisconfigured, match="ollama pull m"):
        ollama.complete(prompt(), Watching())


def test_a_model_that_does_not_fit_into_memory_is_unavailable(ollama, server):
    said = {"error": "model requires more system memory (5.6 GiB) than is available (2.1 GiB)"}
    server.script(refused(500, json.dumps(said).encode()))
    with pytest.raises(ProviderUnavailable, match="system memory"):
        ollama.complete(prompt(), Watching())


def test_health_tells_a_window_that_is_smaller_than_asked_for(ollama):
    assert "8192" in ollama.health().detail


def test_health_tells_how_to_get_the_model(make):
    provider = make("ollama")
    provider.model = "not-there"
    health = provider.health()
    assert not health.ok
    assert "ollama pull not-there" in health.detail


@pytest.mark.parametrize("part", [[], 7, {"message": 7}, {"message": {"content": 7}}, {"done": "yes"}, {"error": 7}])
def test_parts_of_another_shape_do_not_make_an_answer(ollama, server, part):
    server.script(refused(200, json.dumps(part).encode() + b"\n"))
    with pytest.raises(ProviderUnavailable):
        ollama.complete(prompt(), Watching())
