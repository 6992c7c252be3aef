from dataclasses import FrozenInstanceError, replace

import pytest

from app.domain.analyses import CLAIMABLE, MOVES, TERMINAL, Failure, Priority, Status, Submission
from app.domain.diagnoses import Coverage, LeftOut, Severity
from app.domain.errors import ProviderThrottled, WorkerLost
from app.domain.prompts import Usage


def test_every_state_has_its_moves():
    assert set(MOVES) == set(Status)


def test_what_is_completed_stays_so():
    assert not MOVES[Status.COMPLETED]


def test_only_a_retry_leaves_a_terminal_state():
    assert {target for state in TERMINAL for target in MOVES[state]} == {Status.QUEUED}


def test_only_what_may_be_claimed_begins_to_run():
    assert {state for state, targets in MOVES.items() if Status.RUNNING in targets} == CLAIMABLE


def test_every_state_can_be_reached_and_every_open_one_can_end():
    reached = {Status.QUEUED}
    while more := {target for state in reached for target in MOVES[state]} - reached:
        reached |= more
    assert reached == set(Status)
    for state in set(Status) - TERMINAL:
        assert Status.FAILED in MOVES[state]
        assert Status.CANCELLED in MOVES[state]


def test_priorities_and_severities_are_ordered():
    assert sorted(Priority) == [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL]
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3]


def test_a_submission_has_the_documented_defaults_and_cannot_be_changed():
    submission = Submission(project_id=1, log="x")
    assert (submission.source, submission.analysis_type, submission.language) == ("auto", "error", "en")
    assert (submission.priority, submission.cache, submission.tags) == (Priority.NORMAL, "exact", ())
    with pytest.raises(FrozenInstanceError):
        submission.log = "y"


def test_a_failure_tells_what_its_error_tells():
    assert Failure.of(ProviderThrottled()) == Failure(
        code="provider_throttled", detail="The provider asks us to slow down.", retryable=True
    )
    assert Failure.of(WorkerLost("gone")).detail == "gone"


def test_usages_add_up():
    first = Usage(prompt_tokens=1, completion_tokens=2, cost_micro_usd=3)
    second = Usage(prompt_tokens=10, completion_tokens=20, cost_micro_usd=30, estimated=True)
    assert first + second == Usage(prompt_tokens=11, completion_tokens=22, cost_micro_usd=33, estimated=True)
    assert not (first + first).estimated
    unknown = Usage(prompt_tokens=1, cost_micro_usd=None)
    assert (first + unknown).cost_micro_usd is (unknown + first).cost_micro_usd is None


def test_the_lines_left_out_are_counted_over_all_reasons():
    coverage = Coverage(
        bytes_total=1,
        lines_total=9,
        lines_blank=0,
        lines_sent=2,
        lines_counted=1,
        records=9,
        templates=3,
        templates_sent=1,
        tokens_estimated=1,
        token_budget=1,
    )
    assert coverage.lines_left_out == 0
    reasons = (LeftOut(reason="budget", lines=4), LeftOut(reason="rare", lines=2))
    assert replace(coverage, left_out=reasons).lines_left_out == 6
