"""What is sent beside a log reaches a model as redacted as the log."""

import pytest

from app.pipeline.naming import hidden
from app.pipeline.preparation import PreparationLimits, prepare
from app.pipeline.prompting import build_prompt
from tests.unit.pipeline.test_redaction import AWS

NAMES = ("service_name", "environment", "analysis_type")


def prompt_of(log, text=None, **names):
    prepared = prepare(log, limits=PreparationLimits(), token_budget=8000, text=text)
    asked = {"analysis_type": "error", "service_name": None, "environment": None} | names
    return build_prompt(prepared, language="en", model=None, max_output_tokens=1200, text=text, **asked)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", [None, "Of {{service_name}} in {{environment}}: {{analysis_type}}."])
@pytest.mark.parametrize("value", ["password=hunter2", f"app {AWS}", f"{AWS[:8]}\u200b{AWS[8:]}", "pass\n=hunter2"])
def test_no_name_takes_a_secret_to_a_model(name, text, value):
    prompt = prompt_of("ERROR boom", text, **{name: value})
    sent = prompt.system + "".join(message.content for message in prompt.messages)
    assert "hunter2" not in sent
    assert AWS not in sent
    assert "<SECRET>" in sent or "<AWS_KEY>" in sent


def test_a_name_without_secrets_is_told_as_it_is():
    prompt = prompt_of("ERROR boom", service_name="orders-api", environment="생산 1", analysis_type="error")
    assert "Question: error. Service: orders-api. Environment: 생산 1\n" in prompt.messages[0].content


def test_an_address_that_the_log_has_too_gets_the_same_placeholder():
    prompt = prompt_of("ERROR a@example.com\nERROR b@example.com", service_name="b@example.com")
    assert "Service: <EMAIL_2>" in prompt.messages[0].content


def test_a_value_that_the_log_has_not_is_not_taken_for_one_of_its():
    assert hidden("x@example.com", {"<EMAIL_1>": "a@example.com"}) == "<EMAIL>"
    assert hidden("password=hunter2", {}) == "password=<SECRET>"


def test_a_secret_that_a_short_name_would_be_cut_in_is_hidden_before():
    prompt = prompt_of("ERROR boom", service_name="x" * 30 + f" {AWS}")
    assert AWS[:8] not in prompt.messages[0].content


def test_no_name_stays_none():
    assert hidden(None, {}) is None
    assert hidden("", {}) == ""
