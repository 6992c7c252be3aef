"""What a call cost: prices as data, tokens as told by the provider or else estimated."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml

from app.domain.errors import ConfigurationInvalid
from app.domain.prompts import Prompt, Usage

#: Bytes of one token when the provider does not count; English and JSON lie between 3 and 4.
_BYTES_PER_TOKEN = 3
#: A model on our own machines has no price per token, unless its operator gives it one; the rules are no model.
FREE = frozenset({"ollama", "rules"})

#: Micro-dollars per million tokens, in and out.
Price = tuple[int, int]
#: Provider -> pattern of the model's name, in lower case -> price. The first pattern that matches wins.
Table = Mapping[str, Mapping[str, Price]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """Tokens as the provider told; None where it did not."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """The tables of prices, asked in this order."""

    tables: tuple[Table, ...]

    def of(self, provider: str, model: str) -> Price | None:
        """What a million tokens in and out cost, in micro-dollars; None when nobody has said."""
        named = model.lower()
        for table in self.tables:
            for pattern, price in table.get(provider, {}).items():
                if fnmatchcase(named, pattern):
                    return price
        return (0, 0) if provider in FREE else None

    def cost(self, provider: str, model: str, tokens: tuple[int, int]) -> int | None:
        """Whole micro-dollars, rounded up, of as many tokens in and out; None when the price is not known."""
        price = self.of(provider, model)
        if price is None:
            return None
        return -(-(tokens[0] * price[0] + tokens[1] * price[1]) // 1_000_000)

    def usage(self, provider: str, model: str, prompt: Prompt, text: str, counted: Counted) -> Usage:
        """Tokens and cost of one call. `estimated` when the provider did not tell all of its tokens."""
        asked, answered = counted.prompt_tokens, counted.completion_tokens
        tokens = (
            prompt.tokens_estimated if asked is None else asked,
            _estimate(text) if answered is None else answered,
        )
        return Usage(
            prompt_tokens=tokens[0],
            completion_tokens=tokens[1],
            cost_micro_usd=self.cost(provider, model, tokens),
            estimated=asked is None or answered is None,
        )


@cache
def listed() -> Prices:
    """The list that comes with Bifrost."""
    text = files("app.providers").joinpath("prices.yaml").read_text(encoding="utf-8")
    return Prices(tables=(_table(yaml.safe_load(text)),))


def load(own: Path | None) -> Prices:
    """The operator's own prices, of the same form, before the list. Raises `ConfigurationInvalid` naming the file."""
    if own is None:
        return listed()
    try:
        table = _table(yaml.safe_load(own.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError) as error:
        raise ConfigurationInvalid(
            f"The configuration is not valid:\n  ai.prices (BIFROST_AI__PRICES): {own} holds no prices: {error}"
        ) from error
    return Prices(tables=(table, *listed().tables))


def count(value: object) -> int | None:
    """A number of tokens as a provider sent it; None when it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        return None
    return value


def _estimate(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)


def _table(content: object) -> Table:
    """Raises TypeError or ValueError saying what is wrong."""
    if not isinstance(content, dict):
        raise TypeError("its top must be `provider: {model: [input, output]}`")
    found: dict[str, dict[str, Price]] = {}
    for provider, models in content.items():
        if not isinstance(models, dict):
            raise TypeError(f"{provider} must hold `model: [input, output]`")
        found[str(provider)] = {
            str(name).lower(): _price(f"{provider}: {name}", value) for name, value in models.items()
        }
    return found


def _price(name: str, value: object) -> Price:
    if not isinstance(value, list) or len(value) != 2 or any(count(one) is None for one in value):
        raise ValueError(f"{name} must be [input, output] in whole micro-dollars per million tokens")
    return value[0], value[1]
