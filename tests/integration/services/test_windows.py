"""Windows through the real store: what was paid for survives an attempt, and the end deletes it."""

import json
import threading
import time

import pytest

from app.domain.analyses import Status
from app.domain.diagnoses import Doubt
from app.domain.errors import CancelRequested, ProviderThrottled, ProviderUnavailable
from app.domain.ports import StopRequest
from app.domain.readings import Progress, Reading
from app.pipeline.grounding import UNSUPPORTED
from app.pipeline.preparation import PreparationLimits
from app.pipeline.windows import WindowLimits
from tests.support.guards import guard
from tests.support.kernels import Kernel, kernel
from tests.support.many_errors import many_errors, quoting
from tests.support.stacks import assert_adds_up
from tests.support.stores import PREPARED, at_once
from tests.support.tiny_providers import Fuse, Hanging, scripted

LOG = many_errors(500)
LIMITS = PreparationLimits(windows=WindowLimits(max_calls=5, max_tokens=10**6))
BODIES = "SELECT count(*) FROM analysis_preparations"


def quotes(prompt, _watch) -> str:
    return quoting(prompt.messages[0].content)


def made(store, provider, **changes) -> Kernel:
    return kernel(store, provider, preparation=LIMITS, **changes)


def begun(store, step: Hanging | Fuse) -> tuple[Kernel, int, threading.Thread]:
    """An analysis whose second window is being asked about."""
    running = made(store, scripted(quotes, quotes, step, quotes))
    analysis_id = running.submit(log=LOG)
    running.work()
    thread = threading.Thread(target=running.execution.infer, args=(analysis_id,), kwargs={"owner": "test"})
    thread.start()
    assert step.began.wait(10)
    return running, analysis_id, thread


def test_windows_are_asked_and_their_cost_is_booked(store):
    provider = scripted(quotes)
    found = made(store, provider).answered(log=LOG)
    assert (found.status, found.provider, found.degraded, found.error) == (Status.COMPLETED, "ollama", False, None)
    assert len(provider.prompts) == 5
    assert (found.coverage.windows_asked, found.usage.prompt_tokens) == (3, 500)
    assert store.ask(BODIES) == 0


def test_one_diagnosis_that_hides_what_was_found_in_a_part_is_doubted_in_every_form(store):
    def talked_out_of_it(prompt, _watch) -> str:
        answer = json.loads(quoting(prompt.messages[0].content)) | {"severity": "CRITICAL", "confidence": 1.0}
        hidden = {"severity": "LOW", "evidence": [], "issues_found": False, "root_cause": "None at all."}
        return json.dumps(answer | hidden if "<findings>" in prompt.messages[0].content else answer)

    found = made(store, scripted(talked_out_of_it)).answered(log=LOG)
    assert {Doubt.MILDER, Doubt.UNREAD} <= set(found.diagnosis.doubts)
    assert found.coverage.windows > found.coverage.windows_asked
    assert found.diagnosis.confidence <= UNSUPPORTED
    assert found.diagnosis.evidence
    assert "parts of the log were found to be worse, not all of its errors were read" in found.response
    assert "None at all" not in found.response


@pytest.mark.parametrize("error", [ProviderThrottled(retry_after=0.05), ProviderUnavailable()])
def test_an_attempt_that_fails_midway_is_gone_on_with_by_the_next_one(store, error):
    provider = scripted(quotes, quotes, error, quotes)
    running = made(store, provider)
    found = running.answered(log=LOG)
    assert (found.provider, found.coverage.windows_asked, found.usage.prompt_tokens) == ("ollama", 3, 500)
    assert len(provider.prompts) == 6
    assert_adds_up(found.coverage)
    assert found.coverage.lines_total == len(LOG.splitlines())
    assert [outcome for stage, _, outcome in running.attempts() if stage == "infer"] == ["gave_back", "completed"]


def test_a_provider_away_for_good_leaves_what_was_answered_and_says_why(store):
    provider = scripted(quotes, quotes, ProviderUnavailable())
    found = made(store, provider).answered(log=LOG)
    assert (found.provider, found.degraded, found.error.code) == ("ollama", False, "provider_unavailable")
    assert (found.coverage.windows_asked, found.usage.prompt_tokens) == (1, 200)
    assert len(provider.prompts) == 2 + 3, "as often as any call is tried"


def test_a_worker_that_stops_hands_back_what_it_has_read(store):
    running, analysis_id, thread = begun(store, Hanging())
    running.execution.shut_down()
    thread.join(10)
    assert store.status(analysis_id) is Status.QUEUED
    provider = scripted(quotes)
    found = made(store, provider).finish(analysis_id)
    assert len(provider.prompts) == 3, "two windows and the last call"
    assert (found.coverage.windows_asked, found.usage.prompt_tokens) == (3, 500)


def test_a_cancel_ends_the_call_of_a_window_and_no_other_one_is_begun(store):
    step = Fuse()
    running, analysis_id, thread = begun(store, step)
    store.cancel(analysis_id)
    epoch = store.ask("SELECT epoch FROM analysis_results WHERE id = :id", id=analysis_id)
    running.execution.stop([StopRequest(analysis_id=analysis_id, epoch=epoch)])
    thread.join(10)
    found = running.get(analysis_id)
    assert (found.status, found.diagnosis) == (Status.CANCELLED, None)
    assert store.ask(BODIES) == 0


def test_only_the_holder_of_the_claim_stores_what_was_read(store):
    progress = Progress(
        prepared=PREPARED, readings=(Reading(place=0, provider="ollama", model="tiny", diagnosis=None, calls=2),)
    )
    analysis_id = store.added()
    store.store_prepared(store.claimed(analysis_id))
    claim = store.claimed(analysis_id, stage="infer")
    with store.unit_of_work.single() as tx:
        assert tx.claims.keep(claim, progress)
        assert tx.claims.progress_of(claim) == progress
    store.give_back(claim, error=CancelRequested(), counted=False)
    with store.unit_of_work.single() as tx:
        assert not tx.claims.keep(claim, Progress(prepared=PREPARED))
        assert tx.claims.progress_of(claim) == progress


def test_the_rules_are_given_no_windows(store):
    found = made(store, scripted(quotes)).answered(log=LOG, source="rules")
    assert (found.provider, found.coverage.windows) == ("rules", 0)


def test_each_call_takes_a_slot_of_its_own_and_who_finds_none_goes_on_later(store, redis_url):
    inside = threading.Semaphore(1)

    def alone(prompt, _watch) -> str:
        assert inside.acquire(blocking=False), "two calls at a time"
        try:
            time.sleep(0.02)  # a call takes a while
            return quotes(prompt, _watch)
        finally:
            inside.release()

    guards = [guard(redis_url, limit=1) for _ in range(2)]
    try:
        workers = [made(store, scripted(alone), guard=each) for each in guards]
        ids = [workers[0].submit(log=LOG + f"INFO {number}\n") for number in range(2)]
        assert workers[0].work() == 2
        at_once(2, lambda number: workers[number].execution.infer(ids[number], owner=f"w{number}"))
        found = [workers[0].finish(analysis_id) for analysis_id in ids]
    finally:
        for each in guards:
            each.close()
    assert {(one.provider, one.error, one.coverage.windows_asked) for one in found} == {("ollama", None, 3)}
    assert {one.usage.prompt_tokens for one in found} == {500}, "nothing was paid for twice"
    assert store.ask("SELECT max(attempt) FROM analysis_attempts") == 1, "waiting uses no attempt up"
