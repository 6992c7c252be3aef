"""A call that may have killed its worker, or only stood beside the one that did, is made alone for the last time."""

import pytest

from app.domain.analyses import ALONE_QUEUE, Stage, Status
from app.domain.errors import ProviderThrottled
from tests.support.stores import OLLAMA

pytestmark = pytest.mark.integration
MOST = 3


@pytest.fixture
def call(store) -> int:
    """An analysis that waits for a model."""
    analysis_id = store.added(route=OLLAMA)
    store.store_prepared(store.claimed(analysis_id))
    return analysis_id


def lose(store, analysis_id: int, *, times: int = 1, max_attempts: int = MOST) -> None:
    for _ in range(times):
        store.claimed(analysis_id, stage=Stage.INFER)
        store.lose_worker(analysis_id)
        assert store.expire_leases(max_attempts=max_attempts) == 1


def where(store, analysis_id: int) -> tuple:
    return store.rows("SELECT status, queue, attempt FROM analysis_results WHERE id = :id", id=analysis_id)[0]


def test_a_call_that_lost_a_worker_waits_where_it_waited(store, call):
    lose(store, call)
    assert where(store, call) == ("queued", "infer.ollama", 1)


def test_a_call_with_one_attempt_left_waits_to_be_made_alone(store, call):
    lose(store, call, times=2)
    assert where(store, call) == ("queued", ALONE_QUEUE, 2)
    assert store.due("infer.ollama") == []
    assert store.due(ALONE_QUEUE) == [call]


def test_a_late_message_gives_it_to_nobody_who_has_company(store, call):
    lose(store, call, times=2)
    assert store.claim(call, stage=Stage.INFER, alone=False) is None
    assert store.due(ALONE_QUEUE) == [call]
    assert store.claim(call, stage=Stage.INFER, alone=True)


def test_a_call_that_dies_alone_has_killed_itself(store, call):
    lose(store, call, times=3)
    found = store.get(call)
    assert (found.status, found.error.code, found.attempts) == (Status.FAILED, "worker_lost", MOST)


def test_a_call_that_dies_among_others_is_never_failed_for_it(store, call):
    for _ in range(2):  # its provider was away, nobody has died so far
        store.give_back(store.claimed(call, stage=Stage.INFER))
    lose(store, call)
    assert where(store, call) == ("queued", ALONE_QUEUE, 2), "one attempt more than without the death"
    assert store.conclude(store.claimed(call, stage=Stage.INFER))


@pytest.mark.parametrize("max_attempts", [1, 2, 5])
def test_the_last_attempt_is_the_one_made_alone(store, call, max_attempts):
    lose(store, call, times=max(1, max_attempts - 1), max_attempts=max_attempts)
    assert where(store, call) == ("queued", ALONE_QUEUE, max_attempts - 1)
    lose(store, call, max_attempts=max_attempts)
    assert where(store, call) == ("failed", ALONE_QUEUE, max_attempts)


def test_whoever_waits_to_be_made_alone_stays_there(store, call):
    lose(store, call, times=2)
    store.give_back(store.claimed(call, stage=Stage.INFER), counted=False, error=ProviderThrottled())
    assert where(store, call) == ("queued", ALONE_QUEUE, 2)


def test_a_call_that_died_and_shall_be_cancelled_is(store, call):
    store.claimed(call, stage=Stage.INFER)
    store.cancel(call)
    store.lose_worker(call)
    store.expire_leases(max_attempts=1)
    assert store.status(call) is Status.CANCELLED


def test_a_log_that_kills_its_reader_is_alone_already(store):
    analysis_id = store.added(route=OLLAMA)
    for _ in range(MOST):
        store.claimed(analysis_id)
        store.lose_worker(analysis_id)
        store.expire_leases(max_attempts=MOST)
    assert where(store, analysis_id) == ("failed", "prepare", MOST)


def test_who_goes_again_begins_where_all_begin(store, call):
    lose(store, call, times=3)
    with store.unit_of_work() as tx:
        assert tx.analyses.retry(store.project, call, route=OLLAMA)
    assert where(store, call) == ("queued", "prepare", 0)
