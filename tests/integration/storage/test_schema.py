import importlib
import pkgutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

import migrations.versions
from app.domain.audit import OPERATOR, Act, NewEntry
from app.domain.budgets import Budget, Spending
from app.domain.errors import MigrationsPending, StorageUnavailable
from app.domain.keys import UNLIMITED
from app.domain.storage_ports import Fingerprint
from app.settings import Database
from app.storage import schema
from app.storage.engine import make_engine
from app.storage.unit_of_work import PostgresUnitOfWork
from tests.support.stores import OLLAMA, Store, at_once
from tests.support.waiting import until

TABLES = """SELECT count(*) FROM information_schema.tables
    WHERE table_schema = 'public' AND table_name <> 'alembic_version'"""
BUILDING = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots'"
FUNCTIONS = "SELECT count(*) FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'public'"


@pytest.fixture
def empty(empty_database_url):
    with Store(empty_database_url) as made:
        yield made


def test_an_empty_database_is_at_nothing(empty):
    assert schema.current(empty.url) is None
    health = schema.health(empty.engine, schema.head())
    assert not health.ok
    assert "bifrost-cli db upgrade" in health.detail


def test_up_down_and_up_again_with_rows_in_it(empty):
    schema.upgrade(empty.url)
    assert schema.current(empty.url) == schema.head()
    assert schema.health(empty.engine, schema.head()).ok
    for _ in range(2):
        fill(empty)
        schema.downgrade(empty.url, "base")
        assert schema.current(empty.url) is None
        assert (empty.ask(TABLES), empty.ask(FUNCTIONS)) == (0, 0)
        schema.upgrade(empty.url)
    assert empty.ask("SELECT count(*) FROM analysis_results") == 0
    fill(empty)


def fill(store: Store) -> None:
    """Rows in every table, in many states."""
    store.project = store.new_project("default")
    store.completed()
    store.cancel(store.added())
    store.set(store.added(), "callback = '{}'")
    store.store_prepared(store.claimed(store.added(route=OLLAMA)))
    store.give_back(store.claimed(store.added()))
    told = store.added()
    store.set(told, "callback = '{}'")
    store.conclude(store.claimed(told))
    with store.unit_of_work() as tx:
        tx.budgets.set(store.project, Budget(tokens=100))
        tx.budgets.reserve(store.project, Spending(requests=1, tokens=10))
        tx.audit.add(NewEntry(project_id=store.project, actor=OPERATOR, act=Act.BUDGET_SET, subject="default"))
    for count in (
        "SELECT count(*) FROM budget_uses",
        "SELECT count(*) FROM audit_log",
        "SELECT count(*) FROM analysis_attempts",
        "SELECT count(*) FROM analysis_preparations",
        "SELECT count(*) FROM outbox",
    ):
        assert store.ask(count) > 0


def test_a_key_from_before_there_were_limits_has_none(empty):
    schema.upgrade(empty.url)
    [name] = [
        module.name for module in pkgutil.iter_modules(migrations.versions.__path__) if module.name.endswith("_keys")
    ]
    schema.downgrade(empty.url, importlib.import_module(f"migrations.versions.{name}").down_revision)
    project = empty.new_project("default")
    empty.run(
        """INSERT INTO api_keys (prefix, secret_hash, name, project_id, scopes)
           VALUES ('p', 'h', 'n', :project, '{read}')""",
        project=project,
    )
    schema.upgrade(empty.url)
    with empty.unit_of_work() as tx:
        assert tx.keys.find("p").limits == UNLIMITED


def test_upgrading_again_changes_nothing_and_keeps_the_rows(empty):
    schema.upgrade(empty.url)
    fill(empty)
    rows = empty.ask("SELECT count(*) FROM analysis_results")
    schema.upgrade(empty.url)
    assert empty.ask("SELECT count(*) FROM analysis_results") == rows


def test_several_processes_may_upgrade_at_once(empty):
    assert at_once(4, lambda _: schema.upgrade(empty.url)) == [None] * 4
    assert schema.current(empty.url) == schema.head()
    assert empty.ask("SELECT count(*) FROM alembic_version") == 1


def test_a_failed_upgrade_leaves_nothing_behind_and_can_be_repeated(empty):
    empty.run("CREATE TABLE outbox (mine int)")
    with pytest.raises(Exception, match="outbox"):
        schema.upgrade(empty.url)
    assert schema.current(empty.url) is None
    assert empty.ask(TABLES) == 1
    empty.run("DROP TABLE outbox")
    schema.upgrade(empty.url)
    assert schema.current(empty.url) == schema.head()


def test_a_database_without_a_schema_says_what_to_do(empty):
    unit_of_work = PostgresUnitOfWork(empty.engine)
    fingerprint = Fingerprint(log_hash="h", cache_key="c", question_key="q", request_hash="r")
    with pytest.raises(MigrationsPending, match="db upgrade"), unit_of_work() as tx:
        tx.analyses.add(empty.submission(project_id=1), route=OLLAMA, fingerprint=fingerprint)


def test_a_newer_schema_than_ours_is_not_called_healthy(empty):
    schema.upgrade(empty.url)
    empty.run("UPDATE alembic_version SET version_num = '9999'")
    health = schema.health(empty.engine, schema.head())
    assert not health.ok
    assert "too old" in health.detail


def test_a_server_that_is_not_there_is_unavailable():
    url = "postgresql://nobody:secret@127.0.0.1:1/none"
    with pytest.raises(StorageUnavailable):
        schema.upgrade(url)
    with pytest.raises(StorageUnavailable):
        schema.current(url)


def test_the_password_is_in_no_message_and_no_picture_of_the_engine():
    engine = make_engine(Database.model_validate({"url": "postgres://nobody:very-secret@127.0.0.1:1/none"}))
    try:
        assert "very-secret" not in repr(engine)
        with pytest.raises(StorageUnavailable) as raised, PostgresUnitOfWork(engine)() as tx:
            tx.dispatch.queues()
        assert "very-secret" not in str(raised.value) + repr(raised.value.__cause__)
    finally:
        engine.dispose()


def test_each_connection_speaks_utc_and_ends_long_statements(store):
    with store.engine.connect() as connection:
        assert connection.execute(text("SHOW timezone")).scalar() == "UTC"
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "15s"
        assert connection.execute(text("SHOW application_name")).scalar() == "bifrost"


def test_while_the_index_over_a_full_table_is_built_analyses_are_accepted(empty):
    schema.upgrade(empty.url, "0003")
    empty.project = empty.new_project("default")
    with empty.engine.connect() as reader, ThreadPoolExecutor(1) as pool:
        # the build waits for whoever sees the tables as they were
        reader.execution_options(isolation_level="REPEATABLE READ").execute(text("SELECT 1"))
        upgraded = pool.submit(schema.upgrade, empty.url)
        try:
            until(lambda: empty.ask(BUILDING), what="the index is being built")
            empty.flood(10)
        finally:
            reader.rollback()
        upgraded.result(timeout=30)
    assert empty.ask("SELECT count(*) FROM analysis_results") == 10
    assert empty.ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 'analysis_results_likeness'::regclass")


def test_a_build_of_the_index_that_was_interrupted_is_begun_anew(empty):
    schema.upgrade(empty.url, "0003")
    empty.run("ALTER TABLE analysis_results ADD COLUMN question_key varchar(64), ADD COLUMN likeness varchar(64)")
    empty.run("CREATE INDEX analysis_results_likeness ON analysis_results (log_bytes)")
    schema.upgrade(empty.url)
    found = empty.ask("SELECT indexdef FROM pg_indexes WHERE indexname = 'analysis_results_likeness'")
    assert "(likeness, question_key, finished_at)" in found
