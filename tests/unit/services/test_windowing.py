"""A log with windows is asked about in several calls, within its bounds, and nothing that was paid for is lost."""

from dataclasses import dataclass, field, replace

import pytest

from app.domain.errors import (
    AnswerMalformed,
    AnswerRefused,
    CancelRequested,
    LeaseLost,
    PromptTooLong,
    ProviderError,
    ProviderThrottled,
    ProviderUnavailable,
)
from app.domain.logs import PreparedLog
from app.domain.readings import Progress
from app.guards.open_guard import OpenGuard
from app.pipeline.preparation import PreparationLimits, prepare
from app.pipeline.windows import WindowLimits
from app.providers.rules import Rules
from app.services.asking import Asked, Asking
from app.services.guarding import Guarding, Patience
from app.services.settling import GiveBack
from app.services.watching import CallWatch
from app.services.windowing import Course, Windowing
from tests.support.claims import claim
from tests.support.clocks import HandClock
from tests.support.many_errors import many_errors, quoting, shown_in
from tests.support.tiny_providers import Scripted, answer, scripted

LIMITS = WindowLimits(max_calls=6, max_tokens=10**6)
LOG = many_errors(500) + "2026-03-01T09:00:00Z ERROR no mail for bob@example.com\n"
_PREPARED: dict[tuple[int, WindowLimits], PreparedLog] = {}


def prepared(*, budget: int = 8000, limits: WindowLimits = LIMITS) -> PreparedLog:
    key = (budget, limits)
    if key not in _PREPARED:
        _PREPARED[key] = prepare(LOG, limits=PreparationLimits(windows=limits), token_budget=budget)
    return _PREPARED[key]


def quotes(prompt, _watch) -> str:
    return quoting(prompt.messages[0].content)


@dataclass
class Attempt:
    """One attempt; `kept` is what the next one begins with."""

    limits: WindowLimits = LIMITS
    clock: HandClock = field(default_factory=HandClock)
    again: GiveBack | None = None
    kept: Progress | None = None

    def ask(self, provider: Scripted, *, seconds: float | None = None, watch: CallWatch | None = None) -> Asked:
        asked_by = claim(seconds_left=seconds)
        guarding = Guarding(
            Asking(max_output_tokens=300), OpenGuard(), patience=Patience(resting=1, busy=1, longest_pause=1)
        )
        course = Course(smaller=lambda: prepared(budget=4000), again=self._again, keep=self._keep)
        windowing = Windowing(guarding, limits=self.limits, clock=self.clock)
        watch = watch or CallWatch(asked_by, self.clock)
        return windowing.ask(provider, asked_by, self.kept or Progress(prepared=prepared()), watch, course=course)

    def _again(self, error: ProviderError) -> GiveBack | None:
        return self.again

    def _keep(self, progress: Progress) -> None:
        self.kept = progress


def test_every_window_is_asked_and_one_diagnosis_is_made_of_all():
    provider = scripted(quotes)
    asked = Attempt().ask(provider)
    windows = prepared().windows
    assert len(provider.prompts) == len(windows.parts) + 2 <= LIMITS.max_calls
    assert all(prompt.tokens_estimated <= 8000 for prompt in provider.prompts)
    assert (asked.coverage.windows, asked.coverage.windows_asked) == (windows.needed, len(windows.parts))
    assert asked.usage.prompt_tokens == 100 * len(provider.prompts), "all calls are paid for"
    assert f"{len(windows.parts)} of {windows.needed} windows read" in asked.response
    assert " of 8,000 tokens" not in asked.response
    cited = {evidence.line for evidence in asked.diagnosis.evidence}
    assert cited <= set(shown_in(provider.prompts[-1].messages[0].content))
    lines = LOG.splitlines()
    assert all(evidence.text == lines[evidence.line - 1] for evidence in asked.diagnosis.evidence)
    # each answer quoted one line that nobody wrote
    assert asked.coverage.evidence_dropped == len(provider.prompts)


def test_the_last_call_is_told_what_was_found_and_shown_the_lines():
    provider = scripted(quotes)
    Attempt().ask(provider)
    content = provider.prompts[-1].messages[0].content
    for prompt in provider.prompts[:-1]:
        errors = [number for number, text in shown_in(prompt.messages[0].content).items() if " ERROR " in text]
        assert {errors[0], errors[-1]} <= set(shown_in(content))
        assert f"Errors from line {errors[0]} to {errors[-1]}." in content


def test_a_reversible_value_goes_to_the_reader_and_never_to_the_provider():
    summary = "No mail for <EMAIL_1>."
    provider = scripted(lambda prompt, _: quoting(prompt.messages[0].content, summary=summary))
    asked = Attempt().ask(provider)
    assert asked.diagnosis.summary == "No mail for bob@example.com."
    assert "bob@example.com" not in repr([prompt.messages for prompt in provider.prompts])


@pytest.mark.parametrize("calls", [1, 2])
def test_a_bound_below_three_calls_is_one_prompt_as_without_windows(calls):
    limits = WindowLimits(max_calls=calls, max_tokens=10**6)
    provider = scripted(quotes)
    attempt = Attempt(limits=limits, kept=Progress(prepared=prepared(limits=limits)))
    asked = attempt.ask(provider)
    assert len(provider.prompts) == 1
    assert asked.coverage.windows == 0
    without = prepare(LOG, limits=PreparationLimits(), token_budget=8000)
    assert provider.prompts[0].log == without


def test_tokens_spent_end_the_windows_and_the_last_call_is_still_made():
    provider = scripted(quotes)
    asked = Attempt(limits=replace(LIMITS, max_tokens=16_200)).ask(provider)
    # 110 tokens a call: the second one would leave too little for a window and the last call
    assert len(provider.prompts) == 3
    assert asked.coverage.windows_asked == 1


def test_answers_asked_for_again_count_as_calls():
    provider = scripted(quotes, "no answer", quotes, "no answer", quotes)
    asked = Attempt().ask(provider)
    assert len(provider.prompts) == LIMITS.max_calls
    assert asked.coverage.windows_asked == 2


def test_a_window_without_a_usable_answer_is_left_out_and_said_so():
    provider = scripted(quotes, AnswerRefused(), quotes)
    asked = Attempt().ask(provider)
    assert asked.coverage.windows_asked == len(prepared().windows.parts) - 1
    assert asked.shortfall.code == "answer_refused"
    assert len(provider.prompts) == len(prepared().windows.parts) + 2


@pytest.mark.parametrize("error", [AnswerRefused(), PromptTooLong(), AnswerMalformed()])
def test_when_no_window_has_an_answer_the_first_one_stands(error):
    provider = scripted(quotes, error)
    asked = Attempt().ask(provider)
    assert asked.coverage.windows_asked == 0
    assert asked.coverage.windows > 0
    assert asked.diagnosis.summary.startswith("Errors from line 2 ")
    assert asked.coverage.lines_left_out == prepared().coverage.lines_left_out


def test_without_a_last_answer_the_most_severe_finding_stands():
    count = len(prepared().windows.parts)

    def grave(prompt, _watch) -> str:
        return quoting(prompt.messages[0].content, severity="CRITICAL", summary="The worst for <EMAIL_1>.")

    provider = scripted(quotes, grave, *[quotes] * (count - 1), AnswerRefused())
    asked = Attempt().ask(provider)
    assert asked.diagnosis.summary == "The worst for bob@example.com."
    assert "The worst" in asked.response
    assert asked.shortfall.code == "answer_refused"
    assert asked.usage.prompt_tokens == 100 * (count + 1)


def test_an_error_of_the_first_prompt_is_the_callers():
    with pytest.raises(ProviderUnavailable):
        Attempt().ask(scripted(ProviderUnavailable()))


def test_a_provider_that_fails_midway_is_asked_again_from_there():
    back = GiveBack(ProviderThrottled(), delay=1, counted=False)
    attempt = Attempt(again=back)
    provider = scripted(quotes, quotes, ProviderThrottled(), quotes)
    with pytest.raises(GiveBack) as raised:
        attempt.ask(provider)
    assert raised.value is back
    assert [reading.place for reading in attempt.kept.readings] == [0, 1]
    asked = attempt.ask(provider)
    count = len(prepared().windows.parts)
    assert len(provider.prompts) == count + 2 + 1, "only the call that failed is made twice"
    assert asked.usage.prompt_tokens == 100 * (count + 2)
    assert asked.coverage.windows_asked == count


def test_a_provider_that_fails_for_good_leaves_what_was_answered():
    provider = scripted(quotes, quotes, ProviderUnavailable())
    asked = Attempt().ask(provider)
    assert len(provider.prompts) == 3
    assert (asked.coverage.windows_asked, asked.shortfall.code) == (1, "provider_unavailable")
    assert asked.usage.prompt_tokens == 200


def test_a_cancelled_analysis_is_not_asked_about_again():
    clock = HandClock()
    watch = CallWatch(claim(), clock)

    def then_cancel(prompt, _watch) -> str:
        watch.stop(CancelRequested())
        return quotes(prompt, _watch)

    provider = scripted(quotes, then_cancel, quotes)
    with pytest.raises(CancelRequested):
        Attempt(clock=clock).ask(provider, watch=watch)
    assert len(provider.prompts) == 2


def test_who_lost_the_lease_asks_no_more():
    attempt = Attempt()

    def lost(_: Progress) -> None:
        raise LeaseLost

    attempt._keep = lost
    provider = scripted(quotes)
    with pytest.raises(LeaseLost):
        attempt.ask(provider)
    assert len(provider.prompts) == 1


@pytest.mark.parametrize(("seconds", "calls"), [(100, 5), (36, 3), (34, 1), (11, 1)])
def test_no_call_is_begun_that_would_miss_the_deadline(seconds, calls):
    clock = HandClock()

    def slow(prompt, _watch) -> str:
        clock.sleep(10)
        return quotes(prompt, _watch)

    provider = scripted(slow)
    limits = replace(LIMITS, max_calls=5)
    asked = Attempt(clock=clock, limits=limits).ask(provider, seconds=seconds)
    assert len(provider.prompts) == calls
    assert asked.coverage.windows_asked == max(calls - 2, 0)


@pytest.mark.parametrize(("delay", "waits"), [(5, True), (30, False)])
def test_an_answer_in_hand_is_not_given_up_for_a_wait_beyond_the_deadline(delay, waits):
    clock = HandClock()

    def slow(prompt, _watch) -> str:
        clock.sleep(10)
        return quotes(prompt, _watch)

    attempt = Attempt(clock=clock, again=GiveBack(ProviderThrottled(), delay=delay, counted=False))
    provider = scripted(slow, ProviderThrottled())
    if waits:
        with pytest.raises(GiveBack):
            attempt.ask(provider, seconds=50)
    else:
        assert attempt.ask(provider, seconds=50).shortfall.code == "provider_throttled"


def test_the_next_attempt_knows_how_slow_the_calls_were():
    clock = HandClock()

    def slow(prompt, _watch) -> str:
        clock.sleep(10)
        return quotes(prompt, _watch)

    attempt = Attempt(clock=clock, again=GiveBack(ProviderThrottled(), delay=1, counted=False))
    provider = scripted(slow, slow, ProviderThrottled(), slow)
    with pytest.raises(GiveBack):
        attempt.ask(provider)
    asked = attempt.ask(provider, seconds=20)
    assert len(provider.prompts) == 4, "the last call, and no further window"
    assert asked.coverage.windows_asked == 1


def test_a_prompt_too_long_has_windows_of_its_smaller_size():
    provider = scripted(PromptTooLong(), quotes)
    asked = Attempt().ask(provider)
    assert asked.coverage.token_budget == 4000
    assert all(prompt.tokens_estimated <= 4000 for prompt in provider.prompts[1:])
    assert asked.coverage.windows_asked == len(prepared(budget=4000).windows.parts)


def test_a_log_without_windows_is_one_call():
    small = prepare("INFO started\nERROR OOMKilled\n", limits=PreparationLimits(windows=LIMITS), token_budget=8000)
    provider = scripted(answer())
    attempt = Attempt(kept=Progress(prepared=small))
    asked = attempt.ask(provider)
    assert len(provider.prompts) == 1
    assert asked.shortfall is None
    assert attempt.kept.readings == (), "nothing is stored that nobody needs"


def test_the_rules_answer_at_once():
    asked = Attempt().ask(Rules())
    assert (asked.provider, asked.coverage.windows) == ("rules", 0)
