from dataclasses import dataclass, field

import pytest

from app.domain.errors import (
    AnswerMalformed,
    AnswerRefused,
    AnswerTruncated,
    BrokerUnavailable,
    CancelRequested,
    PromptTooLong,
    ProviderBusy,
    ProviderError,
    ProviderMisconfigured,
    ProviderResting,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from app.domain.guards import Load, Rest, Ticket, Verdict
from app.pipeline.preparation import PreparationLimits, prepare
from app.providers.rules import Rules
from app.services.asking import Asking
from app.services.guarding import Guarding, Limits, Patience, verdict_of
from app.services.routing import Routing
from app.services.watching import CallWatch
from tests.support.claims import claim
from tests.support.clocks import HandClock
from tests.support.tiny_providers import answer, scripted

PATIENCE = Patience(resting=30, busy=600, longest_pause=60)


@dataclass
class Noting:
    """A guard that lets everything pass and remembers what it was told."""

    told: list[tuple] = field(default_factory=list)
    known: tuple[Load, ...] | None = ()

    def admit(self, provider: str, model: str) -> Ticket:
        return Ticket(id="1", provider=provider, place="", model=model, slot=False)

    def settle(self, ticket: Ticket, verdict: Verdict, error: ProviderError | None = None) -> None:
        self.told.append((ticket.model, verdict, error))

    def loads(self) -> tuple[Load, ...]:
        if self.known is None:
            raise BrokerUnavailable
        return self.known


def ask(guard: Noting, provider, *, watch: CallWatch | None = None, **changes):
    asked_by = claim(**changes)
    limits = PreparationLimits(max_line_chars=1000, max_templates=2000)
    guarding = Guarding(Asking(max_output_tokens=300), guard, patience=PATIENCE)
    prepared = prepare("ERROR OOMKilled\n", limits=limits, token_budget=8000)
    return guarding.ask(provider, asked_by, prepared, watch or CallWatch(asked_by, HandClock()))


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ProviderUnavailable(), Verdict.FAILED),
        (ProviderTimeout(), Verdict.FAILED),
        (ProviderMisconfigured(), Verdict.REFUSED),
        (ProviderThrottled(), Verdict.THROTTLED),
        (AnswerMalformed(), Verdict.ANSWERED),
        (AnswerTruncated(), Verdict.ANSWERED),
        (AnswerRefused(), Verdict.ANSWERED),
        (PromptTooLong(), Verdict.ANSWERED),
        (CancelRequested(), Verdict.NOTHING),
        (ZeroDivisionError(), Verdict.NOTHING),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_call_tells_how_its_provider_is(error, verdict):
    assert verdict_of(error) is verdict
    guard = Noting()
    with pytest.raises(type(error)):
        ask(guard, scripted(error))
    [(_, told, _)] = guard.told
    assert told is verdict


def test_a_good_answer_is_told_once_with_the_model_that_was_asked():
    guard = Noting()
    ask(guard, scripted("garbage", answer()), model="big")
    ask(guard, scripted(answer()))
    assert guard.told == [("big", Verdict.ANSWERED, None), ("tiny", Verdict.ANSWERED, None)]


def test_a_call_that_we_ended_is_not_its_providers_fault():
    watch = CallWatch(claim(), HandClock())

    def cut(*_) -> str:
        watch.stop(CancelRequested())
        raise ProviderUnavailable("the connection was closed")

    guard = Noting()
    with pytest.raises(CancelRequested):
        ask(guard, scripted(cut), watch=watch)
    assert guard.told == [("tiny", Verdict.NOTHING, None)]


def test_the_rules_need_no_guard():
    guard = Noting()
    assert ask(guard, Rules()).provider == "rules"
    assert guard.told == []


def test_a_wait_uses_no_attempt_up_and_lasts_as_long_as_the_hint_says():
    for _ in range(50):
        back = PATIENCE.after([ProviderResting(retry_after=10)], claim(attempt=3))
        assert not back.counted
        assert 10 <= back.delay <= 12.5


def test_nobody_waits_longer_than_the_patience_for_either():
    resting, busy = ProviderResting(retry_after=10), ProviderBusy(retry_after=10)
    assert PATIENCE.after([resting], claim(waited=19))
    assert PATIENCE.after([resting], claim(waited=21)) is None
    assert PATIENCE.after([busy], claim(waited=589))
    assert PATIENCE.after([busy], claim(waited=591)) is None
    assert PATIENCE.after([ProviderResting(retry_after=31)], claim()) is None, "it would rest longer than we wait"


def test_the_first_of_several_that_may_be_asked_again_decides():
    back = PATIENCE.after(
        [ProviderUnavailable(), ProviderResting(retry_after=20), ProviderBusy(retry_after=2)], claim()
    )
    assert back.error.code == "provider_busy"
    assert back.delay <= 2.5


def test_what_was_asked_is_not_waited_for():
    assert PATIENCE.after([], claim()) is None
    assert PATIENCE.after([ProviderUnavailable(), ProviderMisconfigured(retry_after=1)], claim()) is None


def test_who_has_waited_long_looks_less_often():
    assert PATIENCE.after([ProviderBusy(retry_after=1)], claim(waited=100)).delay >= 25
    assert PATIENCE.after([ProviderBusy(retry_after=1)], claim(waited=500)).delay <= 75


def test_a_deadline_is_not_waited_away():
    assert PATIENCE.after([ProviderBusy(retry_after=10)], claim(seconds_left=9.0)) is None
    assert PATIENCE.after([ProviderBusy(retry_after=10)], claim(seconds_left=10.5)).delay <= 10.5


def limits(known: tuple[Load, ...] | None, of: int = 2) -> Limits:
    routing = Routing(providers={"ollama": scripted(), "bedrock": scripted(name="bedrock")}, auto=())
    return Limits(Noting(known=known), routing, {"ollama": of, "bedrock": 0, "unknown": 3}, alone=1)


def resting(cause: str, model: str = "tiny") -> tuple[Load, ...]:
    return (Load(provider="ollama", calls=0, limit=2, rests=(Rest(model=model, place="", seconds=1, cause=cause),)),)


def test_a_queue_runs_as_many_as_its_provider_takes():
    assert limits(()).of("infer.ollama") == 2
    assert limits((), of=0).of("infer.ollama") is None
    assert limits(()).of("infer.bedrock") is None
    assert limits(()).of("prepare") is None


def test_few_calls_are_made_alone_whatever_their_providers_take():
    assert limits(()).of("infer.alone") == 1
    assert limits(resting("provider_unavailable")).of("infer.alone") == 1


def test_the_queue_of_a_provider_that_rests_is_let_through():
    assert limits(resting("provider_unavailable")).of("infer.ollama") is None
    assert limits(resting("provider_throttled")).of("infer.ollama") == 2
    assert limits(resting("provider_misconfigured", model="named by a caller")).of("infer.ollama") == 2


def test_a_limit_holds_also_while_nobody_knows_the_load():
    assert limits(None).of("infer.ollama") == 2
