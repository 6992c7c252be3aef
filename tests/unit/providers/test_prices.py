"""What a call costs."""

import pytest

from app.providers.prices import Counted, count, price_of, usage
from tests.support.model_calls import prompt


@pytest.mark.parametrize(
    ("provider", "model", "price"),
    [
        ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", (1_000_000, 5_000_000)),
        ("bedrock", "anthropic.claude-opus-4-1-20250805-v1:0", (15_000_000, 75_000_000)),
        ("bedrock", "global.anthropic.claude-opus-4-5-20251101-v1:0", (5_000_000, 25_000_000)),
        ("bedrock", "EU.Amazon.Nova-Lite-v1:0", (60_000, 240_000)),
        ("openai_compatible", "gpt-4o-mini-2024-07-18", (150_000, 600_000)),
        ("openai_compatible", "gpt-5-2025-08-07", (1_250_000, 10_000_000)),
        ("openai_compatible", "gpt-5-pro", None),
        ("openai_compatible", "my-finetune-of-gpt-4o", None),
        ("nobody", "gpt-4o", None),
    ],
)
def test_a_price_is_found_by_the_models_name(provider, model, price):
    assert price_of(provider, model) == price


def test_costs_are_whole_micro_dollars_rounded_up():
    counted = Counted(prompt_tokens=1, completion_tokens=1)
    assert usage("bedrock", "amazon.nova-micro-v1:0", prompt(), "{}", counted).cost_micro_usd == 1


def test_what_was_not_told_is_estimated():
    found = usage("bedrock", "amazon.nova-pro-v1:0", prompt(), "x" * 300, Counted(prompt_tokens=50))
    assert (found.prompt_tokens, found.completion_tokens, found.estimated) == (50, 100, True)


@pytest.mark.parametrize("value", [None, True, -1, 2**31, "7", 7.0, [7]])
def test_only_a_sensible_integer_is_a_number_of_tokens(value):
    assert count(value) is None


def test_zero_is_a_number_of_tokens():
    assert count(0) == 0
