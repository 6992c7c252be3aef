"""A process falls with each of its threads, and takes the others along."""

import threading

import pytest

from worker.standing import beside

pytestmark = pytest.mark.unit


def test_a_thread_that_dies_ends_the_process_with_what_killed_it():
    ended, other = threading.Event(), threading.Event()

    def dies() -> None:
        raise ZeroDivisionError

    def lives() -> None:
        ended.wait(5)
        other.set()

    with (
        pytest.raises(ZeroDivisionError),
        beside({"dies": dies, "lives": lives}, ended, grace=5),
    ):
        assert ended.wait(5)
    assert other.is_set()


def test_the_threads_end_with_the_process():
    ended, left = threading.Event(), threading.Event()

    def lives() -> None:
        ended.wait(5)
        left.set()

    with beside({"lives": lives}, ended, grace=5):
        assert not left.is_set()
    assert left.is_set()
