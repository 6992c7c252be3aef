"""Stored prompts in PostgreSQL: versions stay, a claim brings its text, counts outlive what they count."""

import pytest
from sqlalchemy.exc import DBAPIError

from app.domain.analyses import Conclusion, Failure, Language, Stage, Status
from app.domain.errors import ProviderUnavailable
from app.domain.prompts import ClaimedPrompt, PromptConfig, PromptRef
from app.domain.stored_prompts import PromptDraft, Rating
from app.services.feedback import Feedbacks
from app.services.prompts import PromptPolicy, Prompts
from app.storage import schema
from tests.integration.storage.test_statistics import aged, refresh_all
from tests.support.stores import COMPLETED, OLLAMA, Store, at_once

POLICY = PromptPolicy(
    max_prompts=10,
    max_versions=100,
    max_text_chars=1000,
    max_description_chars=100,
    max_output_tokens=2000,
    token_budget=8000,
)
TRIAGE = PromptRef(name="triage", version=1)


@pytest.fixture
def prompts(store) -> Prompts:
    return Prompts(store.unit_of_work, POLICY)


def create(prompts: Prompts, store: Store, *, name: str = "triage", **texts: str) -> int:
    draft = PromptDraft(
        name=name,
        texts={Language(language): text for language, text in (texts or {"en": "one"}).items()},
        config=PromptConfig(max_output_tokens=700),
    )
    return prompts.create(store.project, draft, by="test").version.version


def used(store: Store, ref: PromptRef | None = TRIAGE, *, conclusion: Conclusion = COMPLETED) -> int:
    """The id of an analysis that used it and has ended."""
    analysis_id = store.added(prompt_version=ref)
    assert store.conclude(store.claimed(analysis_id), conclusion)
    return analysis_id


def test_a_version_can_be_neither_changed_nor_deleted(prompts, store):
    create(prompts, store)
    for statement in ("UPDATE prompt_templates SET template = 'x'", "DELETE FROM prompt_templates"):
        with pytest.raises(DBAPIError, match="stays as it is"):
            store.run(statement)


def test_many_at_once_get_numbers_of_their_own(prompts, store):
    found = at_once(8, lambda number: create(prompts, store, en=f"text {number}"))
    assert sorted(found) == list(range(1, 9))


@pytest.mark.parametrize(("language", "text"), [("en", "one"), ("ko", "하나")])
def test_a_claim_brings_the_text_in_its_language(prompts, store, language, text):
    create(prompts, store, en="one", ko="하나")
    analysis_id = store.added(route=OLLAMA, prompt_version=TRIAGE, language=Language(language))
    wanted = ClaimedPrompt(ref=TRIAGE, text=text, config=PromptConfig(max_output_tokens=700))
    claim = store.claimed(analysis_id)
    assert claim.prompt == wanted
    store.store_prepared(claim)
    assert store.claimed(analysis_id, stage=Stage.INFER).prompt == wanted
    assert store.get(analysis_id).prompt == TRIAGE


def test_a_claim_brings_the_text_there_is_when_it_has_none_in_its_language(prompts, store):
    create(prompts, store, ko="하나")
    assert store.claimed(store.added(prompt_version=TRIAGE)).prompt_text == "하나"


def test_the_built_in_and_none_bring_no_text(store):
    built_in = PromptRef(name="default", version=0)
    assert store.claimed(store.added(prompt_version=built_in)).prompt == ClaimedPrompt(ref=built_in)
    assert store.claimed(store.added()).prompt is None


def test_a_deleted_prompt_is_still_used_by_those_that_wait(prompts, store):
    create(prompts, store)
    waiting = store.added(prompt_version=TRIAGE)
    prompts.delete(store.project, "triage")
    assert store.claimed(waiting).prompt_text == "one"
    assert create(prompts, store, en="two") == 2


def test_a_version_of_another_project_is_not_read(prompts, store):
    create(prompts, store)
    other = store.new_project("other")
    analysis_id = store.added(project_id=other, prompt_version=TRIAGE)
    assert store.claimed(analysis_id).prompt_text is None


def test_every_end_is_counted_for_its_version_and_stays_counted(prompts, store):
    create(prompts, store)
    create(prompts, store, en="two")
    second = PromptRef(name="triage", version=2)
    ended = [used(store), used(store), used(store, second)]
    used(store, second, conclusion=Conclusion(status=Status.FAILED, error=Failure.of(ProviderUnavailable())))
    used(store, None)
    refresh_all(store)
    newest, first = prompts.statistics(store.project, "triage")
    assert (first.version, first.tally.completed, first.tally.failed) == (1, 2, 0)
    assert (first.tally.prompt_tokens, first.tally.completion_tokens, first.tally.cost_micro_usd) == (800, 160, 24)
    assert first.tally.durations.p50 is not None
    assert (newest.version, newest.tally.completed, newest.tally.failed) == (2, 1, 1)
    for analysis_id in ended:
        aged(store, 48, analysis_id)
    refresh_all(store)
    with store.unit_of_work() as tx:
        assert tx.retention.delete_analyses(older_than=3600, limit=10) == 3
    refresh_all(store)
    assert prompts.statistics(store.project, "triage")[1] == first


def test_degraded_answers_are_told_apart(prompts, store):
    create(prompts, store)
    used(store, conclusion=Conclusion(status=Status.COMPLETED, provider="rules", model="rules", degraded=True))
    refresh_all(store)
    [found] = prompts.statistics(store.project, "triage")
    assert (found.tally.completed, found.tally.degraded) == (1, 1)


def test_the_last_word_of_a_feedback_counts_once_and_outlives_its_analysis(prompts, store):
    create(prompts, store)
    feedbacks = Feedbacks(store.unit_of_work)
    first, second = used(store), used(store)
    for rating in (Rating.UP, Rating.UP, Rating.DOWN, Rating.UP):
        feedbacks.rate(store.project, first, rating, "why")
    feedbacks.rate(store.project, second, Rating.DOWN, None)
    assert store.ask("SELECT count(*) FROM feedback") == 2
    store.run("DELETE FROM analysis_results")
    assert store.ask("SELECT count(*) FROM feedback") == 0
    [found] = prompts.statistics(store.project, "triage")
    assert (found.up, found.down) == (1, 1)


def test_feedback_of_many_at_once_is_counted_once(prompts, store):
    create(prompts, store)
    feedbacks, rated = Feedbacks(store.unit_of_work), used(store)
    said = at_once(8, lambda number: feedbacks.rate(store.project, rated, list(Rating)[number % 2], None))
    assert not [one for one in said if isinstance(one, Exception)]
    [found] = prompts.statistics(store.project, "triage")
    assert found.up + found.down == 1
    assert store.ask("SELECT rating FROM feedback") == ("up" if found.up else "down")


def test_what_the_rules_answered_says_nothing_of_the_prompt(prompts, store):
    create(prompts, store)
    rated = used(store, conclusion=Conclusion(status=Status.COMPLETED, provider="rules", degraded=True))
    Feedbacks(store.unit_of_work).rate(store.project, rated, Rating.UP, None)
    assert prompts.statistics(store.project, "triage") == []


def test_the_schema_goes_forward_and_backward_with_rows_in_it(empty_database_url):
    with Store(empty_database_url) as old:
        schema.upgrade(old.url, "0004")
        old.project = old.new_project("default")
        old.flood(3)
        schema.upgrade(old.url)
        kept = Prompts(old.unit_of_work, POLICY)
        create(kept, old)
        kept.label(old.project, "triage", "production", 1)
        Feedbacks(old.unit_of_work).rate(old.project, used(old), Rating.UP, None)
        refresh_all(old)
        schema.downgrade(old.url, "0004")
        assert old.ask("SELECT count(*) FROM analysis_results") == 4
        schema.upgrade(old.url)
        assert old.ask("SELECT count(*) FROM analysis_results WHERE prompt_name IS NULL") == 4


def test_the_new_columns_rewrite_no_row(empty_database_url):
    with Store(empty_database_url) as old:
        schema.upgrade(old.url, "0004")
        before = old.ask("SELECT pg_relation_filenode('analysis_results')")
        schema.upgrade(old.url)
        assert old.ask("SELECT pg_relation_filenode('analysis_results')") == before
