"""One incident, many logs of it: what `cache` saves, through the real processes and a model server that counts."""

import re
from collections.abc import Iterator

import pytest
import requests

from app.client import Client
from app.clock import SystemClock
from app.domain.analyses import Status
from app.domain.keys import Scope
from app.services.keys import Keys
from tests.support.incidents import incident
from tests.support.model_behaviors import answer
from tests.support.model_server import ModelServer
from tests.support.stacks import Running, assert_true_to, providers_at, running
from tests.support.stores import Store
from tests.support.tiny_providers import answer as said
from tests.support.waiting import until

#: Wherever it stands.
QUOTING = said(evidence=[{"line": 0, "quote": "failed: OOMKilled after"}])


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.otherwise(answer(QUOTING))
        yield server


@pytest.fixture(scope="module")
def bifrost(models, tmp_path_factory) -> Iterator[Running]:
    more = {"BIFROST_STATISTICS__REFRESH_SECONDS": "0.2"}
    with running(tmp_path_factory.mktemp("similar"), providers_at(models.url) | more) as started:
        yield started


def calls(models, work) -> tuple[int, list]:
    """How many calls of the model `work` took, and what it gave."""
    before = len(models.requests)
    found = work()
    return len(models.requests) - before, found


def both(bifrost, mode: str, **options) -> list:
    """Two logs that differ in times, ids and numbers only, one after the other."""
    return [bifrost.answered(incident(number), cache=mode, **options) for number in (0, 5)]


def test_two_logs_of_one_incident_cost_two_calls_when_only_the_same_log_will_do(bifrost, models):
    assert calls(models, lambda: both(bifrost, "exact", service_name="exact"))[0] == 2
    # and none when they come again
    assert calls(models, lambda: both(bifrost, "exact", service_name="exact"))[0] == 0


def test_two_logs_of_one_incident_cost_one_call_and_each_answer_quotes_its_own_log(bifrost, models):
    count, (first, second) = calls(models, lambda: both(bifrost, "similar", service_name="similar"))
    assert count == 1
    assert (first.cached, first.raw["cached_from"]) == (False, None)
    assert (second.status, second.cached, second.raw["cached_from"]) == (Status.COMPLETED, True, first.id)
    assert (second.usage.prompt_tokens, second.usage.completion_tokens, second.usage.cost_usd) == (0, 0, 0)
    for log, found in ((incident(0), first), (incident(5), second)):
        assert_true_to(log, found)
        assert len(found.diagnosis.evidence) == 1
    assert second.diagnosis.evidence[0].text == incident(5).splitlines()[7]
    assert f"taken over from analysis {first.id}: the same templates" in second.raw["response"]


def test_another_project_pays_for_itself(bifrost, models):
    both(bifrost, "similar", service_name="projects")
    with Store(bifrost.stack.state.database_url) as store:
        created = Keys(store.unit_of_work, SystemClock()).create(
            name="other", project="other", scopes=[Scope.SUBMIT, Scope.READ]
        )
    other = Running(stack=bifrost.stack, client=Client(bifrost.stack.state.url, created.token))
    count, found = calls(models, lambda: other.answered(incident(6), cache="similar", service_name="projects"))
    assert (count, found.cached) == (1, False)


def test_an_answer_of_yesterday_is_not_used(bifrost, models):
    first, _ = both(bifrost, "similar", service_name="old")
    with Store(bifrost.stack.state.database_url) as store:
        # what has ended stays as it ended: only a test makes it older
        store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
        store.run(
            "UPDATE analysis_results SET finished_at = finished_at - interval '24 hours 1 second' WHERE id = :id",
            id=first.id,
        )
        store.run("ALTER TABLE analysis_results ENABLE TRIGGER ended_is_ended")
    count, found = calls(models, lambda: bifrost.answered(incident(7), cache="similar", service_name="old"))
    assert (count, found.cached) == (1, False)


def test_the_metrics_and_the_statistics_tell_of_it(bifrost):
    both(bifrost, "similar", service_name="metrics")
    told = requests.get(f"{bifrost.stack.state.url}/metrics/prometheus", timeout=10).text
    [hits] = re.findall(r'cache_lookups_total\{kind="similar",outcome="hit"\} (\S+)', told)
    assert float(hits) >= 1
    until(lambda: bifrost.client.statistics(1)["total"]["cache_hits"] >= 1, what="the hit is counted")
