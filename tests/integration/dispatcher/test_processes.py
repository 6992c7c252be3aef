"""The dispatcher as it really runs, killed at the worst moment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from tests.support import receivers
from tests.support.receivers import SECRET, Receiver, say
from tests.support.stores import Store
from tests.support.waiting import until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
OPEN = "SELECT count(*) FROM outbox WHERE published_at IS NULL AND dead_at IS NULL"


@contextmanager
def dispatcher(url: str, redis_url: str, directory: Path, **more: str) -> Iterator[subprocess.Popen]:
    """One of its own; killed at the end if it has not ended by then."""
    environ = {
        "PATH": os.defpath,
        "HOME": str(directory),
        "BIFROST_DATA_DIR": str(directory / "data"),
        "BIFROST_DATABASE_URL": url,
        "BIFROST_REDIS_URL": redis_url,
        "BIFROST_WEBHOOKS__SECRET": SECRET,
        "BIFROST_WEBHOOKS__ALLOWED_HOSTS": "127.0.0.1",
        "BIFROST_WEBHOOKS__SCHEDULE": "0.2,0.2,0.2",
        "BIFROST_OUTBOX__POLL_SECONDS": "0.1",
        "BIFROST_OUTBOX__LEASE_SECONDS": "1.5",
        "BIFROST_STATISTICS__REFRESH_SECONDS": "0.2",
        "BIFROST_RETENTION__CHECK_SECONDS": "0.2",
        "BIFROST_WORKER__SHUTDOWN_SECONDS": "3",
        **more,
    }
    with (directory / "dispatcher.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", "dispatcher"], cwd=ROOT, env=environ, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def ended(store: Store, url: str, **changes) -> int:
    lane = {"kind": "webhook", "url": url, "lane": "the receiver"}
    analysis_id = store.added(callback=lane, **changes)
    store.cancel(analysis_id)
    return analysis_id


def test_a_publisher_killed_between_the_send_and_the_mark_sends_again_under_the_same_id(
    store, redis_url, receiver, tmp_path
):
    """The receiver holds the row while it acknowledges, so that the mark cannot be written; then the sender dies."""
    ended(store, receiver.url)
    with closing(psycopg2.connect(store.url.replace("+psycopg2", ""))) as holding:
        with dispatcher(store.url, redis_url, tmp_path) as process:

            def acknowledge_and_kill(handler, received) -> None:
                with holding.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM outbox FOR UPDATE")
                say(204)(handler, received)
                waiting = (
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%outbox%%'"
                )
                until(lambda: store.ask(waiting) > 0, what="the mark being tried")
                process.kill()

            receiver.script(acknowledge_and_kill)
            assert process.wait(20) == -signal.SIGKILL
        holding.rollback()
    assert store.ask(OPEN) == 1, "acknowledged, and not marked"
    with dispatcher(store.url, redis_url, tmp_path):
        until(lambda: store.ask(OPEN) == 0, what="the mark of the second one")
    assert len(receiver.received) == 2
    assert len({one.event_id for one in receiver.received}) == 1
    assert store.rows("SELECT attempts, published_at IS NOT NULL FROM outbox") == [(2, True)]


def test_dispatchers_killed_at_random_tell_everybody_and_repeat_themselves_only_under_the_same_id(
    store, redis_url, receiver, tmp_path
):
    ids = [ended(store, receiver.url, log=f"log {number}") for number in range(120)]

    def slowly(handler, received) -> None:
        handler.server.stopping.wait(0.02)
        say(204)(handler, received)

    receiver.otherwise(slowly)
    for seen in (20, 60):
        with dispatcher(store.url, redis_url, tmp_path) as process:
            until(lambda seen=seen: len(receiver.received) > seen, what="some of them")
            process.kill()
            process.wait()
    with dispatcher(store.url, redis_url, tmp_path), dispatcher(store.url, redis_url, tmp_path):
        until(lambda: store.ask(OPEN) == 0, what="an empty outbox", timeout=30)
    by_event = {}
    for one in receiver.received:
        assert by_event.setdefault(one.event_id, one.event["id"]) == one.event["id"]
    assert sorted(by_event.values()) == sorted(ids)
    assert len(receiver.received) - 120 <= 2 * 4, "at most what was in flight when each of the two died"


def test_a_dispatcher_that_is_asked_to_end_finishes_what_it_sends(store, redis_url, receiver, tmp_path):
    def slowly(handler, received) -> None:
        handler.server.stopping.wait(1)
        say(204)(handler, received)

    receiver.otherwise(slowly)
    ended(store, receiver.url)
    with dispatcher(store.url, redis_url, tmp_path) as process:
        until(lambda: receiver.received)
        process.terminate()
        assert process.wait(10) == 0
    assert store.ask(OPEN) == 0
    assert len(receiver.received) == 1


def test_a_receiver_that_hangs_delays_neither_the_sweep_nor_the_end(store, redis_url, receiver, tmp_path):
    receiver.otherwise(receivers.hang)
    for number in range(20):
        ended(store, receiver.url, log=f"log {number}")
    with dispatcher(store.url, redis_url, tmp_path) as process:
        until(lambda: len(receiver.received) >= 4)
        due = store.added(log="due")
        late = store.added(log="late", deadline_seconds=0.001)
        until(lambda: store.column(due, "rung_at IS NOT NULL"), timeout=3, what="a ring")
        until(lambda: store.status(late) == "failed", timeout=3, what="a sweep")
        began = time.monotonic()
        process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - began < 6
    assert store.ask(OPEN) == 20
    log = (tmp_path / "dispatcher.log").read_text(encoding="utf-8")
    assert "Traceback" not in log


def test_several_dispatchers_count_and_delete(store, redis_url, tmp_path):
    """Statistics first, then retention; nothing is counted twice."""
    for number in range(30):
        analysis_id = store.completed(log=f"log {number}")
        store.run("ALTER TABLE analysis_results DISABLE TRIGGER ended_is_ended")
        store.set(analysis_id, f"finished_at = now() - interval '{95 if number < 20 else 2} days'")
    store.run("ALTER TABLE analysis_results ENABLE TRIGGER ended_is_ended")
    few = {"BIFROST_RETENTION__BATCH": "3", "BIFROST_RETENTION__PAUSE_SECONDS": "0.02"}
    with dispatcher(store.url, redis_url, tmp_path, **few), dispatcher(store.url, redis_url, tmp_path, **few):
        until(lambda: store.ask("SELECT count(*) FROM analysis_results") == 10, what="the old ones being gone")
        assert store.ask("SELECT sum(analyses) FROM analysis_metrics") == 30
