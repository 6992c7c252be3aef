"""Whatever a provider does, an analysis ends: with its answer, after a retry, or with the rules' answer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from app.domain.analyses import Source, Status
from app.domain.errors import (
    AnswerMalformed,
    AnswerRefused,
    AnswerTruncated,
    PromptTooLong,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from tests.support.kernels import Kernel, kernel
from tests.support.stores import at_once
from tests.support.tiny_providers import Fuse, Hanging, Scripted, answer, scripted
from tests.support.waiting import until

LOG = "2026-01-01 12:00:00 INFO started\n2026-01-01 12:00:01 ERROR OOMKilled\n"


@contextmanager
def in_background(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """`work` runs beside the block and has ended after it."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(20)
        assert not thread.is_alive()


def test_the_rules_answer_in_one_stage(store):
    found = kernel(store).answered(source=Source.RULES, log=LOG)
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, "rules", False)
    assert found.diagnosis.issues_found
    lines = LOG.splitlines()
    assert found.diagnosis.evidence
    assert all(evidence.text in lines[evidence.line - 1] for evidence in found.diagnosis.evidence)
    assert found.error is None
    assert store.rows("SELECT stage, outcome FROM analysis_attempts") == [("prepare", "completed")]


def test_without_any_model_the_rules_answer_and_say_so(store):
    found = kernel(store).answered(log=LOG)
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, "rules", True)


def test_a_model_answers_in_two_stages(store):
    made = kernel(store, scripted(answer()))
    found = made.answered(log=LOG, model="big")
    assert (found.status, found.provider, found.model, found.degraded) == (Status.COMPLETED, "ollama", "big", False)
    assert [(line.line, line.text) for line in found.diagnosis.evidence] == [(2, "2026-01-01 12:00:01 ERROR OOMKilled")]
    assert found.usage.prompt_tokens == 100
    assert found.duration_seconds > 0
    assert made.attempts() == [("prepare", 1, "prepared"), ("infer", 1, "completed")]
    assert store.ask("SELECT count(*) FROM analysis_preparations") == 0


def test_the_prompt_is_prepared_once_however_often_it_is_asked(store):
    made = kernel(store, scripted(ProviderUnavailable(), ProviderUnavailable(), answer()))
    assert made.answered(log=LOG).provider == "ollama"
    assert made.attempts() == [
        ("prepare", 1, "prepared"),
        ("infer", 1, "gave_back"),
        ("infer", 2, "gave_back"),
        ("infer", 3, "completed"),
    ]


def test_a_throttled_provider_is_waited_for_without_using_attempts_up(store):
    made = kernel(store, scripted(*[ProviderThrottled(retry_after=0.05)] * 4, answer()))
    found = made.answered(log=LOG)
    assert (found.provider, found.attempts, found.degraded) == ("ollama", 1, False)
    assert [attempt for _, attempt, _ in made.attempts()] == [1] * 6


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (ProviderThrottled(retry_after=0.01), 5),
        (ProviderUnavailable(), 3),
        (ProviderTimeout(), 3),
        (ProviderMisconfigured(), 1),
        (AnswerRefused(), 1),
        (AnswerMalformed(), 1),
        (AnswerTruncated(), 2),
        (PromptTooLong(), 2),
    ],
    ids=lambda value: getattr(value, "code", value),
)
def test_a_provider_that_never_answers_is_answered_for_by_the_rules(store, error, calls):
    provider = scripted(error)
    found = kernel(store, provider).answered(log=LOG, source=Source.LOCAL)
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, "rules", True)
    assert found.diagnosis.issues_found
    assert found.error.code == error.code
    assert len(provider.prompts) == calls


@pytest.mark.parametrize("garbage", ["", "I do not know.", "{", "[]", '{"summary": 1}', "\ud800", "\x00" * 9], ids=repr)
def test_garbage_is_asked_for_once_more_and_then_left_to_the_rules(store, garbage):
    provider = scripted(garbage)
    found = kernel(store, provider).answered(log=LOG)
    assert (found.status, found.provider, found.error.code) == (Status.COMPLETED, "rules", "answer_malformed")
    assert len(provider.prompts) == 2


def test_an_answer_that_postgresql_cannot_hold_is_cleaned_or_left_to_the_rules(store):
    nasty = answer(summary="zero \x00 and \ud800 half", recommendation="x" * 5)
    found = kernel(store, scripted(nasty)).answered(log=LOG)
    assert found.status is Status.COMPLETED
    assert "\x00" not in found.response


def test_the_next_provider_of_the_chain_answers_for_the_first(store):
    first, second = scripted(ProviderMisconfigured(), name="bedrock"), scripted(answer())
    found = kernel(store, first, second).answered(log=LOG)
    assert (found.provider, found.degraded, found.error.code) == ("ollama", False, "provider_misconfigured")


def test_the_first_is_retried_before_the_second_is_asked_and_the_second_is_asked_once(store):
    first, second = scripted(ProviderUnavailable(), name="bedrock"), scripted(ProviderUnavailable())
    found = kernel(store, first, second).answered(log=LOG)
    assert (found.provider, found.degraded) == ("rules", True)
    assert (len(first.prompts), len(second.prompts)) == (3, 1)


def test_a_mistake_of_ours_is_tried_again_and_then_told(store):
    def crash(*_) -> str:
        raise ZeroDivisionError

    provider = scripted(crash)
    found = kernel(store, provider).answered(log=LOG)
    assert (found.status, found.error.code) == (Status.FAILED, "internal_error")
    assert "ZeroDivision" not in found.error.detail
    assert len(provider.prompts) == 3


def test_a_mistake_that_passes_is_forgotten(store):
    def crash(*_) -> str:
        raise ZeroDivisionError

    found = kernel(store, scripted(crash, answer())).answered(log=LOG)
    assert (found.status, found.provider, found.error) == (Status.COMPLETED, "ollama", None)


def hang(made: Kernel, **changes) -> int:
    """Submit and prepare; the model's stage is due."""
    analysis_id = made.submit(log=LOG, **changes)
    assert made.work() == 1
    return analysis_id


@pytest.mark.parametrize("blocked", [Hanging, Fuse])
def test_a_running_call_is_cancelled_by_the_next_heartbeat(store, blocked):
    step = blocked()
    made = kernel(store, scripted(step))
    analysis_id = hang(made)
    with in_background(made.work):
        assert step.began.wait(10)
        assert made.analyses.cancel(store.project, analysis_id).status is Status.RUNNING
        made.execution.extend_leases()
        until(lambda: made.get(analysis_id).status is Status.CANCELLED)
    assert made.attempts()[-1] == ("infer", 1, "cancelled")


@pytest.mark.parametrize("blocked", [Hanging, Fuse])
def test_shutting_down_hands_a_running_call_back_at_once(store, blocked):
    step = blocked()
    made = kernel(store, scripted(step))
    analysis_id = hang(made)
    with in_background(made.work):
        assert step.began.wait(10)
        made.execution.shut_down()
    found = made.get(analysis_id)
    assert (found.status, found.attempts) == (Status.QUEUED, 0)
    made.execution.infer(analysis_id, owner="closed")
    assert made.get(analysis_id).status is Status.QUEUED, "a closed worker takes nothing"
    assert kernel(store, scripted(answer())).finish(analysis_id).provider == "ollama"


def test_a_deadline_ends_a_call_that_hangs(store):
    made = kernel(store, scripted(Hanging()))
    found = made.answered(log=LOG, deadline_seconds=0.3)
    assert (found.status, found.error.code) == (Status.FAILED, "deadline_exceeded")


@pytest.mark.parametrize("blocked", [Hanging, Fuse])
def test_a_worker_that_lost_its_lease_stops_and_writes_nothing(store, blocked):
    step = blocked()
    made = kernel(store, scripted(step))
    analysis_id = hang(made)
    with in_background(made.work):
        assert step.began.wait(10)
        store.lose_worker(analysis_id)
        store.expire_leases()
        heir = kernel(store, scripted(answer()))
        assert heir.finish(analysis_id).status is Status.COMPLETED
        before = store.rows("SELECT to_jsonb(r) FROM analysis_results r")
        made.execution.extend_leases()
    assert store.rows("SELECT to_jsonb(r) FROM analysis_results r") == before
    assert [outcome for _, _, outcome in made.attempts()] == ["prepared", "lost", "completed"]


def test_a_worker_that_wakes_with_an_answer_after_its_heir_is_refused(store):
    began, go = threading.Event(), threading.Event()

    def late(*_) -> str:
        began.set()
        assert go.wait(20)
        return answer(summary="Too late.")

    made = kernel(store, scripted(late))
    analysis_id = hang(made)
    with in_background(made.work):
        assert began.wait(10)
        store.lose_worker(analysis_id)
        store.expire_leases()
        kernel(store, scripted(answer())).finish(analysis_id)
        go.set()
    assert made.get(analysis_id).diagnosis.summary == "The container ran out of memory."


def test_a_heartbeat_keeps_a_long_call_alive(store):
    step = Hanging()
    made = kernel(store, scripted(step))
    analysis_id = hang(made)
    with in_background(made.work):
        assert step.began.wait(10)
        store.set(analysis_id, "lease_until = now() + interval '1 second'")
        made.execution.extend_leases()
        assert store.column(analysis_id, "lease_until > now() + interval '50 seconds'")
        made.execution.shut_down()


def test_the_end_of_the_process_hands_its_work_back(store):
    def end(*_) -> str:
        raise SystemExit(0)

    made = kernel(store, scripted(end))
    analysis_id = hang(made)
    with pytest.raises(SystemExit):
        made.work()
    assert made.get(analysis_id).status is Status.QUEUED
    assert made.attempts()[-1] == ("infer", 1, "gave_back")


def test_a_message_that_comes_twice_or_late_does_nothing(store):
    made = kernel(store, scripted(answer()))
    found = made.answered(log=LOG)
    for _ in range(2):
        made.execution.prepare(found.id, owner="twice")
        made.execution.infer(found.id, owner="twice")
        made.execution.infer(10**9, owner="unknown")
    assert made.get(found.id) == found


def test_many_workers_with_the_same_messages_ask_once_for_each(store):
    provider: Scripted = scripted(answer())
    made = kernel(store, provider)
    ids = [made.submit(log=f"{LOG}{number}\n") for number in range(10)]

    def everything(number: int) -> None:
        for analysis_id in ids:
            made.execution.prepare(analysis_id, owner=f"w{number}")
        for analysis_id in ids:
            made.execution.infer(analysis_id, owner=f"w{number}")

    at_once(8, everything)
    for analysis_id in ids:
        made.finish(analysis_id)
    assert len(provider.prompts) == 10
    assert store.rows("SELECT DISTINCT status, epoch FROM analysis_results") == [("completed", 2)]


def test_a_prompt_too_long_is_prepared_anew_for_half_the_room(store):
    provider = scripted(PromptTooLong(), answer())
    log = "".join(f"ERROR code {number} in part {chr(97 + number % 26)}\n" for number in range(3000))
    found = kernel(store, provider).answered(log=log)
    assert found.provider == "ollama"
    assert found.coverage.token_budget == 4000
    assert provider.prompts[1].tokens_estimated < provider.prompts[0].tokens_estimated


def test_a_model_with_a_small_window_is_shown_less(store):
    provider = scripted(answer(), token_budget=1500)
    found = kernel(store, provider).answered(log=LOG * 500)
    assert found.coverage.token_budget <= 1500
    assert provider.prompts[0].tokens_estimated <= 1500


def test_what_was_replaced_at_the_door_stands_in_the_coverage(store):
    found = kernel(store).answered(log=LOG + "\x00" * 3, source=Source.RULES, bytes_replaced=4)
    assert found.coverage.bytes_replaced == 7
    assert found.coverage.lines_total == 2


def test_a_provider_that_was_taken_away_since_is_replaced_by_the_rules(store):
    analysis_id = kernel(store, scripted(answer())).submit(source=Source.LOCAL, log=LOG)
    found = kernel(store).finish(analysis_id)
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, "rules", True)
    assert found.error.code == "provider_not_configured"
