from contextlib import contextmanager

import pytest

from app.domain.analyses import Conclusion, Status
from app.domain.errors import (
    AnswerMalformed,
    BifrostError,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
    StorageUnavailable,
)
from app.domain.storage_ports import Concluded
from app.services.settling import GiveBack, RetryPolicy, Settling
from tests.support.claims import claim
from tests.support.clocks import HandClock

RETRIES = RetryPolicy(max_attempts=3, max_throttles=2, backoff_base=1.0, backoff_cap=10.0, retry_after_cap=60.0)
DONE = Conclusion(status=Status.COMPLETED)


@pytest.mark.parametrize("error", [ProviderUnavailable(), ProviderTimeout(), BifrostError("a mistake of ours")])
def test_what_may_pass_is_tried_again_until_the_attempts_are_used_up(error):
    for attempt in (1, 2):
        back = RETRIES.after(error, claim(attempt=attempt))
        assert back.counted
        assert 0 <= back.delay <= attempt
    assert RETRIES.after(error, claim(attempt=3)) is None


@pytest.mark.parametrize("error", [ProviderMisconfigured(), AnswerMalformed()])
def test_what_will_not_pass_is_not_tried_again(error):
    assert RETRIES.after(error, claim()) is None


def test_a_throttled_attempt_is_not_counted_and_waits_as_long_as_it_is_told():
    back = RETRIES.after(ProviderThrottled(retry_after=30), claim(attempt=3))
    assert not back.counted
    assert back.delay == 30


def test_nobody_waits_for_hours_because_a_provider_says_so():
    assert RETRIES.after(ProviderThrottled(retry_after=86_400), claim()).delay == 60


def test_a_throttled_attempt_without_a_hint_backs_off():
    assert 0 <= RETRIES.after(ProviderThrottled(), claim(throttles=1)).delay <= 2


def test_a_provider_that_throttles_for_ever_is_given_up():
    assert RETRIES.after(ProviderThrottled(retry_after=1), claim(throttles=2)) is None


def test_waits_grow_to_their_cap_and_are_spread():
    for attempt, longest in ((1, 1), (2, 2), (4, 8), (5, 10), (300, 10)):
        waits = [RETRIES.jitter(attempt) for _ in range(200)]
        assert 0 <= min(waits) < longest * 0.2
        assert longest * 0.8 < max(waits) <= longest


class Flaky:
    """A unit of work whose database is away for the first `away` writes."""

    def __init__(self, away: int, *, ours: bool = True) -> None:
        self.away = away
        self.ours = ours
        self.written: list[str] = []

    @property
    def claims(self) -> "Flaky":
        return self

    @contextmanager
    def __call__(self):
        if self.away:
            self.away -= 1
            raise StorageUnavailable
        yield self

    single = __call__

    def conclude(self, *_) -> Concluded | None:
        self.written.append("conclude")
        return Concluded() if self.ours else None

    def give_back(self, *_, **__) -> bool:
        self.written.append("give_back")
        return self.ours


def test_a_result_is_written_again_while_the_database_is_away_for_a_moment():
    store, clock = Flaky(5), HandClock()
    Settling(store, retries=RETRIES, clock=clock).conclude(claim(), DONE)
    assert store.written == ["conclude"]
    assert len(clock.slept) == 5


def test_a_database_that_stays_away_is_not_waited_for_for_ever():
    store, clock = Flaky(99), HandClock()
    with pytest.raises(StorageUnavailable):
        Settling(store, retries=RETRIES, clock=clock).conclude(claim(), DONE)
    assert not store.written
    assert clock.seconds <= 60


def test_a_refused_write_is_not_repeated():
    store = Flaky(0, ours=False)
    settling = Settling(store, retries=RETRIES, clock=HandClock())
    settling.conclude(claim(), DONE)
    settling.give_back(claim(), GiveBack(ProviderUnavailable(), delay=1, counted=True))
    assert store.written == ["conclude", "give_back"]
