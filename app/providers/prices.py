"""What a call cost: list prices as data, tokens as told by the provider or else estimated."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import yaml

from app.domain.prompts import Prompt, Usage

#: Bytes of one token when the provider does not count; English and JSON lie between 3 and 4.
_BYTES_PER_TOKEN = 3
#: A model on our own machines has no price per token.
FREE = frozenset({"ollama"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """Tokens as the provider told; None where it did not."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def usage(provider: str, model: str, prompt: Prompt, text: str, counted: Counted) -> Usage:
    """Tokens and cost of one call. `estimated` when tokens were not told or the model's price is not known."""
    told = counted.prompt_tokens is not None and counted.completion_tokens is not None
    prompt_tokens = prompt.tokens_estimated if counted.prompt_tokens is None else counted.prompt_tokens
    completion_tokens = _estimate(text) if counted.completion_tokens is None else counted.completion_tokens
    price = listed(provider, model)
    asks, answers = price or (0, 0)
    return Usage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost_micro_usd=-(-(prompt_tokens * asks + completion_tokens * answers) // 1_000_000),  # rounded up
        estimated=not told or price is None,
    )


def listed(provider: str, model: str) -> tuple[int, int] | None:
    """As `price_of`; what runs on our own machines is free."""
    return (0, 0) if provider in FREE else price_of(provider, model)


def price_of(provider: str, model: str) -> tuple[int, int] | None:
    """Micro-dollars per million tokens in and out; None when the model is not listed."""
    named = model.lower()
    for pattern, price in _prices().get(provider, {}).items():
        if fnmatchcase(named, pattern):
            return price
    return None


def count(value: object) -> int | None:
    """A number of tokens as a provider sent it; None when it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        return None
    return value


def _estimate(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)


@cache
def _prices() -> Mapping[str, Mapping[str, tuple[int, int]]]:
    content = yaml.safe_load(files("app.providers").joinpath("prices.yaml").read_text(encoding="utf-8"))
    return {
        provider: {pattern.lower(): (int(price[0]), int(price[1])) for pattern, price in listed.items()}
        for provider, listed in content.items()
    }
