"""Answers are found by their likeness, however many there are."""

from dataclasses import replace

from sqlalchemy import text

from app.domain.likenesses import Likeness, Trace
from app.storage.likenesses import _FIND
from tests.support.stores import COMPLETED, OLLAMA, Store, fingerprint

KEY = "a" * 64
TRACE = Trace(template="t", shape="s", head=True)
ALIKE = replace(COMPLETED, likeness=Likeness(key=KEY, traces=(TRACE,)))
QUESTION = fingerprint().question_key


def answered(store: Store, conclusion=ALIKE, **changes) -> int:
    claim = store.claimed(store.added(route=OLLAMA, **changes))
    store.conclude(claim, conclusion)
    return claim.analysis_id


def found(store: Store, question: str = QUESTION, key: str = KEY, *, max_age: float = 60) -> list[int]:
    with store.unit_of_work() as tx:
        return [one.analysis_id for one in tx.likenesses.find(question, key, max_age=max_age)]


def test_an_answer_comes_back_with_what_it_needs_to_be_checked_again(store):
    answered(store)
    with store.unit_of_work() as tx:
        [one] = tx.likenesses.find(QUESTION, KEY, max_age=60)
    assert (one.provider, one.model) == ("ollama", "mistral")
    assert (one.diagnosis, one.traces) == (COMPLETED.diagnosis, (TRACE,))


def test_the_youngest_come_first_and_only_a_few(store):
    ids = [answered(store) for _ in range(5)]
    assert found(store) == ids[:1:-1]


def test_other_questions_other_templates_old_degraded_and_second_hand_answers_are_not_found(store):
    first = answered(store)
    answered(store, replace(ALIKE, degraded=True))
    answered(store, replace(ALIKE, cached_from=first))
    answered(store, COMPLETED)
    assert found(store) == [first]
    assert found(store, question="b" * 64) == []
    assert found(store, key="b" * 64) == []
    assert found(store, max_age=0) == []


def test_the_search_costs_the_same_in_a_long_history(store):
    answered(store)
    store.run(
        """INSERT INTO analysis_results (project_id, source, log_bytes, log_hash, analysis_type, priority, language,
               request_hash, cache_key, queue, status, finished_at, likeness, question_key)
           SELECT :project, 'auto', 1, 'h', 'error', 1, 'en', 'h', 'c', 'prepare', 'completed', now(),
               md5(CAST(n AS text)), md5(CAST(n % 10 AS text))
           FROM generate_series(1, 5000) AS n""",
        project=store.project,
    )
    store.run("ANALYZE analysis_results")
    values = {"question_key": QUESTION, "key": KEY, "max_age": 60}
    with store.engine.connect() as connection:
        plan = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {_FIND.text}"), values))
    assert "analysis_results_likeness" in plan
    assert "Sort" not in plan
