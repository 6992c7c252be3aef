"""Which providers there are, and how each is made from the settings."""

from collections.abc import Callable, Mapping

from app.domain.errors import ConfigurationInvalid
from app.domain.ports import Offering
from app.providers import prices
from app.settings import Settings

Factory = Callable[[Settings], Offering | None]


def _ollama(settings: Settings) -> Offering:
    """Always there: its address has a default, and whether anybody answers there is a question of health."""
    from app.providers.ollama import Ollama

    model = settings.ollama.model or settings.ai.model or "mistral"
    return Ollama(
        settings.ollama,
        model=model,
        max_output_tokens=settings.preparation.max_output_tokens,
        prices=prices.load(settings.ai.prices),
    )


def _bedrock(settings: Settings) -> Offering | None:
    """There when something in its section is set, or the chain names it; it then needs a model."""
    section = settings.bedrock
    if not section.model_fields_set and "bedrock" not in settings.ai.chain:
        return None
    from app.providers.bedrock import Bedrock

    model = _needed(section.model or settings.ai.model, "bedrock.model", "BIFROST_BEDROCK__MODEL")
    return Bedrock(
        section,
        model=model,
        max_output_tokens=settings.preparation.max_output_tokens,
        prices=prices.load(settings.ai.prices),
    )


def _openai_compatible(settings: Settings) -> Offering | None:
    """There when it has an address; it then needs a model. The key may be missing: local servers ask for none."""
    section = settings.openai_compatible
    if section.url is None and "openai_compatible" not in settings.ai.chain:
        return None
    from app.providers.openai_compatible import OpenaiCompatible

    _needed(section.url, "openai_compatible.url", "BIFROST_OPENAI_COMPATIBLE__URL")
    model = _needed(section.model or settings.ai.model, "openai_compatible.model", "BIFROST_OPENAI_COMPATIBLE__MODEL")
    key = section.api_key or settings.ai.api_key
    return OpenaiCompatible(
        section,
        model=model,
        api_key=key.get_secret_value() if key else None,
        max_output_tokens=settings.preparation.max_output_tokens,
        prices=prices.load(settings.ai.prices),
    )


def _rules(settings: Settings) -> Offering:
    """Always there: no model, nothing to configure."""
    from app.providers.rules import Rules

    del settings
    return Rules()


def _needed(value: str | None, name: str, variable: str) -> str:
    if not value:
        raise ConfigurationInvalid(f"The configuration is not valid:\n  {name} ({variable}): needed by its provider")
    return value


#: Name -> how it is made; None when it is not configured. A new provider is one file and one line here.
FACTORIES: Mapping[str, Factory] = {
    "ollama": _ollama,
    "bedrock": _bedrock,
    "openai_compatible": _openai_compatible,
    "rules": _rules,
}
