"""Deliveries in the store: what they cost, and what an earlier version has left."""

import pytest
from sqlalchemy import text

from app.domain.deliveries import DeliveryFilter, DeliveryStatus
from app.storage import deliveries, schema
from tests.support.stores import Store

pytestmark = pytest.mark.integration

CALLBACK = '{"kind": "webhook", "url": "https://example.com/x", "lane": "example.com:443"}'


def ended(store: Store, **changes) -> int:
    """The id of a cancelled analysis that somebody wants to be told of."""
    analysis_id = store.added(**changes)
    store.run("UPDATE analysis_results SET callback = CAST(:c AS jsonb) WHERE id = :id", c=CALLBACK, id=analysis_id)
    store.cancel(analysis_id)
    return analysis_id


def listed(store: Store, **wanted) -> list[int]:
    with store.unit_of_work() as tx:
        found = tx.deliveries.list(DeliveryFilter(**{"project_id": store.project, "limit": 500} | wanted))
    return [one.analysis_id for one in found]


def test_the_newest_of_many_are_found_by_an_index(store):
    analysis_id = ended(store)
    more = """INSERT INTO outbox (analysis_id, project_id, kind, callback, key, published_at, dead_at, created_at)
        SELECT :id, :project + n % 2, 'analysis.cancelled', CAST(:callback AS jsonb), 'k' || n,
            CASE WHEN n % 1000 > 0 THEN now() END, CASE WHEN n % 1000 = 0 THEN now() END,
            now() - n * interval '1 second'
        FROM generate_series(1, 20000) AS n"""
    store.run(more, id=analysis_id, project=store.project, callback=CALLBACK)
    store.run("ANALYZE outbox")
    for status, index in ((None, "outbox_webhooks"), (DeliveryStatus.GIVEN_UP, "outbox_webhooks_dead")):
        condition = "true" if status is None else deliveries._STATES[status]
        wanted = f"FROM outbox WHERE {deliveries._MINE} AND {condition} ORDER BY created_at DESC, id DESC LIMIT 51"
        statement = f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT {deliveries._SHOWN} {wanted}"
        with store.engine.connect() as connection:
            plan = connection.execute(text(statement), {"project_id": store.project}).scalar()[0]["Plan"]
        assert f"'Index Name': '{index}'" in str(plan)
        assert "Seq Scan" not in str(plan)


def test_what_an_earlier_version_has_written_is_its_projects_after_the_upgrade(empty_database_url):
    with Store(empty_database_url) as store:
        schema.upgrade(store.url, "0006")
        store.project = store.new_project("default")
        analysis_id = store.ask(
            """INSERT INTO analysis_results (project_id, source, queue, provider, status, log_bytes, log_hash,
                cache_key, request_hash, analysis_type, priority, language)
            VALUES (:project, 'rules', 'prepare', 'rules', 'queued', 0, '', '', '', 'error', 1, 'en')
            RETURNING id""",
            project=store.project,
        )
        store.run(
            """INSERT INTO outbox (analysis_id, kind, callback, key)
            VALUES (:id, 'analysis.cancelled', CAST(:callback AS jsonb), 'k')""",
            id=analysis_id,
            callback=CALLBACK,
        )
        schema.upgrade(store.url)
        assert listed(store) == [analysis_id]
        schema.downgrade(store.url, "0006")
        schema.upgrade(store.url)
        assert listed(store) == [analysis_id]


def test_what_a_process_of_an_earlier_version_writes_after_it_is_its_projects_once_it_is_claimed(store):
    analysis_id = ended(store)
    store.run("UPDATE outbox SET project_id = NULL")
    assert listed(store) == []
    with store.unit_of_work() as tx:
        assert len(tx.outbox.claim(["webhook"], owner="a", lease=60, limit=1)) == 1
    assert listed(store) == [analysis_id]


def test_one_that_was_tried_more_often_than_a_column_counts_is_still_claimed(store):
    ended(store)
    store.run("UPDATE outbox SET attempts = 32767, tried_before = 32767")
    with store.unit_of_work() as tx:
        (found,) = tx.outbox.claim(["webhook"], owner="a", lease=60, limit=1)
    assert found.attempt == 32767


def test_what_goes_to_kafka_is_no_delivery(store):
    analysis_id = store.added()
    store.set(analysis_id, """callback = '{"kind": "kafka", "topic": "analysis.result"}'""")
    store.cancel(analysis_id)
    assert store.ask("SELECT count(*) FROM outbox") == 1
    assert listed(store) == []
