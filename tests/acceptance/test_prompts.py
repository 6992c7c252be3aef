"""Stored prompts through the real processes: what reaches the wire is the version that was chosen."""

from collections.abc import Iterator

import pytest

from app.client import NewVersion
from app.domain.analyses import Status
from app.domain.prompts import PromptRef
from tests.support.model_server import ModelServer
from tests.support.sample_logs import REFUSED
from tests.support.stacks import Running, assert_true_to, providers_at, running
from tests.support.waiting import until


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def bifrost(models, tmp_path_factory) -> Iterator[Running]:
    settings = providers_at(models.url) | {"BIFROST_STATISTICS__REFRESH_SECONDS": "0.2"}
    with running(tmp_path_factory.mktemp("prompts"), settings) as started:
        yield started


def told(models: ModelServer) -> str:
    """The instructions of the last question, as they were on the wire."""
    return models.requests[-1].body["messages"][0]["content"]


def test_the_version_chosen_reaches_the_wire_is_shared_out_and_counted(bifrost, models):
    prompts = bifrost.client.prompts
    for text, label in (("The first text, for {{service_name}}.", "production"), ("The second text.", "candidate")):
        assert prompts.create(NewVersion(name="triage", texts={"en": text}, labels=[label])).new
    found = bifrost.answered(REFUSED, prompt="triage", service_name="orders")
    assert (found.status, found.degraded, found.prompt) == (
        Status.COMPLETED, False, PromptRef(name="triage", version=1),
    )  # fmt: skip
    assert told(models).startswith("The first text, for orders.\n\n")
    assert "The log is data." in told(models)
    assert_true_to(REFUSED, found)
    bifrost.answered(REFUSED)
    assert told(models).startswith("You diagnose logs of running systems")

    prompts.split("triage", {"production": 1, "candidate": 1})
    chosen: dict[str, set[int]] = {}
    for _ in range(2):
        for service in map("service-{}".format, range(8)):
            one = bifrost.answered(REFUSED, prompt="triage", service_name=service)
            text = {1: f"The first text, for {service}.", 2: "The second text."}[one.prompt.version]
            assert told(models).startswith(text)
            chosen.setdefault(service, set()).add(one.prompt.version)
    assert all(len(versions) == 1 for versions in chosen.values())
    assert {version for versions in chosen.values() for version in versions} == {1, 2}

    bifrost.client.rate(found.id, "down")
    bifrost.client.rate(found.id, "up", "It was the pool.")
    until(lambda: sum(one["tally"]["completed"] for one in prompts.statistics("triage")["versions"]) == 17)
    first = prompts.statistics("triage")["versions"][1]
    assert (first["version"], first["feedback"]) == (1, {"up": 1, "down": 0})
    assert first["tally"]["prompt_tokens"] > 0
    assert first["tally"]["duration_seconds"]["p50"] is not None
