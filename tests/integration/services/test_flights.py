"""Identical submissions at the same time, through the services: one call of the model, everybody answered."""

from app.domain.analyses import TERMINAL, CacheMode, Source, Status
from app.domain.errors import AnswerRefused, ProviderMisconfigured
from tests.support.kernels import Kernel, kernel
from tests.support.stores import at_once
from tests.support.tiny_providers import Hanging, answer, scripted


def finish_all(at: Kernel, ids: list[int]) -> list:
    return [at.finish(analysis_id) for analysis_id in ids]


def test_twenty_identical_submissions_at_once_ask_the_model_once(store):
    model = scripted()
    at = kernel(store, model)
    ids = at_once(20, lambda _: at.submit())
    assert len(set(ids)) == 20
    found = finish_all(at, ids)
    assert len(model.prompts) == 1
    assert {each.status for each in found} == {Status.COMPLETED}
    assert sorted(each.cached for each in found) == [False] + [True] * 19
    assert len({each.diagnosis for each in found}) == 1
    [leader] = [each.id for each in found if not each.cached]
    assert {each.cached_from for each in found if each.cached} == {leader}


def test_whoever_comes_while_the_model_answers_gets_that_answer_and_later_ones_the_cached(store):
    came: list[int] = []

    def say(_prompt, _watch) -> str:
        came.append(at.submit())
        return answer()

    model = scripted(say)
    at = kernel(store, model)
    first = at.answered()
    assert at.get(came[0]).cached_from == first.id
    assert at.get(came[0]).status is Status.COMPLETED
    assert at.get(at.submit()).cached_from == first.id
    assert len(model.prompts) == 1


def test_submissions_while_answers_come_in_never_ask_twice(store):
    """Some arrive in the moment in which the leader ends: they follow, or find the cached answer."""
    for round_ in range(15):
        model = scripted()
        at = kernel(store, model)
        log = f"round {round_}\nOOMKilled\n"
        first = at.submit(log=log)
        ids = [
            each
            for each in at_once(
                9, lambda n, at=at, log=log, first=first: at.finish(first) if n == 8 else at.submit(log=log)
            )
            if isinstance(each, int)
        ]
        with store.unit_of_work() as tx:
            tx.dispatch.repair_followers()
        found = finish_all(at, ids)
        assert len(model.prompts) == 1
        assert {each.cached_from for each in found} == {first}


def test_only_the_same_question_is_shared(store):
    model = scripted()
    at = kernel(store, model)
    different = [
        {},
        {"log": "other\nOOMKilled\n"},
        {"language": "ko"},
        {"service_name": "api"},
        {"cache": CacheMode.OFF},
    ]
    ids = [at.submit(**changes) for changes in different]
    finish_all(at, ids)
    assert len(model.prompts) == 5


def test_another_project_is_not_served(store):
    model = scripted()
    at = kernel(store, model)
    at.submit()
    other = store.new_project("other")
    at.submit(project_id=other)
    while at.work():
        pass
    assert len(model.prompts) == 2


def test_the_rules_are_quicker_than_waiting(store):
    at = kernel(store)
    ids = [at.submit(source=Source.RULES) for _ in range(2)]
    assert store.ask("SELECT count(*) FROM analysis_results WHERE leader_id IS NOT NULL") == 0
    assert not any(each.cached for each in finish_all(at, ids))


def test_without_a_cache_nothing_is_shared(store):
    model = scripted()
    at = kernel(store, model, cache_ttl=0)
    finish_all(at, [at.submit(), at.submit()])
    assert len(model.prompts) == 2


def test_when_the_leader_is_cancelled_the_next_one_asks(store):
    hanging, model = Hanging(), scripted()
    at = kernel(store, model)
    ids = [at.submit() for _ in range(4)]
    at.analyses.cancel(store.project, ids[0])
    found = finish_all(at, ids)
    assert [each.status for each in found] == [Status.CANCELLED] + [Status.COMPLETED] * 3
    assert len(model.prompts) == 1
    assert not hanging.began.is_set()


def test_when_the_provider_fails_everybody_gets_an_answer_of_their_own(store):
    model = scripted(ProviderMisconfigured())
    at = kernel(store, model)
    found = finish_all(at, [at.submit() for _ in range(4)])
    assert [(each.status, each.degraded, each.cached) for each in found] == [(Status.COMPLETED, True, False)] * 4
    assert len(model.prompts) == 4


def test_a_provider_that_recovers_answers_the_followers_of_a_degraded_one(store):
    model = scripted(AnswerRefused(), answer())
    at = kernel(store, model)
    found = finish_all(at, [at.submit() for _ in range(3)])
    assert [each.degraded for each in found] == [True, False, False]
    assert all(each.status in TERMINAL for each in found)


def test_a_replayed_key_is_the_same_analysis_leader_or_follower(store):
    at = kernel(store, scripted())
    first, second = at.submit(idempotency_key="a"), at.submit(idempotency_key="b")
    assert at.get(second).cached_from == first
    assert (at.submit(idempotency_key="a"), at.submit(idempotency_key="b")) == (first, second)


def test_a_follower_s_completion_is_counted_as_a_hit_in_flight(store):
    from prometheus_client import REGISTRY

    def hits() -> float:
        return REGISTRY.get_sample_value("cache_lookups_total", {"kind": "in_flight", "outcome": "hit"}) or 0.0

    at = kernel(store, scripted())
    ids = [at.submit() for _ in range(3)]
    before = hits()
    finish_all(at, ids)
    assert hits() - before == 2
