import pytest

from app.domain.analyses import Source
from app.domain.errors import ProviderNotConfigured
from app.domain.storage_ports import Route
from app.services.routing import Routing, infer_queue
from tests.support.tiny_providers import scripted


def routing(*names: str, auto: tuple[str, ...] = ()) -> Routing:
    return Routing(providers={name: scripted(name=name) for name in (*names, "rules")}, auto=auto)


def names(made: Routing, source: Source) -> list[str]:
    return [provider.name for provider in made.chain(source)]


@pytest.mark.parametrize(
    ("source", "chain"),
    [
        (Source.LOCAL, ["ollama", "rules"]),
        (Source.CLOUD, ["bedrock", "rules"]),
        (Source.RULES, ["rules"]),
        (Source.AUTO, ["bedrock", "ollama", "rules"]),
    ],
)
def test_every_source_ends_in_the_rules(source, chain):
    assert names(routing("ollama", "bedrock", auto=("bedrock", "ollama")), source) == chain


def test_nothing_configured_means_the_rules():
    assert names(routing(), Source.AUTO) == ["rules"]
    assert names(routing(), Source.RULES) == ["rules"]


@pytest.mark.parametrize("source", [Source.CLOUD, Source.AUTO])
def test_a_provider_this_server_does_not_have_is_named(source):
    made = routing("ollama", auto=("ollama", "bedrock"))
    with pytest.raises(ProviderNotConfigured, match=f"`source: {source}`.* bedrock"):
        made.chain(source)
    with pytest.raises(ProviderNotConfigured):
        made.route(source)


def test_every_analysis_is_prepared_first_for_the_first_of_its_chain():
    made = routing("ollama", "bedrock", auto=("bedrock", "ollama"))
    assert made.route(Source.AUTO) == Route(queue="prepare", provider="bedrock")
    assert made.route(Source.RULES) == Route(queue="prepare", provider="rules")


def test_the_rules_named_in_the_chain_answer_once():
    made = routing("ollama", auto=("ollama", "rules"))
    assert names(made, Source.AUTO) == ["ollama", "rules"]
    assert names(routing(auto=("rules",)), Source.AUTO) == ["rules"]


def test_each_provider_has_a_queue_of_its_own_that_a_worker_serves():
    from app.broker import QUEUES
    from app.providers.factories import FACTORIES

    assert {infer_queue(name) for name in FACTORIES if name != "rules"} == set(QUEUES["infer"])


def test_another_model_or_chain_is_another_identity():
    made = {
        routing().identity(Source.AUTO),
        routing("ollama", auto=("ollama",)).identity(Source.AUTO),
        Routing(
            providers={"ollama": scripted(name="ollama", model="other"), "rules": scripted(name="rules")},
            auto=("ollama",),
        ).identity(Source.AUTO),
    }
    assert len(made) == 3
