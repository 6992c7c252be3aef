"""One round trip for one transaction: what it promises beside SQLAlchemy's way."""

from contextlib import suppress

import pytest
from sqlalchemy import text

from app.domain.analyses import Stage, Status
from app.domain.errors import MigrationsPending, StorageUnavailable
from app.domain.readings import Progress
from app.domain.storage_ports import DueOrder
from app.storage.direct import direct
from app.storage.unit_of_work import PostgresUnitOfWork
from tests.support.stores import COMPLETED, OLLAMA, PREPARED, UNAVAILABLE, Store, fingerprint

ORDER = DueOrder(window=10, aging=60, share=0.75)
NUMBERS = text("SELECT CAST(:first AS integer) AS one, CAST(:second AS text) AS two UNION ALL SELECT 2, 'b' ORDER BY 1")


def claim_alone(store, analysis_id: int):
    with store.unit_of_work.single() as tx:
        return tx.claims.claim(analysis_id, stage=Stage.PREPARE, owner="w", lease=60)


def test_rows_are_told_as_sqlalchemy_tells_them(store):
    with direct(store.engine) as connection:
        rows = connection.execute(NUMBERS, {"first": 1, "second": "a"})
        assert [(row.one, row.two) for row in rows] == [(1, "a"), (2, "b")]
        assert (rows.first().two, rows.scalar(), list(rows.scalars()), rows.rowcount) == ("a", 1, [1, 2], 2)
        nothing = connection.execute(text("SELECT id FROM analysis_results"))
        assert (nothing.first(), nothing.scalar(), list(nothing.all())) == (None, None, [])


def test_the_whole_protocol_runs_on_it(store):
    first = store.added(route=OLLAMA)
    with store.unit_of_work.single() as tx:
        assert list(tx.dispatch.queues()) == ["prepare"]
        [bell] = tx.dispatch.due("prepare", ORDER)
        claim = tx.claims.claim(bell.analysis_id, stage=Stage.PREPARE, owner="w", lease=60)
        assert claim.log == "started\nOOMKilled\n"
        assert tx.claims.log_of(claim) == claim.log
        assert tx.claims.give_back(claim, delay=0, error=UNAVAILABLE, counted=True)
        claim = tx.claims.claim(first, stage=Stage.PREPARE, owner="w", lease=60)
        assert tx.claims.store_prepared(claim, PREPARED, queue="infer.ollama")
        assert [bell.queue for bell in tx.dispatch.due("infer.ollama", ORDER)] == ["infer.ollama"]
        claim = tx.claims.claim(first, stage=Stage.INFER, owner="w", lease=60)
        assert claim.log is None
        assert tx.claims.progress_of(claim) == Progress(prepared=PREPARED, readings=())
        assert [beat.analysis_id for beat in tx.claims.extend([(first, claim.epoch)], lease=9)] == [first]
        assert tx.claims.conclude(claim, COMPLETED) is not None
        assert tx.claims.conclude(claim, COMPLETED) is None
        assert not tx.dispatch.expire_leases(max_attempts=3)
        assert not tx.dispatch.expire_deadlines()
        assert not tx.dispatch.repair_followers()
    assert store.status(first) is Status.COMPLETED


def test_each_statement_is_committed_at_once(store):
    analysis_id = store.added()
    with suppress(LookupError), store.unit_of_work.single() as tx:
        tx.claims.claim(analysis_id, stage=Stage.PREPARE, owner="w", lease=60)
        raise LookupError
    assert store.status(analysis_id) is Status.RUNNING


def test_several_statements_in_one_are_one_transaction(store):
    store.added()
    both = text("UPDATE analysis_results SET priority = 3; SELECT 1 / CAST(:zero AS integer)")
    with pytest.raises(Exception, match="division by zero"), direct(store.engine) as connection:
        connection.execute(both, {"zero": 0})
    assert store.ask("SELECT priority FROM analysis_results") == 1


def test_the_connection_goes_back_as_it_came(store):
    with direct(store.engine):
        pass
    with suppress(LookupError), store.unit_of_work() as tx:
        tx.analyses.add(store.submission(), route=OLLAMA, fingerprint=fingerprint())
        raise LookupError
    assert store.ask("SELECT count(*) FROM analysis_results") == 0, "it takes part in transactions again"


def test_a_statement_is_prepared_once_and_now_and_then_anew(store):
    with direct(store.engine) as connection:
        for _ in range(1001):
            connection.execute(NUMBERS, {"first": 1, "second": "a"})
        ours = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%AS one,%AS two UNION ALL%'"
        prepared = connection.execute(text(f"{ours} AND statement NOT LIKE '%pg_prepared%'"))
        assert prepared.scalar() == 1


def test_a_session_that_is_another_one_is_no_trouble(store):
    """As behind a pooler that gives each transaction the session that is free."""
    ids = [store.added() for _ in range(3)]
    assert claim_alone(store, ids[0])
    with direct(store.engine) as connection:
        connection.execute(text("SELECT 1; DEALLOCATE ALL; SELECT 1"))
    assert [claim_alone(store, analysis_id) is not None for analysis_id in ids[1:]] == [True, True]


def test_a_lost_connection_is_unavailable_once(store):
    ids = [store.added() for _ in range(3)]
    claim_alone(store, ids[0])
    store.run(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    )
    outcomes = []
    for analysis_id in (*ids[1:], *ids[1:]):
        try:
            outcomes.append(claim_alone(store, analysis_id) is not None)
        except StorageUnavailable:
            outcomes.append("unavailable")
    assert outcomes.count("unavailable") <= 1
    assert store.ask("SELECT count(*) FROM analysis_results WHERE status = 'running'") == 3


def test_a_database_without_a_schema_says_what_to_do(empty_database_url):
    with Store(empty_database_url) as empty:
        unit_of_work = PostgresUnitOfWork(empty.engine)
        for _ in range(2):
            with pytest.raises(MigrationsPending, match="db upgrade"), unit_of_work.single() as tx:
                tx.dispatch.queues()
