"""From a stored prompt to what a provider is asked, on a real store."""

import pytest

from app.domain.analyses import Language, Mask, Source, Status, Submission
from app.domain.errors import PromptUnknown
from app.domain.prompts import PromptConfig, PromptRef
from app.domain.records import Record, Request
from app.domain.stored_prompts import PromptDraft
from app.pipeline.instructions import CONTRACT
from app.pipeline.preparation import PreparationLimits
from app.pipeline.windows import WindowLimits
from app.providers.rules import Rules
from app.services.intake import Intake, IntakePolicy
from app.services.prompts import Prompts
from app.services.routing import Routing
from tests.integration.storage.test_prompts import POLICY
from tests.support.kernels import Kernel, kernel
from tests.support.many_errors import many_errors, quoting
from tests.support.tiny_providers import Scripted, answer, scripted


@pytest.fixture
def provider() -> Scripted:
    return scripted(answer())


@pytest.fixture
def modeled(store, provider) -> Kernel:
    return kernel(store, provider)


@pytest.fixture
def prompts(store) -> Prompts:
    made = Prompts(store.unit_of_work, POLICY)
    for number, label in ((1, "production"), (2, "candidate")):
        texts = {
            Language.EN: f"Text {number} for {{{{service_name}}}}.",
            Language.KO: f"{{{{service_name}}}} {number}번.",
        }
        draft = PromptDraft(name="triage", texts=texts, config=PromptConfig(max_output_tokens=100 * number))
        made.create(store.project, draft, by="test", labels=[label])
    return made


#: What is asked for; how the instructions begin, and how many tokens the answer may have.
ASKED = {
    "by its name": ({"prompt": "triage"}, "Text 1 for api.\n\n", 100),
    "by a label": ({"prompt": "triage@candidate"}, "Text 2 for api.\n\n", 200),
    "in Korean": ({"prompt": "triage@2", "language": Language.KO}, "api 2번.\n\n", 200),
    "not at all": ({}, "You diagnose logs of running systems", 300),
}


@pytest.mark.parametrize("how", ASKED)
@pytest.mark.usefixtures("prompts")
def test_the_provider_is_asked_with_the_version_that_was_chosen(modeled, provider, how):
    fields, begins, tokens = ASKED[how]
    found = modeled.answered(service_name="api", **fields)
    [asked] = provider.prompts
    assert asked.system.startswith(begins)
    assert asked.system.endswith(CONTRACT[asked.language])
    assert asked.max_output_tokens == tokens
    assert (found.status, found.degraded) == (Status.COMPLETED, False)
    assert found.coverage.tokens_estimated == asked.tokens_estimated


def test_a_label_that_moves_later_changes_nothing_for_what_was_accepted(modeled, provider, prompts, store):
    waiting = modeled.submit(prompt="triage")
    prompts.label(store.project, "triage", "production", 2)
    found = modeled.finish(waiting)
    assert found.prompt == PromptRef(name="triage", version=1)
    assert provider.prompts[0].system.startswith("Text 1 ")


def test_another_version_is_not_answered_from_the_cache(modeled, provider, prompts):
    first = modeled.answered(prompt="triage@1")
    assert modeled.answered(prompt="triage@1").cached_from == first.id
    assert modeled.answered(prompt="triage@production").cached_from == first.id
    assert not modeled.answered(prompt="triage@2").cached
    assert len(provider.prompts) == 2


def test_the_rules_use_none(modeled, prompts):
    assert modeled.answered(source=Source.RULES, prompt="triage").prompt is None


def test_an_unknown_prompt_stores_nothing(modeled, store):
    with pytest.raises(PromptUnknown):
        modeled.submit(prompt="nobody")
    assert store.ask("SELECT count(*) FROM analysis_results") == 0


def test_records_of_kafka_share_the_split_of_the_default(store, provider, prompts):
    draft = PromptDraft(name="default", texts={Language.EN: "Ours."})
    prompts.create(store.project, draft, by="test", labels=["candidate"])
    prompts.split(store.project, "default", {"production": 1, "candidate": 1})
    routing = Routing(providers={provider.name: provider, "rules": Rules()}, auto=(provider.name,))
    policy = IntakePolicy(
        project="default", source=Source.AUTO, cache_ttl=60, dead_letter_topic="dead", keep=0, mask=Mask.PUBLIC
    )
    requests = [
        Request(
            record=Record(topic="t", partition=0, offset=number, key=None, value=b"{}"),
            submission=Submission(
                project_id=store.project,
                log=f"log {number}",
                service_name=f"s{number % 10}",
                idempotency_key=str(number),
            ),
            request_hash="h",
        )
        for number in range(40)
    ]
    assert Intake(store.unit_of_work, routing, policy).take(store.project, requests).accepted == 40
    found = store.rows("SELECT DISTINCT service_name, prompt_name, prompt_version FROM analysis_results")
    assert len(found) == 10  # one version for each service
    assert {(name, version) for _, name, version in found} == {("default", 0), ("default", 1)}


def test_each_window_of_a_long_log_is_asked_with_the_chosen_version_within_its_budget(store, prompts):
    text = "Text for {{service_name}}. " + "Look for what came first. " * 30
    prompts.create(store.project, PromptDraft(name="long", texts={Language.EN: text}), by="test")
    provider = scripted(lambda prompt, _watch: quoting(prompt.messages[0].content))
    limits = PreparationLimits(windows=WindowLimits(max_calls=5, max_tokens=10**6))
    found = kernel(store, provider, preparation=limits).answered(
        log=many_errors(500), prompt="long", service_name="api"
    )
    assert (found.status, found.coverage.windows_asked > 0) == (Status.COMPLETED, True)
    assert len(provider.prompts) > 2
    assert all(prompt.system.startswith("Text for api. Look") for prompt in provider.prompts)
    assert all(prompt.tokens_estimated <= 8000 for prompt in provider.prompts)
