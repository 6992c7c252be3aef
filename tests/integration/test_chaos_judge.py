"""The judge of the chaos suite finds what it looks for: a judge that never says no would prove nothing."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.chaos.events import check_events
from tests.chaos.invariants import check, check_answers
from tests.chaos.load import Accepted, Answer, Ledger
from tests.support.stores import OLLAMA

pytestmark = pytest.mark.integration
CASE = "case-1"
FINE = Answer(at=0, seconds=0.1, status=202, retry_after=True, problem=False, body="")
AWAY = Answer(at=0, seconds=0.1, status=503, retry_after=True, problem=True, body="{}")


@pytest.fixture
def answered(store) -> int:
    """An analysis that a model has answered."""
    analysis_id = store.added(route=OLLAMA, idempotency_key=f"{CASE}-1")
    store.store_prepared(store.claimed(analysis_id))
    assert store.conclude(store.claimed(analysis_id, stage="infer"))
    return analysis_id


def ledger(*ids: int, **more) -> Ledger:
    return Ledger(accepted=[Accepted(id=number, key=f"{CASE}-1", source="local", at=0) for number in ids], **more)


def asked(analysis_id: int, epoch: int) -> SimpleNamespace:
    return SimpleNamespace(path="/api/chat", body={"messages": [f"words\n[attempt {analysis_id}.{epoch}]"]})


def judge(store, found: Ledger, *questions) -> list[str]:
    return check(store.url, CASE, found, questions).broken


def test_what_went_well_is_not_complained_of(store, answered):
    assert judge(store, ledger(answered, ended={answered: "completed"}), asked(answered, 2)) == []


def test_what_was_accepted_and_is_not_there_is_lost(store, answered):
    found = check(store.url, CASE, ledger(answered, answered + 1), [])
    assert (found.lost, len(found.broken)) == (1, 1)


def test_what_has_not_ended_is_stuck(store, answered):
    store.added(idempotency_key=f"{CASE}-2")
    found = check(store.url, CASE, ledger(answered), [])
    assert (found.stuck, len(found.broken)) == (1, 1)


def test_a_model_that_was_asked_twice_by_one_attempt_is_noticed(store, answered):
    found = check(store.url, CASE, ledger(answered), [asked(answered, 2), asked(answered, 2)])
    assert (found.doubled, found.calls, len(found.broken)) == (1, 2, 1)


def test_a_model_that_was_asked_by_nobodys_attempt_is_noticed(store, answered):
    assert len(judge(store, ledger(answered), asked(answered, 3))) == 1


def test_an_end_that_a_caller_was_told_of_and_that_changed_is_noticed(store, answered):
    assert len(judge(store, ledger(answered, ended={answered: "failed"}))) == 1


TAMPERED = {
    "a second end": "UPDATE analysis_attempts SET outcome = 'completed'",
    "a result of an earlier epoch": "UPDATE analysis_attempts SET outcome = 'lost' WHERE epoch = 2",
    "an attempt that is missing": "DELETE FROM analysis_attempts WHERE epoch = 1",
    "an attempt that has no end": "UPDATE analysis_attempts SET ended_at = NULL WHERE epoch = 1",
    "no result": "UPDATE analysis_results SET diagnosis = NULL",
    "too many attempts": "UPDATE analysis_results SET attempt = 11",
    "a prepared log that stayed": "INSERT INTO analysis_preparations SELECT id, '' FROM analysis_results",
    "nobody told": "UPDATE analysis_results SET callback = '{}'",
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_row_that_breaks_a_promise_is_noticed(store, answered, what):
    store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
    store.run(TAMPERED[what])
    assert judge(store, ledger(answered)) != []


def test_a_running_row_with_a_dead_lease_is_noticed(store, answered):
    store.claimed(analysis_id := store.added(idempotency_key="another case"))
    store.set(analysis_id, "lease_until = now() - interval '1 minute'")
    assert any("dead lease" in what for what in judge(store, ledger(answered)))


def told(analysis_id: int, event: str = "event-1", kind: str = "analysis.completed") -> SimpleNamespace:
    return SimpleNamespace(event_id=event, event={"id": analysis_id, "type": kind})


def heard(store, analysis_id: int, *received: SimpleNamespace) -> tuple[int, int]:
    """Ends that nobody was told of, and complaints, when somebody wants to be told."""
    store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
    store.set(analysis_id, "callback = '{}'")
    verdict = check(store.url, CASE, Ledger(), [])
    verdict.broken.clear()
    check_events(verdict, received)
    return verdict.missing, len(verdict.broken)


def test_an_event_may_come_twice_under_its_id(store, answered):
    assert heard(store, answered, told(answered), told(answered)) == (0, 0)


def test_an_end_that_nobody_was_told_of_is_noticed(store, answered):
    assert heard(store, answered) == (1, 1)


def test_an_end_that_was_told_under_two_ids_is_noticed(store, answered):
    assert heard(store, answered, told(answered), told(answered, "event-2")) == (0, 1)


def test_an_end_that_is_another_one_than_was_told_is_noticed(store, answered):
    assert heard(store, answered, told(answered, kind="analysis.failed")) == (0, 1)


def test_an_id_that_told_of_two_analyses_is_noticed(store, answered):
    assert heard(store, answered, told(answered), told(answered + 1)) == (0, 1)


def test_who_did_not_ask_and_was_told_is_noticed(store, answered):
    verdict = check(store.url, CASE, Ledger(), [])
    check_events(verdict, [told(answered)])
    assert len(verdict.broken) == 1


BAD_ANSWERS = {
    "too late": replace(FINE, seconds=11),
    "none": replace(FINE, status=-1, seconds=10),
    "refused": replace(FINE, status=0),
    "500": replace(AWAY, status=500),
    "503 without a hint": replace(AWAY, retry_after=False),
    "503 without a problem": replace(AWAY, problem=False),
    "a stack trace": replace(AWAY, body="Traceback (most recent call last)"),
}


@pytest.mark.parametrize("what", BAD_ANSWERS)
def test_an_answer_that_breaks_a_promise_is_noticed(what):
    assert check_answers(Ledger(answers=[FINE, AWAY]), may_be_away=False) == []
    assert len(check_answers(Ledger(answers=[FINE, BAD_ANSWERS[what]]), may_be_away=False)) == 1


def test_a_refused_connection_is_fine_when_the_web_process_was_killed():
    assert check_answers(Ledger(answers=[BAD_ANSWERS["refused"]]), may_be_away=True) == []
