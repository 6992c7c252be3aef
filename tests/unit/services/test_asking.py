import json

import pytest

from app.domain.diagnoses import Severity
from app.domain.errors import (
    AnswerMalformed,
    AnswerTruncated,
    CancelRequested,
    PromptTooLong,
    ProviderThrottled,
)
from app.domain.logs import PreparedLog
from app.pipeline.preparation import PreparationLimits, prepare
from app.services.asking import Asked, Asking
from app.services.watching import CallWatch
from tests.support.claims import claim
from tests.support.clocks import HandClock
from tests.support.tiny_providers import Scripted, answer, scripted

LOG = "INFO started\nERROR OOMKilled\nINFO bye\n"


def prepared(log: str = LOG, *, budget: int = 8000) -> PreparedLog:
    return prepare(log, limits=PreparationLimits(max_line_chars=1000, max_templates=2000), token_budget=budget)


def ask(provider: Scripted, *, log: str = LOG, watch: CallWatch | None = None, **options) -> Asked:
    asked_by = options.pop("claim", claim())
    watch = watch or CallWatch(asked_by, HandClock())
    return Asking(max_output_tokens=300).ask(provider, asked_by, prepared(log), watch, **options)


def test_a_good_answer_becomes_a_grounded_diagnosis():
    asked = ask(scripted(answer()))
    assert (asked.provider, asked.model) == ("ollama", "tiny")
    assert asked.diagnosis.severity is Severity.HIGH
    assert [(line.line, line.text) for line in asked.diagnosis.evidence] == [(2, "ERROR OOMKilled")]
    assert (asked.coverage.evidence_cited, asked.coverage.evidence_dropped) == (1, 0)
    assert asked.diagnosis.summary in asked.response
    assert asked.usage.prompt_tokens == 100


def test_the_provider_is_shown_the_log_and_the_wish():
    provider = scripted(answer())
    ask(provider, claim=claim(model="big", language="ko", service_name="payments"))
    [prompt] = provider.prompts
    assert (prompt.model, prompt.language, prompt.max_output_tokens) == ("big", "ko", 300)
    shown = prompt.system + "".join(message.content for message in prompt.messages)
    assert "OOMKilled" in shown
    assert "payments" in shown


def test_invented_evidence_is_dropped_and_costs_confidence():
    invented = answer(evidence=[{"line": 2, "quote": "OOMKilled"}, {"line": 1, "quote": "the database burned down"}])
    asked = ask(scripted(invented))
    assert [line.line for line in asked.diagnosis.evidence] == [2]
    assert (asked.coverage.evidence_cited, asked.coverage.evidence_dropped) == (2, 1)
    assert asked.diagnosis.confidence < 0.9


def test_coverage_still_adds_up():
    coverage = ask(scripted(answer())).coverage
    assert coverage.lines_total == coverage.lines_blank + coverage.lines_sent + coverage.lines_counted + sum(
        part.lines for part in coverage.left_out
    )


@pytest.mark.parametrize("wrapped", ["Sure! {}\nHope that helps.", "```json\n{}\n```", "<think>hm</think>{}"])
def test_an_answer_in_prose_is_found(wrapped):
    provider = scripted(wrapped.replace("{}", answer()))
    assert ask(provider).diagnosis.severity is Severity.HIGH
    assert len(provider.prompts) == 1


def test_a_malformed_answer_is_asked_for_once_more_with_the_problem():
    provider = scripted("I cannot say.", answer())
    asked = ask(provider)
    assert asked.diagnosis.severity is Severity.HIGH
    first, second = provider.prompts
    assert len(second.messages) > len(first.messages)
    assert any("I cannot say." in message.content for message in second.messages)
    assert asked.usage.prompt_tokens == 200, "both calls are paid for"


@pytest.mark.parametrize("garbage", ["", "no", "{}", "[]", "null", json.dumps({"summary": 1}), answer(severity="BAD")])
def test_garbage_twice_is_malformed(garbage):
    provider = scripted(garbage)
    with pytest.raises(AnswerMalformed):
        ask(provider)
    assert len(provider.prompts) == 2


def test_a_cut_answer_is_asked_for_once_more_with_twice_the_room():
    provider = scripted(AnswerTruncated(), answer())
    assert ask(provider).diagnosis.severity is Severity.HIGH
    assert [prompt.max_output_tokens for prompt in provider.prompts] == [300, 600]


def test_an_answer_cut_twice_is_no_answer():
    provider = scripted(AnswerTruncated())
    with pytest.raises(AnswerTruncated):
        ask(provider)
    assert len(provider.prompts) == 2


def test_a_prompt_too_long_is_made_smaller_once():
    provider = scripted(PromptTooLong(), answer())
    asked = ask(provider, smaller=lambda: prepared(budget=600))
    assert asked.coverage.token_budget == 600
    assert len(provider.prompts) == 2


def test_a_prompt_too_long_twice_is_too_long():
    provider = scripted(PromptTooLong())
    with pytest.raises(PromptTooLong):
        ask(provider, smaller=lambda: prepared(budget=600))
    assert len(provider.prompts) == 2


def test_other_errors_are_the_callers():
    provider = scripted(ProviderThrottled(retry_after=3))
    with pytest.raises(ProviderThrottled) as raised:
        ask(provider)
    assert raised.value.retry_after == 3
    assert len(provider.prompts) == 1


def test_a_cancelled_call_is_not_begun():
    provider = scripted(answer())
    watch = CallWatch(claim(), HandClock())
    watch.stop(CancelRequested())
    with pytest.raises(CancelRequested):
        ask(provider, watch=watch)
    assert not provider.prompts


@pytest.mark.parametrize("first", [AnswerTruncated(), "garbage"])
def test_a_call_cancelled_meanwhile_is_not_repeated(first):
    watch = CallWatch(claim(), HandClock())

    def then_cancel(*_) -> str:
        watch.stop(CancelRequested())
        if isinstance(first, Exception):
            raise first
        return first

    provider = scripted(then_cancel, answer())
    with pytest.raises(CancelRequested):
        ask(provider, watch=watch)
    assert len(provider.prompts) == 1
