"""Which providers the settings make."""

import pytest

from app.domain.errors import ConfigurationInvalid
from app.providers.factories import FACTORIES
from app.settings import Settings


def _made(**sections):
    settings = Settings.model_validate(sections)
    made = {name: factory(settings) for name, factory in FACTORIES.items()}
    return {name: provider for name, provider in made.items() if provider is not None}


def test_without_configuration_there_are_ollama_and_the_rules():
    assert set(_made()) == {"ollama", "rules"}


def test_each_provider_is_called_what_the_table_calls_it():
    made = _made(
        bedrock={"region": "us-east-1"},
        openai_compatible={"url": "http://127.0.0.1:1/v1"},
        ai={"model": "m", "api_key": "k"},
    )
    assert {name: provider.name for name, provider in made.items()} == {name: name for name in FACTORIES}
    assert {provider.model for name, provider in made.items() if name != "rules"} == {"m"}


def test_a_provider_may_name_its_own_model():
    made = _made(ai={"model": "m"}, ollama={"model": "llama3.2"})
    assert made["ollama"].model == "llama3.2"


def test_a_default_model_alone_configures_no_cloud():
    assert set(_made(ai={"model": "mistral"})) == {"ollama", "rules"}


@pytest.mark.parametrize(
    ("sections", "missing"),
    [
        ({"bedrock": {"region": "us-east-1"}}, "bedrock.model"),
        ({"ai": {"chain": "bedrock"}}, "bedrock.model"),
        ({"openai_compatible": {"url": "http://127.0.0.1:1/v1"}}, "openai_compatible.model"),
        ({"ai": {"chain": "openai_compatible", "model": "m"}}, "openai_compatible.url"),
    ],
)
def test_half_a_configuration_is_an_error_that_names_the_other_half(sections, missing):
    with pytest.raises(ConfigurationInvalid, match=missing.replace(".", r"\.")):
        _made(**sections)


def test_the_budget_leaves_room_for_the_answer():
    made = _made(ollama={"num_ctx": 4096}, preparation={"max_output_tokens": 1000})
    assert made["ollama"].token_budget == 3096
