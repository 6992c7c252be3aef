import threading

import pytest

from app.domain.analyses import CacheMode, Priority, Source, Status
from app.domain.batches import BatchItem, BatchRefused, BatchStatus, NewBatch
from app.domain.errors import BatchNotFound, BatchTooLarge, IdempotencyConflict, StorageUnavailable
from app.services.batches import Batches
from app.services.routing import Routing
from tests.support.kernels import kernel
from tests.support.stores import at_once
from tests.support.tiny_providers import Scripted, answer

pytestmark = pytest.mark.integration


@pytest.fixture
def made(store):
    return kernel(store, Scripted(steps=(answer(),)))


@pytest.fixture
def batches(store, made):
    providers = {"ollama": Scripted(steps=(answer(),)), "rules": Scripted(steps=(answer(),), name="rules")}
    routing = Routing(providers=providers, auto=("ollama",))
    return Batches(store.unit_of_work, made.analyses, routing, max_bytes=1_000_000, cache_ttl=3600)


def item(store, number, **changes):
    given = {"log": f"started {number}\nOOMKilled\n"} | changes
    return BatchItem(custom_id=f"log {number}", submission=store.submission(**given))


def new(store, count=3, key=None, **changes):
    items = [item(store, number, **changes) for number in range(count)]
    return NewBatch(project_id=store.project, items=items, idempotency_key=key)


def results(batches, store, batch_id):
    return [one for page in batches.results(store.project, batch_id) for one in page]


def test_every_item_is_an_analysis_and_the_counts_add_up(store, made, batches):
    batch = batches.submit(new(store, 250)).batch
    assert (batch.total, batch.counts[Status.QUEUED], sum(batch.counts.values())) == (250, 250, 250)
    assert (batch.status, batch.finished_at) == (BatchStatus.RUNNING, None)
    assert results(batches, store, batch.id) == []
    while made.work():
        seen = batches.get(store.project, batch.id)
        assert sum(seen.counts.values()) == seen.total == 250
    batch = batches.get(store.project, batch.id)
    assert (batch.status, batch.counts[Status.COMPLETED]) == (BatchStatus.COMPLETED, 250)
    assert batch.finished_at is not None
    found = results(batches, store, batch.id)
    assert [one.place.position for one in found] == list(range(250))
    assert [one.place.custom_id for one in found] == [f"log {number}" for number in range(250)]
    logs = [made.analyses.get(store.project, one.analysis.id, with_log=True).log_content for one in found]
    assert logs == [f"started {number}\nOOMKilled\n" for number in range(250)]


def test_an_item_has_everything_that_a_submission_has(store, made, batches):
    asked = {
        "source": Source.LOCAL, "model": "m", "service_name": "api", "environment": "prod", "tags": ("a", "b"),
        "priority": Priority.HIGH, "cache": CacheMode.OFF, "deadline_seconds": 500.0, "metadata": {"n": [1]},
        "log": "x" * 50_000,
    }  # fmt: skip
    batch = batches.submit(new(store, 1, **asked)).batch
    single = made.analyses.submit(store.submission(**asked)).analysis
    number = store.ask("SELECT analysis_id FROM batch_items WHERE batch_id = :id", id=batch.id)
    columns = """source, requested_model, service_name, environment, tags, priority, cache, metadata, log_zstd,
        log_hash, question_key, cache_key, request_hash, queue, provider, prompt_name, prompt_version, log_bytes,
        round(extract(epoch FROM deadline_at - created_at)) AS deadline"""
    select = f"SELECT {columns} FROM analysis_results WHERE id IN (:one, :other)"  # noqa: S608 - the words above
    rows = store.rows(select, one=number, other=single.id)
    assert len(rows) == 2
    one, other = [[bytes(cell) if isinstance(cell, memoryview) else cell for cell in row] for row in rows]
    assert one == other


def test_results_of_what_has_ended_can_be_read_while_the_rest_runs(store, made, batches):
    batch = batches.submit(new(store, 3)).batch
    middle = store.ask("SELECT analysis_id FROM batch_items WHERE batch_id = :id AND position = 1", id=batch.id)
    made.analyses.cancel(store.project, middle)
    assert [one.place.custom_id for one in results(batches, store, batch.id)] == ["log 1"]
    assert batches.get(store.project, batch.id).status is BatchStatus.RUNNING


def test_a_failing_item_touches_no_other(store, batches):
    made = kernel(store, Scripted(steps=(answer(),)))
    batch = batches.submit(new(store, 3)).batch
    middle = store.ask("SELECT analysis_id FROM batch_items WHERE batch_id = :id AND position = 1", id=batch.id)
    store.set(middle, "deadline_at = now() - interval '1 second'")
    with store.unit_of_work() as tx:
        tx.dispatch.expire_deadlines()
    while made.work():
        pass
    statuses = [one.analysis.status for one in results(batches, store, batch.id)]
    assert statuses == [Status.COMPLETED, Status.FAILED, Status.COMPLETED]
    assert batches.get(store.project, batch.id).status is BatchStatus.COMPLETED


def test_equal_items_share_one_answer_and_later_ones_find_it(store, made, batches):
    same = {"log": "the same\nOOMKilled\n", "source": Source.LOCAL}
    batch = batches.submit(new(store, 4, **same)).batch
    assert store.ask("SELECT count(*) FROM analysis_results WHERE leader_id IS NOT NULL") == 3
    while made.work():
        pass
    assert batches.get(store.project, batch.id).counts[Status.COMPLETED] == 4
    again = batches.submit(new(store, 2, **same)).batch
    assert (again.status, again.counts[Status.COMPLETED]) == (BatchStatus.COMPLETED, 2)
    assert all(one.analysis.cached for one in results(batches, store, again.id))
    asked = {**same, "cache": CacheMode.OFF}
    assert batches.submit(new(store, 2, **asked)).batch.counts[Status.QUEUED] == 2


def test_the_same_key_is_the_same_batch_and_with_other_items_a_conflict(store, batches):
    first = batches.submit(new(store, key="nightly"))
    again = batches.submit(new(store, key="nightly"))
    assert (first.replayed, again.replayed, first.batch.id) == (False, True, again.batch.id)
    assert store.ask("SELECT count(*) FROM analysis_results") == 3
    with pytest.raises(IdempotencyConflict):
        batches.submit(new(store, 2, key="nightly"))


def test_one_batch_comes_of_the_same_key_sent_by_many_at_once(store, batches):
    found = at_once(8, lambda _: batches.submit(new(store, 5, key="nightly")))
    assert {one.batch.id for one in found} == {found[0].batch.id}
    assert sorted(one.replayed for one in found) == [False] + [True] * 7
    assert store.ask("SELECT count(*) FROM analysis_results") == 5


def test_an_item_whose_key_is_known_stands_for_that_analysis(store, made, batches):
    items = [item(store, number, idempotency_key=f"file-{number}") for number in range(4)]
    first = batches.submit(NewBatch(project_id=store.project, items=items[:2])).batch
    single = made.analyses.submit(items[2].submission).analysis
    second = batches.submit(NewBatch(project_id=store.project, items=items[::-1])).batch
    assert store.ask("SELECT count(*) FROM analysis_results") == 4
    by_name = "SELECT analysis_id FROM batch_items WHERE batch_id = :id ORDER BY custom_id"
    ids = [row[0] for row in store.rows(by_name, id=second.id)]
    assert ids[:2] == [row[0] for row in store.rows(by_name, id=first.id)]
    assert ids[2] == single.id
    assert sum(second.counts.values()) == second.total == 4


def test_batches_that_share_their_items_never_wait_for_each_other_for_ever(store, batches):
    def send(number):
        order = list(range(20))[:: 1 if number % 2 else -1]
        sources = (Source.LOCAL, Source.RULES)
        items = [item(store, n, idempotency_key=f"file-{n}", source=sources[n % 2]) for n in order]
        return batches.submit(NewBatch(project_id=store.project, items=items))

    found = at_once(6, send)
    assert not [one for one in found if isinstance(one, Exception) and not isinstance(one, StorageUnavailable)]
    assert [one for one in found if not isinstance(one, Exception)]
    assert store.ask("SELECT count(*) FROM analysis_results") == 20


def test_nothing_is_stored_of_a_batch_with_bad_items_and_each_is_named(store, made, batches):
    made.analyses.submit(store.submission(log="taken", idempotency_key="taken"))
    bad = [
        item(store, 0),
        item(store, 1, log=" \n"),
        item(store, 2, log="x" * 999_000, source=Source.CLOUD),
        item(store, 3, log="y\0"),
    ]
    with pytest.raises(BatchRefused) as refused:
        batches.submit(NewBatch(project_id=store.project, items=bad))
    assert [(one.position, one.field, one.error.code) for one in refused.value.found] == [
        (1, "log_content", "log_empty"),
        (2, "source", "provider_not_configured"),
    ]
    for changes, field in (
        ({"prompt": "nobody", "source": Source.LOCAL}, "prompt"),
        ({"idempotency_key": "taken"}, "idempotency_key"),
        ({"callback": {"kind": "pigeon"}}, ""),
    ):
        with pytest.raises(BatchRefused) as refused:
            batches.submit(NewBatch(project_id=store.project, items=[item(store, 0), item(store, 1, **changes)]))
        assert [(one.position, one.field) for one in refused.value.found] == [(1, field)]
    assert store.ask("SELECT count(*) FROM batches") == 0
    assert store.ask("SELECT count(*) FROM analysis_results") == 1


def test_a_batch_of_too_many_bytes_is_refused(store, batches):
    with pytest.raises(BatchTooLarge, match="1,000,000"):
        batches.submit(new(store, 3, log="x" * 400_000))


def test_a_cancel_ends_what_waits_and_asks_what_runs(store, made, batches):
    batch = batches.submit(new(store, 4)).batch
    ids = [row[0] for row in store.rows("SELECT analysis_id FROM batch_items ORDER BY position")]
    made.analyses.cancel(store.project, ids[0])
    claim = store.claimed(ids[1])
    cancelled = batches.cancel(store.project, batch.id)
    assert cancelled.status is BatchStatus.CANCELLING
    assert (cancelled.counts[Status.CANCELLED], cancelled.counts[Status.RUNNING]) == (3, 1)
    assert store.ask("SELECT cancel_requested_at IS NOT NULL FROM analysis_results WHERE id = :id", id=ids[1])
    store.conclude(claim)
    ended = batches.get(store.project, batch.id)
    assert (ended.status, sum(ended.counts.values())) == (BatchStatus.CANCELLED, 4)
    assert batches.cancel(store.project, batch.id).counts == ended.counts


def test_a_cancel_ends_followers_and_lets_those_of_others_go_on(store, made, batches):
    same = {"log": "the same\nOOMKilled\n", "source": Source.LOCAL}
    batch = batches.submit(new(store, 3, **same)).batch
    outside = [made.analyses.submit(store.submission(**same)).analysis.id for _ in range(2)]
    assert store.ask("SELECT count(*) FROM analysis_results WHERE leader_id IS NOT NULL") == 4
    cancelled = batches.cancel(store.project, batch.id)
    assert (cancelled.status, cancelled.counts[Status.CANCELLED]) == (BatchStatus.CANCELLED, 3)
    left = store.rows("SELECT id, status, leader_id FROM analysis_results WHERE finished_at IS NULL ORDER BY id")
    assert [tuple(row) for row in left] == [(outside[0], "queued", None), (outside[1], "queued", outside[0])]
    assert made.finish(outside[1]).status is Status.COMPLETED


def test_a_cancel_and_the_workers_agree_on_every_item(store, made, batches):
    batch = batches.submit(new(store, 40)).batch
    worker = threading.Thread(target=lambda: [made.work() for _ in range(30)])
    worker.start()
    batches.cancel(store.project, batch.id)
    worker.join(timeout=30)
    while made.work():
        pass
    ended = batches.get(store.project, batch.id)
    assert (ended.status, sum(ended.counts.values())) == (BatchStatus.CANCELLED, 40)
    assert ended.counts[Status.CANCELLED] + ended.counts[Status.COMPLETED] == 40


def test_another_project_sees_nothing_of_it(store, batches):
    batch = batches.submit(new(store)).batch
    other = store.new_project("other")
    for ask in (batches.get, batches.results, batches.cancel):
        with pytest.raises(BatchNotFound):
            ask(other, batch.id)
    assert batches.get(store.project, batch.id).cancel_requested_at is None
