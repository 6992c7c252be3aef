import threading

import pytest

from app.domain.errors import CancelRequested, DeadlineExceeded, LeaseLost, ShuttingDown
from app.services.watching import CallWatch, Watches
from tests.support.claims import claim
from tests.support.clocks import HandClock


def watch(clock: HandClock | None = None, **changes) -> CallWatch:
    return CallWatch(claim(**changes), clock or HandClock())


def test_a_call_without_a_deadline_may_go_on():
    watched = watch()
    watched.check()
    assert watched.seconds_left() is None


def test_a_deadline_counts_down_and_ends_the_call():
    clock = HandClock()
    watched = watch(clock, seconds_left=10.0)
    clock.seconds = 4
    watched.check()
    assert watched.seconds_left() == 6
    clock.seconds = 10
    with pytest.raises(DeadlineExceeded):
        watched.check()
    clock.seconds = 99
    assert watched.seconds_left() == 0


def test_the_first_reason_to_stop_stays():
    watched = watch()
    watched.stop(CancelRequested())
    watched.stop(ShuttingDown())
    with pytest.raises(CancelRequested):
        watched.check()


def test_stopping_closes_a_blocked_read_once():
    watched, closed = watch(), []
    with watched.closing(lambda: closed.append(1)):
        watched.stop(LeaseLost())
        watched.stop(LeaseLost())
    assert closed == [1]


def test_a_call_that_is_over_is_not_closed_any_more():
    watched, closed = watch(), []
    with watched.closing(lambda: closed.append(1)):
        pass
    watched.stop(LeaseLost())
    assert not closed


def test_a_stopped_call_does_not_begin_to_read():
    watched, began = watch(), []
    watched.stop(ShuttingDown())
    with pytest.raises(ShuttingDown), watched.closing(lambda: None):
        began.append(1)
    assert not began


def test_a_close_that_fails_does_not_hide_the_reason():
    watched = watch()

    def close() -> None:
        raise OSError("already closed")

    with watched.closing(close):
        watched.stop(CancelRequested())
    with pytest.raises(CancelRequested):
        watched.check()


def test_stopping_from_another_thread_wakes_a_blocked_call():
    watched, blocked, closed = watch(), threading.Event(), threading.Event()

    def call() -> None:
        with watched.closing(closed.set):
            blocked.set()
            assert closed.wait(10)

    thread = threading.Thread(target=call)
    thread.start()
    assert blocked.wait(10)
    watched.stop(CancelRequested())
    thread.join(10)
    assert not thread.is_alive()


def test_what_runs_is_known_while_it_runs():
    watches = Watches(HandClock())
    with watches.watching(claim(analysis_id=1, epoch=2)) as first, watches.watching(claim(analysis_id=3)):
        assert set(watches.running()) == {(1, 2), (3, 1)}
        assert watches.running()[1, 2] is first
    assert watches.running() == {}


def test_a_failing_call_is_forgotten_too():
    watches = Watches(HandClock())
    with pytest.raises(LeaseLost), watches.watching(claim()):
        raise LeaseLost
    assert watches.running() == {}


def test_closing_ends_what_runs_and_what_begins_later():
    watches = Watches(HandClock())
    assert not watches.closed
    with watches.watching(claim()) as running:
        watches.close(ShuttingDown())
        with pytest.raises(ShuttingDown):
            running.check()
    assert watches.closed
    with watches.watching(claim()) as late, pytest.raises(ShuttingDown):
        late.check()


def test_a_stop_ends_the_call_of_that_epoch_and_no_other():
    watches = Watches(HandClock())
    with watches.watching(claim(epoch=2)) as watched:
        watches.stop((1, 1), CancelRequested())
        watches.stop((2, 2), CancelRequested())
        watched.check()
        watches.stop((1, 2), CancelRequested())
        with pytest.raises(CancelRequested):
            watched.check()


def test_a_stop_that_comes_before_the_watch_is_not_missed():
    watches = Watches(HandClock())
    watches.stop((1, 1), CancelRequested())
    with watches.watching(claim()) as watched, pytest.raises(CancelRequested):
        watched.check()
    with watches.watching(claim(epoch=2)) as watched:
        watched.check()


def test_only_the_last_stops_for_others_are_remembered():
    watches = Watches(HandClock())
    for number in range(5000):
        watches.stop((number, 1), CancelRequested())
    assert len(watches._early) == 1000
