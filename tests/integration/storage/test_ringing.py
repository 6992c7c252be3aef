"""Which of many waiting analyses go first, and what finding them costs."""

import re
from collections import Counter

import pytest
from sqlalchemy import text

from app.domain.analyses import Priority
from app.domain.storage_ports import Doorbell, DueOrder
from app.storage import dispatch, ringing, single_flight
from tests.support.stores import at_once

LOW, NORMAL, HIGH, CRITICAL = Priority
ORDER = DueOrder(window=64, aging=60, share=0.75)


def let_wait(store, analysis_id: int, seconds: float) -> None:
    store.set(analysis_id, f"run_at = run_at - interval '{seconds} seconds'")


def bells(store, order: DueOrder = ORDER) -> list[Doorbell]:
    """All that one dispatcher rings for, look after look."""
    rung: list[Doorbell] = []
    while True:
        with store.unit_of_work() as tx:
            found = tx.dispatch.due("prepare", order)
        if not found:
            return rung
        rung += found


def project_of(store, analysis_id: int) -> int:
    return store.column(analysis_id, "project_id")


def test_each_time_of_waiting_makes_an_analysis_one_priority_more_urgent(store):
    low, normal, high = (store.added(priority=priority) for priority in (LOW, NORMAL, HIGH))
    let_wait(store, low, 60)
    assert store.due(aging=60) == [high, low, normal], "as urgent as the normal one, and older"
    store.forget([low, normal, high])
    let_wait(store, low, 61)
    assert store.due(aging=60) == [low, high, normal]


def test_what_has_waited_long_is_as_urgent_as_the_critical_and_no_more(store):
    low = store.added(priority=LOW)
    let_wait(store, low, 10_000)
    critical = store.added(priority=CRITICAL)
    let_wait(store, critical, 20_000)
    rung = bells(store)
    assert [bell.analysis_id for bell in rung] == [critical, low]
    assert [bell.priority for bell in rung] == [CRITICAL, CRITICAL]


def test_nothing_starves_while_more_urgent_ones_never_end(store):
    """Ten critical ones arrive in each second, ten are worked on: the low one gets its turn after three agings."""
    low, waited = store.added(priority=LOW), 0
    while waited < 100:
        store.flood(10, priority=CRITICAL)
        if low in store.due(window=10, aging=20):
            break
        waited += 1
        store.run("DELETE FROM analysis_results WHERE rung_at IS NOT NULL")
        store.run("UPDATE analysis_results SET run_at = run_at - interval '1 second'")
    assert 45 <= waited <= 61, "the clock goes on, too"


def test_a_mixed_crowd_is_rung_for_in_the_order_of_its_priorities(store):
    priorities = [Priority(number % 4) for number in range(200)]
    ids = {store.added(priority=priority): priority for priority in priorities}
    rung: list[int] = []
    while some := store.due(window=20):
        rung += some
        for analysis_id in some:
            store.claimed(analysis_id)
    assert [ids[analysis_id] for analysis_id in rung] == sorted(priorities, reverse=True)
    for priority in Priority:
        same = [analysis_id for analysis_id in rung if ids[analysis_id] is priority]
        assert same == sorted(same), "the older one first"


def test_projects_take_turns(store):
    store.flood(500)
    other = store.new_project("other")
    store.flood(5, project=other)
    projects = [project_of(store, bell.analysis_id) for bell in bells(store)]
    assert projects[:10] == [store.project, other] * 5


def test_who_came_later_gets_the_places_that_become_free(store):
    store.flood(500)
    first = bells(store)
    other = store.new_project("other")
    store.flood(100, project=other)
    assert {project_of(store, bell.analysis_id) for bell in bells(store)} == {other}, "the part kept free"
    for bell in first[:20]:
        store.claimed(bell.analysis_id)
    given = Counter(project_of(store, bell.analysis_id) for bell in bells(store))
    assert given == {other: 16, store.project: 4}, "28 and 16 were held: first the difference, then in turn"


def test_no_project_fills_the_window_alone(store):
    store.flood(500)
    assert len(bells(store)) == 48
    assert bells(store) == []
    other = store.new_project("other")
    store.flood(500, project=other)
    assert len(bells(store)) == 16
    assert bells(store) == []


def test_a_window_of_one_place_is_used(store):
    store.flood(3)
    assert len(bells(store, DueOrder(window=1, aging=60, share=0.5))) == 1


def test_the_more_urgent_goes_first_whatever_its_project(store):
    store.flood(100)
    other = store.new_project("other")
    store.flood(10, project=other, priority=CRITICAL)
    assert [project_of(store, bell.analysis_id) for bell in bells(store)[:10]] == [other] * 10


def test_of_many_projects_each_gets_its_turn(store):
    projects = [store.new_project(f"p{number}") for number in range(100)]
    for project in projects:
        store.flood(3, project=project)
    seen: Counter[int] = Counter()
    for _ in range(60):
        rung = [bell.analysis_id for bell in bells(store)]
        seen.update(project_of(store, analysis_id) for analysis_id in rung)
        for analysis_id in rung:
            store.claimed(analysis_id)
    assert set(seen) == set(projects)
    assert set(seen.values()) == {3}


def test_two_dispatchers_never_exceed_the_window_while_workers_take_what_they_find(store):
    store.flood(600)
    most = 0
    for _ in range(15):
        at_once(2, lambda _: store.due(window=40))
        rung = [row[0] for row in store.rows("SELECT id FROM analysis_results WHERE rung_at IS NOT NULL")]
        most = max(most, len(rung))
        for analysis_id in rung[::2]:
            store.claimed(analysis_id)
    assert most == 40


def test_a_small_log_may_share_a_message_and_a_large_one_not(store):
    small, large = store.added(), store.added(log="x" * 20_000)
    assert {bell.analysis_id: bell.light for bell in bells(store)} == {small: True, large: False}


# What it costs: not the time, which other work on the machine decides, but the plan.


@pytest.fixture
def crowded(store):
    store.crowd()
    return store


def plan(store, statement, **values) -> str:
    *before, last = statement.text.split(";")
    with store.engine.begin() as connection:
        for each in before:
            connection.execute(text(each), values)
        rows = connection.execute(text(f"EXPLAIN (ANALYZE, BUFFERS) {last}"), values)
        return "\n".join(row[0] for row in rows)


def pages(explained: str) -> int:
    """Pages looked at by the whole statement."""
    return int(re.findall(r"shared hit=(\d+)", explained)[0])


RING = {"queue": "prepare", "window": 64, "aging": 60, "share": 0.75, "limit": None}
PATIENT = {"queue": "prepare", "older_than": 15}


def test_each_look_at_ten_thousand_is_one_at_a_few_pages_of_partial_indexes(crowded):
    choosing = plan(crowded, ringing._DUE, **RING)
    full = plan(crowded, ringing._DUE, **(RING | {"window": 0}))
    limited = plan(crowded, ringing._DUE, **(RING | {"limit": 2}))
    others = [
        plan(crowded, ringing._QUEUES),
        plan(crowded, ringing._FORGET_LOST, **PATIENT),
        plan(crowded, ringing._OVERDUE, **PATIENT),
    ]
    for explained in (choosing, full, limited, *others):
        assert "Seq Scan" not in explained
        assert re.search(r"analysis_results_(waiting|rung)", explained)
    assert pages(choosing) < 3000
    assert pages(limited) < 3000
    assert pages(full) < 60, "without room nothing is looked at"
    assert max(map(pages, others)) < 400


def test_each_sweep_of_ten_thousand_reads_a_partial_index(crowded):
    for statement, values, index in (
        (
            dispatch._EXPIRE_LEASES,
            {"max_attempts": 3, "alone": "infer.alone", "error": "{}"},
            "analysis_results_leases",
        ),
        (dispatch._EXPIRE_DEADLINES, {"error": "{}"}, "analysis_results_deadlines"),
        (single_flight._REPAIR, {}, "analysis_results_followers"),
    ):
        explained = plan(crowded, statement, **values)
        assert "Seq Scan on analysis_results" not in explained
        assert index in explained
        assert pages(explained) < 60
