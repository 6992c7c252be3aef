"""What a call costs."""

import pytest

from app.domain.errors import ConfigurationInvalid
from app.providers.factories import FACTORIES
from app.providers.prices import Counted, count, listed, load
from app.settings import Settings
from tests.support.model_calls import prompt

pytestmark = pytest.mark.unit

OWN = """
openai_compatible:
  "My-Model*": [10, 20]
  "gpt-4o*": [1, 2]
ollama:
  "mistral": [5_000_000, 0]
"""


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
        ("ollama", "mistral", (0, 0)),
        ("rules", "signatures", (0, 0)),
    ],
)
def test_a_price_is_found_by_the_models_name(provider, model, price):
    assert listed().of(provider, model) == price


def test_costs_are_whole_micro_dollars_rounded_up():
    assert listed().cost("bedrock", "amazon.nova-micro-v1:0", (1, 1)) == 1


def test_what_a_model_without_a_price_costs_is_not_known():
    assert listed().cost("openai_compatible", "my-model", (1000, 10)) is None
    counted = Counted(prompt_tokens=1000, completion_tokens=10)
    found = listed().usage("openai_compatible", "my-model", prompt(), "{}", counted)
    assert (found.cost_micro_usd, found.cost_usd, found.estimated) == (None, None, False)


def test_what_was_not_told_is_estimated():
    found = listed().usage("bedrock", "amazon.nova-pro-v1:0", prompt(), "x" * 300, Counted(prompt_tokens=50))
    assert (found.prompt_tokens, found.completion_tokens, found.estimated) == (50, 100, True)
    assert found.cost_micro_usd == 360  # 50 × $0.80 and 100 × $3.20 a million


def test_the_operators_own_prices_are_asked_first(tmp_path):
    file = tmp_path / "prices.yaml"
    file.write_text(OWN)
    prices = load(file)
    assert prices.of("openai_compatible", "my-model-7b") == (10, 20)
    assert prices.of("openai_compatible", "gpt-4o-mini") == (1, 2)
    assert prices.of("ollama", "mistral") == (5_000_000, 0)
    assert prices.of("bedrock", "amazon.nova-pro-v1:0") == (800_000, 3_200_000)


@pytest.mark.parametrize(
    "content",
    [
        "- 1",
        "bedrock: 3",
        "bedrock: {m: 3}",
        "bedrock: {m: [1]}",
        "bedrock: {m: [1.5, 2]}",
        "bedrock: {m: [-1, 2]}",
        ":",
    ],
)
def test_a_file_without_prices_stops_the_start_and_is_named(tmp_path, content):
    file = tmp_path / "prices.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationInvalid, match=r"BIFROST_AI__PRICES.*prices\.yaml"):
        FACTORIES["ollama"](Settings.model_validate({"ai": {"prices": str(file)}}))


def test_a_missing_file_of_prices_stops_the_start(tmp_path):
    with pytest.raises(ConfigurationInvalid, match=r"nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("value", [None, True, -1, 2**31, "7", 7.0, [7]])
def test_only_a_sensible_integer_is_a_number_of_tokens(value):
    assert count(value) is None


def test_zero_is_a_number_of_tokens():
    assert count(0) == 0
