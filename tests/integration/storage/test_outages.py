"""The server stopped, killed and started again, its sessions ended, its connections used up."""

import os
import signal
import threading
from collections.abc import Iterator

import psutil
import pytest
from sqlalchemy import text

from app.domain.analyses import Stage, Status
from app.domain.errors import StorageUnavailable
from app.embedded import EmbeddedServers
from app.settings import Database
from app.storage.engine import make_engine
from app.storage.schema import upgrade
from app.storage.signals import PostgresDueSignal
from app.storage.unit_of_work import PostgresUnitOfWork
from app.supervisor import Supervisor
from tests.support.stores import Store, at_once
from tests.support.waiting import until

#: A server that was killed again and again is started again after a growing pause.
RESTART_SECONDS = 60


@pytest.fixture(scope="module")
def supervisor(tmp_path_factory) -> Iterator[Supervisor]:
    with Supervisor(directory=tmp_path_factory.mktemp("outages")) as made:
        yield made


@pytest.fixture(scope="module")
def own_server(supervisor) -> Iterator[str]:
    """A server of one's own: the supervisor starts it again whenever it ends."""
    with EmbeddedServers(supervisor.directory, supervisor=supervisor, redis=False, durable=False) as servers:
        upgrade(servers.database_url)
        yield servers.database_url


@pytest.fixture
def fragile(own_server) -> Iterator[Store]:
    until(lambda: connects(own_server), timeout=RESTART_SECONDS, what="the server being back")
    with Store(own_server) as store:
        store.empty()
        yield store


def answers(store: Store) -> bool:
    try:
        with store.unit_of_work() as tx:
            tx.dispatch.queues()
    except StorageUnavailable:
        return False
    return True


def end_sessions(store: Store) -> None:
    """Every session of ours but the one that does it."""
    store.rows("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()""")


def fill_pool(store: Store) -> None:
    """Ten open connections in the pool."""
    barrier = threading.Barrier(10)

    def hold(_: int) -> None:
        with store.unit_of_work() as tx:
            tx.dispatch.queues()
            barrier.wait(20)

    assert at_once(10, hold) == [None] * 10


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL], ids=["stop", "crash", "kill"])
def test_a_server_that_goes_and_comes_back_costs_a_few_refusals(fragile, supervisor, how):
    fill_pool(fragile)
    kept = fragile.added()
    claim = fragile.claimed(kept)
    pid = supervisor.pids()["postgres"]
    os.kill(pid, how)
    until(lambda: not answers(fragile), what="refusals")
    until(lambda: answers(fragile), timeout=RESTART_SECONDS, what="answers again")
    assert all(answers(fragile) for _ in range(15)), "one outage empties the whole pool"
    assert fragile.status(kept) is Status.RUNNING
    assert fragile.conclude(claim)


def test_what_was_not_committed_when_the_server_died_never_was(fragile):
    analysis_id = fragile.added()

    def claim_while_it_dies() -> None:
        with fragile.unit_of_work() as tx:
            assert tx.claims.claim(analysis_id, stage=Stage.PREPARE, owner="w", lease=60)
            # our own session's process: the whole server restarts after such a death, and no COMMIT can win against it
            pid = tx.claims._connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            os.kill(pid, signal.SIGKILL)
            until(lambda: not psutil.pid_exists(pid), what="the session's end")

    with pytest.raises(StorageUnavailable):
        claim_while_it_dies()
    until(lambda: answers(fragile), timeout=RESTART_SECONDS)
    assert fragile.status(analysis_id) is Status.QUEUED


def connects(url: str) -> bool:
    engine = make_engine(Database.model_validate({"url": url, "connect_timeout": 1}))
    try:
        with PostgresUnitOfWork(engine)() as tx:
            tx.dispatch.queues()
    except StorageUnavailable:
        return False
    finally:
        engine.dispose()
    return True


def test_ended_sessions_are_unavailable_once(fragile):
    fill_pool(fragile)
    end_sessions(fragile)
    tries = [answers(fragile) for _ in range(12)]
    assert tries.count(False) <= 1
    assert tries[-1]


def test_a_used_up_pool_is_unavailable_and_says_so(own_server):
    url = Database.model_validate({"url": own_server, "pool_size": 1, "pool_overflow": 0, "pool_timeout": 0.1})
    engine = make_engine(url)
    try:
        unit_of_work = PostgresUnitOfWork(engine)
        with unit_of_work(), pytest.raises(StorageUnavailable, match="busy") as raised, unit_of_work():
            pass
        assert raised.value.retry_after == 1
        with unit_of_work() as tx:
            assert tx.dispatch.queues() == []
    finally:
        engine.dispose()


def test_a_statement_that_takes_too_long_is_unavailable(own_server, fragile):
    engine = make_engine(Database.model_validate({"url": own_server, "statement_timeout": 0.2}))
    analysis_id = fragile.added()
    try:
        with fragile.unit_of_work() as holding:
            holding.claims.claim(analysis_id, stage=Stage.PREPARE, owner="w", lease=60)
            with pytest.raises(StorageUnavailable), PostgresUnitOfWork(engine)() as tx:
                tx.analyses.cancel(fragile.project, analysis_id)
    finally:
        engine.dispose()


def test_a_commit_that_makes_something_due_wakes_whoever_listens(store):
    signal_ = PostgresDueSignal(store.engine)
    try:
        assert not signal_.wait(0.01)
        store.added()
        assert signal_.wait(10)
        assert not signal_.wait(0.01)
        store.completed()
        assert signal_.wait(10)
    finally:
        signal_.close()


def test_a_listener_whose_session_ended_looks_once_and_listens_anew(fragile):
    signal_ = PostgresDueSignal(fragile.engine)
    try:
        assert not signal_.wait(0.01)
        end_sessions(fragile)
        until(lambda: signal_.wait(0.05), what="a look at what may have become due meanwhile")
        assert not signal_.wait(0.01)
        fragile.added()
        assert signal_.wait(10)
    finally:
        signal_.close()


def test_a_listener_without_a_server_is_told_so():
    engine = make_engine(Database.model_validate({"url": "postgresql://nobody@127.0.0.1:1/none"}))
    signal_ = PostgresDueSignal(engine)
    try:
        with pytest.raises(StorageUnavailable):
            signal_.wait(0.01)
    finally:
        signal_.close()
        engine.dispose()


def test_closing_a_listener_twice_is_closing_it_once(store):
    signal_ = PostgresDueSignal(store.engine)
    signal_.wait(0.01)
    signal_.close()
    signal_.close()
