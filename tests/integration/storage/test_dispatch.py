import threading
from contextlib import contextmanager

import pytest

from app.domain.analyses import Priority, Stage, Status
from app.domain.storage_ports import DueOrder, Route
from tests.support.stores import OLLAMA, at_once


def add(store, count: int, **changes) -> list[int]:
    return [store.added(**changes) for _ in range(count)]


def let_pass(store, seconds: float) -> None:
    store.run("UPDATE analysis_results SET rung_at = rung_at - make_interval(secs => :s)", s=seconds)


def test_what_is_due_is_rung_for_once(store):
    ids = add(store, 3)
    assert store.due() == ids
    assert store.due() == []


def test_the_more_urgent_goes_first_and_then_the_older(store):
    low, normal, critical, high, critical_too = (
        store.added(priority=priority)
        for priority in (Priority.LOW, Priority.NORMAL, Priority.CRITICAL, Priority.HIGH, Priority.CRITICAL)
    )
    assert store.due(window=2) == [critical, critical_too]
    for analysis_id in (critical, critical_too):
        store.claimed(analysis_id)
    assert store.due() == [high, normal, low]


def test_no_more_than_the_window_is_unanswered(store):
    ids = add(store, 10)
    assert store.due(window=4) == ids[:4]
    assert store.due(window=4) == []
    store.claimed(ids[0])
    assert store.due(window=4) == ids[4:5]
    store.cancel(ids[1])
    assert store.due(window=4) == ids[5:6]


def test_the_window_holds_for_two_dispatchers_one_after_the_other(store):
    add(store, 20)
    rung = [len(store.due(window=6)) for _ in range(3)]
    assert rung == [6, 0, 0]


def test_an_unanswered_ring_is_overdue_with_growing_patience(store):
    [analysis_id] = add(store, 1)
    for patience in (10, 20, 40, 80, 160, 320, 320, 320):
        assert store.due() == [analysis_id], patience
        let_pass(store, patience - 1)
        assert store.overdue(older_than=10) == [], patience
        let_pass(store, 1)
        assert store.overdue(older_than=10) == [analysis_id], patience
        assert store.overdue(older_than=10) == [], "another dispatcher has it"
        assert store.due() == [], "it is not rung for before its message is gone"
        assert store.forget([analysis_id]) == 1


def test_an_answered_ring_begins_again_with_little_patience(store):
    [analysis_id] = add(store, 1)
    store.due()
    let_pass(store, 10)
    assert store.overdue(older_than=10) == [analysis_id]
    store.give_back(store.claimed(analysis_id))
    assert store.forget([analysis_id]) == 0, "it was claimed meanwhile"
    assert store.due() == [analysis_id]
    assert store.column(analysis_id, "rings") == 1


def test_what_a_broker_lost_is_rung_for_again_soon(store):
    ids = add(store, 3)
    store.due()
    assert store.forget_lost(older_than=2) == 0
    let_pass(store, 2.1)
    assert store.forget_lost(older_than=2) == 3
    assert store.due() == ids
    let_pass(store, 2.1)
    assert store.forget_lost(older_than=2) == 0, "a second loss is waited for twice as long"
    let_pass(store, 2.1)
    assert store.forget_lost(older_than=2) == 3


def test_what_is_claimed_or_in_another_queue_is_not_forgotten(store):
    first, second = add(store, 2)
    store.added(route=Route(queue="infer.ollama", provider="ollama"))
    store.due()
    store.due("infer.ollama")
    store.claimed(first)
    let_pass(store, 100)
    assert store.forget_lost() == 1
    assert store.due() == [second]


def test_what_waits_for_its_time_is_not_due(store):
    [analysis_id] = add(store, 1)
    store.give_back(store.claimed(analysis_id), delay=30)
    assert store.due() == []
    store.set(analysis_id, "run_at = now()")
    assert store.due() == [analysis_id]


def test_what_has_ended_or_runs_is_not_due(store):
    store.completed()
    store.cancel(store.added())
    store.claimed(store.added())
    assert store.due() == []
    with store.unit_of_work() as tx:
        assert tx.dispatch.queues() == []


def test_dispatchers_at_once_ring_for_each_analysis_once(store):
    ids = add(store, 200)
    answers = at_once(8, lambda _: store.due(window=1000) + store.due(window=1000))
    rung = [analysis_id for answer in answers for analysis_id in answer]
    assert sorted(rung) == ids


ORDER = DueOrder(window=4, aging=60, share=1)


@contextmanager
def in_another_transaction(store, work):
    """`work(tx)` done and not committed while the block runs."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store.unit_of_work() as tx:
            work(tx)
            held.set()
            release.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(20)
        yield
    finally:
        release.set()
        thread.join()


def test_a_queue_is_asked_by_one_dispatcher_at_a_time_and_nobody_waits_for_the_other(store):
    ids = add(store, 4)
    store.store_prepared(store.claimed(store.added(route=OLLAMA)))
    with in_another_transaction(store, lambda tx: tx.dispatch.due("prepare", ORDER)):
        assert store.due() == []
        assert len(store.due("infer.ollama")) == 1, "another queue is another turn"
    assert store.due() == []
    assert store.forget(ids) == 4


def test_what_somebody_holds_is_passed_over(store):
    ids = add(store, 4)
    with in_another_transaction(store, lambda tx: [tx.analyses.cancel(store.project, each) for each in ids[:2]]):
        assert store.due(window=2) == ids[2:]


def test_each_queue_is_known_while_something_waits_in_it(store):
    analysis_id = store.added(route=OLLAMA)
    with store.unit_of_work() as tx:
        assert list(tx.dispatch.queues()) == ["prepare"]
    store.store_prepared(store.claimed(analysis_id))
    with store.unit_of_work() as tx:
        assert list(tx.dispatch.queues()) == ["infer.ollama"]


def test_depths_tell_what_waits_runs_and_for_how_long(store):
    waiting = add(store, 3)
    store.claimed(store.added())
    store.store_prepared(store.claimed(store.added(route=OLLAMA)))
    store.completed()
    store.set(waiting[0], "run_at = now() - interval '90 seconds'")
    store.set(waiting[1], "run_at = now() + interval '90 seconds'")
    with store.unit_of_work() as tx:
        depths = {depth.queue: depth for depth in tx.dispatch.depths()}
    assert set(depths) == {"prepare", "infer.ollama"}
    assert (depths["prepare"].waiting, depths["prepare"].running) == (3, 1)
    assert depths["prepare"].oldest_seconds == pytest.approx(90, abs=5)
    assert (depths["infer.ollama"].waiting, depths["infer.ollama"].running) == (1, 0)


def test_a_thousand_finished_ones_cost_the_dispatcher_nothing(store):
    store.run(
        """INSERT INTO analysis_results (project_id, source, log_bytes, log_hash, analysis_type, priority, language,
               request_hash, cache_key, queue, status, finished_at)
           SELECT :project, 'rules', 1, 'h', 'error', 1, 'en', 'h', 'c', 'prepare', 'completed', now()
           FROM generate_series(1, 5000)""",
        project=store.project,
    )
    store.run("ANALYZE analysis_results")
    [analysis_id] = add(store, 1)
    # whichever index it takes: of the hundreds of pages of the finished ones it reads none
    explained = store.ask(
        """EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
           SELECT id FROM analysis_results WHERE queue = 'prepare' AND status IN ('queued', 'retrying')
           AND run_at <= now() ORDER BY priority DESC, id LIMIT 64"""
    )
    plan = explained[0]["Plan"]
    assert plan["Actual Rows"] == 1
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 20
    assert store.ask("SELECT relpages FROM pg_class WHERE relname = 'analysis_results'") > 50
    assert store.due() == [analysis_id]


def test_the_whole_way_of_a_hundred_analyses_through_the_protocol(store):
    ids = add(store, 100, route=OLLAMA)
    for queue, stage in (("prepare", Stage.PREPARE), ("infer.ollama", Stage.INFER)):
        seen: list[int] = []
        while rung := store.due(queue, window=32):
            for analysis_id in rung:
                claim = store.claimed(analysis_id, stage=stage)
                assert store.store_prepared(claim) if stage is Stage.PREPARE else store.conclude(claim)
            seen += rung
        assert seen == ids
    assert store.rows("SELECT DISTINCT status, epoch FROM analysis_results") == [(Status.COMPLETED, 2)]


def test_dispatchers_at_the_very_same_time_send_no_more_than_one_window(store):
    add(store, 40)
    for _ in range(10):
        store.run("UPDATE analysis_results SET rung_at = NULL")
        assert sum(len(answer) for answer in at_once(4, lambda _: store.due(window=6))) == 6


def test_what_was_swept_is_told_for_the_statistics(store):
    lost, failed, late = (store.added(route=OLLAMA, deadline_seconds=100) for _ in range(3))
    for analysis_id in (lost, failed):
        store.lose_worker(store.claimed(analysis_id).analysis_id)
    store.set(failed, "attempt = 3")
    store.set(late, "deadline_at = now()")
    with store.unit_of_work() as tx:
        expired = {swept.status: swept for swept in tx.dispatch.expire_leases(max_attempts=3)}
        [overdue] = tx.dispatch.expire_deadlines()
    assert set(expired) == {Status.QUEUED, Status.FAILED}
    assert expired[Status.QUEUED].seconds is None
    assert expired[Status.FAILED].seconds > 0
    assert (overdue.status, overdue.provider, overdue.source) == (Status.FAILED, "ollama", "auto")
