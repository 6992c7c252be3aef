"""Hourly counts: right, the same when made again, and there when what they count is gone."""

from sqlalchemy import text

from app.domain.analyses import Conclusion, Failure, Status
from app.domain.errors import ProviderUnavailable
from app.domain.statistics import BOUNDS
from app.services.statistics import Statistics
from app.storage.turns import STATISTICS
from tests.support.stores import Store

FAILED = Conclusion(status=Status.FAILED, error=Failure.of(ProviderUnavailable()))


def refresh(store: Store, *, hours: int = 24, grace: float = 600) -> bool:
    with store.unit_of_work() as tx:
        return tx.statistics.refresh(hours=hours, grace=grace)


def refresh_all(store: Store, **options) -> None:
    for _ in range(200):
        if not refresh(store, **options):
            return
    raise AssertionError("it does not end")


def summary(store: Store, hours: int = 24):
    return Statistics(store.unit_of_work, priced=lambda *_: True).summary(store.project, hours)


def aged(store: Store, hours: float, analysis_id: int | None = None) -> int:
    """An ended analysis, as if it had ended so many hours ago."""
    analysis_id = store.completed() if analysis_id is None else analysis_id
    store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
    store.set(analysis_id, f"finished_at = now() - interval '{hours} hours'")
    store.run("ALTER TABLE analysis_results ENABLE TRIGGER ended_is_ended")
    return analysis_id


def rows(store: Store) -> list[tuple]:
    return store.rows("SELECT * FROM analysis_metrics ORDER BY 1, 2, 3, 4, 5, 6")


def test_every_end_is_counted_with_its_tokens_and_its_time(store):
    for _ in range(2):
        store.completed()
    store.conclude(store.claimed(store.added()), FAILED)
    store.cancel(store.added(model="big"))
    assert store.from_cache()
    store.added()
    refresh(store)
    found = summary(store)
    total = found.total
    assert (total.analyses, total.completed, total.failed, total.cancelled, total.cache_hits) == (5, 3, 1, 1, 1)
    assert (total.prompt_tokens, total.completion_tokens, total.cost_micro_usd) == (800, 160, 24)
    assert total.durations.average is not None
    assert [(one.provider, one.model, one.tally.analyses) for one in found.models] == [
        ("ollama", "mistral", 3),
        ("rules", "big", 1),
        ("rules", "none", 1),
    ]


def test_the_histogram_has_each_duration_in_its_bucket(store):
    for seconds in (0.01, 0.0100001, 0.3, 3600, 3601):
        analysis_id = store.completed()
        store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
        store.set(analysis_id, f"duration_seconds = {seconds}")
    refresh(store)
    (found,) = store.rows("SELECT duration_histogram FROM analysis_metrics")
    expected = [0] * (len(BOUNDS) + 1)
    for place in (0, 1, BOUNDS.index(0.5), len(BOUNDS) - 1, len(BOUNDS)):
        expected[place] += 1
    assert found[0] == expected


def test_counting_again_changes_nothing(store):
    for hours in (0, 1, 1, 2, 30):
        aged(store, hours)
    refresh_all(store)
    before = rows(store)
    for _ in range(3):
        refresh_all(store)
    assert rows(store) == before
    assert len(before) == 4


def test_what_ends_later_in_an_hour_is_counted_too(store):
    for count in (1, 2, 3):
        store.completed()
        refresh(store)
        assert summary(store).total.analyses == count


def test_a_long_history_is_counted_piece_by_piece_whatever_gaps_it_has(store):
    for hours in (0, 3, 26, 27, 49, 24 * 40, 24 * 90):
        aged(store, hours)
    pieces = 1
    while refresh(store, hours=24):
        pieces += 1
    assert 4 <= pieces <= 7
    assert sum(row[7] for row in rows(store)) == 7
    assert summary(store, hours=24 * 100).total.analyses == 7
    assert summary(store, hours=24).total.analyses == 2


def test_hours_that_are_over_are_sealed_and_the_last_one_stays_open(store):
    for hours in (0, 5):
        aged(store, hours)
    refresh_all(store)
    assert store.rows("SELECT sealed FROM analysis_metrics ORDER BY hour") == [(True,), (False,)]


def test_within_its_grace_an_hour_stays_open(store):
    aged(store, 1.1)
    refresh_all(store, grace=2 * 3600)
    assert store.rows("SELECT sealed FROM analysis_metrics") == [(False,)]
    refresh_all(store, grace=0)
    assert store.rows("SELECT sealed FROM analysis_metrics") == [(True,)]


def test_what_is_sealed_is_not_counted_again_when_it_is_deleted(store):
    for hours in (5, 5, 6):
        aged(store, hours)
    refresh_all(store)
    before = rows(store)
    store.run("DELETE FROM analysis_results")
    store.completed()
    refresh_all(store)
    assert rows(store)[: len(before)] == before
    assert summary(store).total.analyses == 4


def test_an_analysis_that_goes_again_leaves_the_open_hour_it_was_counted_in(store):
    claim = store.claimed(store.added())
    store.conclude(claim, FAILED)
    refresh(store)
    store.set(claim.analysis_id, "status = 'queued', finished_at = NULL, epoch = epoch + 1")
    refresh_all(store)
    aged(store, 0)
    refresh_all(store)
    assert [(row[5], row[7]) for row in rows(store)] == [("completed", 1)]


def test_an_open_hour_that_lost_all_its_ends_is_forgotten_when_the_next_is_counted(store):
    analysis_id = aged(store, 1.05)
    refresh_all(store, grace=2 * 3600)
    store.run("DELETE FROM analysis_results WHERE id = :id", id=analysis_id)
    aged(store, 0)
    refresh_all(store, grace=2 * 3600)
    assert len(rows(store)) == 1


def test_projects_are_counted_apart(store):
    store.completed()
    mine, store.project = store.project, store.new_project("other")
    store.completed()
    store.completed()
    refresh(store)
    assert summary(store).total.analyses == 2
    store.project = mine
    assert summary(store).total.analyses == 1


def test_one_at_a_time_counts_and_the_others_go_on(store):
    store.completed()
    with store.engine.begin() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": STATISTICS})
        assert not refresh(store)
        assert rows(store) == []
    refresh(store)
    assert len(rows(store)) == 1


def test_nothing_yet_is_nothing(store):
    assert not refresh(store)
    assert summary(store).total.analyses == 0
