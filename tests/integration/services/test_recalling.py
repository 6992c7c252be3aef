"""`cache: similar` through the services: one call of the model for an incident, and evidence of each log's own."""

import pytest
from prometheus_client import REGISTRY

from app.domain.analyses import CacheMode, Source, Status
from app.domain.errors import ProviderMisconfigured
from tests.support.incidents import incident
from tests.support.kernels import Kernel, kernel
from tests.support.tiny_providers import answer, scripted

SIMILAR = CacheMode.SIMILAR
#: Quotes the line of `incident(0)` that says so.
TOLD = answer(evidence=[{"line": 3, "quote": "OOMKilled"}])


@pytest.fixture
def model():
    return scripted(TOLD)


@pytest.fixture
def at(store, model) -> Kernel:
    return kernel(store, model)


def lookups(outcome: str) -> float:
    return REGISTRY.get_sample_value("cache_lookups_total", {"kind": "similar", "outcome": outcome}) or 0.0


def test_another_log_of_the_same_incident_gets_the_answer_with_evidence_of_its_own(at, model):
    hits = lookups("hit")
    first = at.answered(log=incident(0))
    found = at.answered(log=incident(5), cache=SIMILAR)
    assert len(model.prompts) == 1
    assert (found.status, found.cached, found.cached_from) == (Status.COMPLETED, True, first.id)
    assert (found.provider, found.model, found.degraded) == (first.provider, first.model, False)
    assert found.diagnosis.summary == first.diagnosis.summary
    assert [(quote.line, quote.text) for quote in found.diagnosis.evidence] == [(8, incident(5).splitlines()[7])]
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.cost_micro_usd) == (0, 0, 0)
    assert found.coverage.similar_to == first.id
    assert (found.coverage.lines_total, found.coverage.tokens_estimated) == (8, 0)
    assert f"taken over from analysis {first.id}: the same templates" in found.response
    assert found.attempts == 1
    assert lookups("hit") == hits + 1


def test_it_is_looked_for_only_when_wanted(at, model):
    at.answered(log=incident(0))
    for number, mode in enumerate((CacheMode.EXACT, CacheMode.OFF), start=1):
        assert not at.answered(log=incident(number), cache=mode).cached
    assert len(model.prompts) == 3


def test_the_same_log_is_answered_at_once(at):
    first = at.answered(log=incident(0))
    again = at.get(at.submit(log=incident(0), cache=SIMILAR))
    assert (again.status, again.cached_from, again.coverage.similar_to) == (Status.COMPLETED, first.id, None)


def test_an_answer_that_was_taken_over_is_given_to_nobody_else(at, model):
    first = at.answered(log=incident(0))
    second = at.answered(log=incident(1), cache=SIMILAR)
    third = at.answered(log=incident(2), cache=SIMILAR)
    assert (second.cached_from, third.cached_from) == (first.id, first.id)
    # nor to whoever wants an answer to that very log
    assert not at.answered(log=incident(1)).cached
    assert len(model.prompts) == 2


def test_what_was_asked_anew_may_serve_others(at, model):
    first = at.answered(log=incident(0), cache=CacheMode.OFF)
    assert at.answered(log=incident(1), cache=SIMILAR).cached_from == first.id
    assert at.get(at.submit(log=incident(0))).cached_from == first.id
    assert len(model.prompts) == 1


def test_another_error_is_another_incident(at, model):
    misses = lookups("miss")
    at.answered(log=incident(0))
    assert not at.answered(log=incident(1, more="2026-05-02T10:00:04Z ERROR disk full\n"), cache=SIMILAR).cached
    assert len(model.prompts) == 2
    assert lookups("miss") == misses + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "big"},
        {"language": "ko"},
        {"source": Source.LOCAL},
        {"analysis_type": "security"},
        {"service_name": "x"},
        {"environment": "x"},
    ],
)
def test_another_question_is_asked_anew(at, changes):
    at.answered(log=incident(0))
    assert not at.answered(log=incident(1), cache=SIMILAR, **changes).cached


def test_another_projects_answer_is_not_given_away(store, at, model):
    at.answered(log=incident(0))
    at.submit(log=incident(1), cache=SIMILAR, project_id=store.new_project("other"))
    while at.work():
        pass
    assert len(model.prompts) == 2


def test_an_answer_that_is_too_old_is_not_used(store, at, model):
    at.answered(log=incident(0))
    store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
    store.run("UPDATE analysis_results SET finished_at = finished_at - interval '3601 seconds'")
    assert not at.answered(log=incident(1), cache=SIMILAR).cached
    assert len(model.prompts) == 2


def test_a_degraded_answer_is_not_used(store):
    model = scripted(ProviderMisconfigured(), TOLD)
    at = kernel(store, model)
    assert at.answered(log=incident(0)).degraded
    found = at.answered(log=incident(1), cache=SIMILAR)
    assert (found.degraded, found.cached) == (False, False)


def test_without_a_ttl_nothing_is_taken_over(store, model):
    at = kernel(store, model, cache_ttl=0)
    at.answered(log=incident(0))
    assert not at.answered(log=incident(1), cache=SIMILAR).cached


def test_a_quote_that_does_not_hold_here_lowers_the_confidence(store):
    # the second one quotes a line of which the other log knows nothing
    told = answer(evidence=[{"line": 3, "quote": "OOMKilled"}, {"line": 4, "quote": "told by the day"}])
    at = kernel(store, scripted(told))
    first = at.answered(log=incident(0, more="2026-05-01T10:00:09Z INFO told by the day\n"))
    found = at.answered(log=incident(1), cache=SIMILAR)
    assert (first.diagnosis.confidence, found.diagnosis.confidence) == (0.9, 0.45)
    assert (found.coverage.evidence_cited, found.coverage.evidence_dropped) == (2, 1)


def test_when_too_few_quotes_hold_the_model_is_asked(store):
    told = answer(evidence=[{"line": 4, "quote": "told by the day"}])
    model = scripted(told)
    at = kernel(store, model)
    unsupported = lookups("unsupported")
    at.answered(log=incident(0, more="2026-05-01T10:00:09Z INFO told by the day\n"))
    assert not at.answered(log=incident(1), cache=SIMILAR).cached
    assert len(model.prompts) == 2
    assert lookups("unsupported") == unsupported + 1


def test_the_youngest_answer_that_holds_is_taken_over(store):
    of_its_day = answer(evidence=[{"line": 5, "quote": "told by the day"}])
    at = kernel(store, scripted(TOLD, TOLD, of_its_day))
    at.answered(log=incident(0))
    second = at.answered(log=incident(1))
    at.answered(log=incident(2, more="2026-05-01T10:00:09Z INFO told by the day\n"))
    assert at.answered(log=incident(3), cache=SIMILAR).cached_from == second.id


def test_a_log_that_neither_warns_nor_fails_is_never_similar(at, model):
    unknown = lookups("unknown")
    for number in range(2):
        assert not at.answered(log=f"INFO started {number}\nINFO ended {number}\n", cache=SIMILAR).cached
    assert len(model.prompts) == 2
    assert lookups("unknown") == unknown + 2


def test_the_rules_are_asked_each_time(store):
    at = kernel(store)
    for number in range(2):
        assert not at.answered(log=incident(number), cache=SIMILAR, source=Source.RULES).cached


def test_every_answer_is_stored_with_what_its_log_is_known_by(store, at):
    at.answered(log=incident(0))
    at.answered(log=incident(1), source=Source.RULES)
    at.submit(log=incident(0))
    at.answered(log=incident(2), cache=SIMILAR)
    assert store.ask("SELECT count(*) FROM analysis_results WHERE likeness IS NULL") == 0
    assert store.ask("SELECT count(DISTINCT likeness) FROM analysis_results") == 1


def test_an_exact_answer_does_not_wait_for_one_that_may_be_taken_over(store, at, model):
    at.answered(log=incident(0))
    similar = at.submit(log=incident(1), cache=SIMILAR)
    exact = at.submit(log=incident(1))
    too = at.submit(log=incident(1), cache=SIMILAR)
    assert store.ask("SELECT leader_id FROM analysis_results WHERE id = :id", id=exact) is None
    assert store.ask("SELECT leader_id FROM analysis_results WHERE id = :id", id=too) == similar
    found = [at.finish(each) for each in (similar, exact, too)]
    assert [each.coverage.similar_to is None for each in found] == [False, True, False]
    assert len(model.prompts) == 2


def test_an_exact_answer_follows_a_similar_one_that_found_nothing_to_take_over(store, at, model):
    first = at.submit(log=incident(0), cache=SIMILAR)
    at.execution.prepare(store.due("prepare")[0], owner="test")
    assert store.ask("SELECT stage FROM analysis_results WHERE id = :id", id=first) == "infer"
    second = at.submit(log=incident(0))
    assert at.finish(second).cached_from == first
    assert len(model.prompts) == 1


def test_when_the_leader_is_cancelled_an_exact_one_leads_before_those_that_may_take_over(store, at):
    leader = at.submit(log=incident(0))
    urgent = at.submit(log=incident(0), cache=SIMILAR, priority=3)
    exact = at.submit(log=incident(0))
    at.analyses.cancel(store.project, leader)
    assert store.ask("SELECT leader_id FROM analysis_results WHERE id = :id", id=exact) is None
    assert store.ask("SELECT leader_id FROM analysis_results WHERE id = :id", id=urgent) == exact
