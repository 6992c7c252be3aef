"""The relay with real receivers: everybody is told, in order, whatever the receivers do."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.container import Container
from app.domain.analyses import CacheMode, Conclusion, Failure, Source, Status
from app.domain.errors import DeadlineExceeded
from app.publishers import signing
from tests.support import receivers
from tests.support.receivers import KEY, Receiver, say
from tests.support.stores import Store
from tests.support.waiting import until
from worker.dispatcher.relay import Relay

pytestmark = pytest.mark.integration

OPEN = "SELECT count(*) FROM outbox WHERE published_at IS NULL AND dead_at IS NULL"


@contextmanager
def relaying(*containers: Container) -> Iterator[None]:
    """A relay for each, as in dispatchers of their own."""
    ended = threading.Event()
    relays = [Relay(container, ended) for container in containers]
    threads = [threading.Thread(target=relay.run, daemon=True) for relay in relays]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for relay in relays:
            relay.stop()
        for thread in threads:
            thread.join(15)
            assert not thread.is_alive()


def submit(store: Store, container: Container, url: str, **changes) -> int:
    wanted = {"callback": {"kind": "webhook", "url": url}, "source": Source.RULES, "cache": CacheMode.OFF} | changes
    return container.analyses.submit(store.submission(**wanted)).analysis.id


def ended(store: Store, container: Container, url: str, **changes) -> int:
    """The id of a cancelled analysis that somebody wants to be told of."""
    analysis_id = submit(store, container, url, **changes)
    container.analyses.cancel(store.project, analysis_id)
    return analysis_id


def again(store: Store, analysis_id: int) -> None:
    """It goes again and is cancelled again: a second event of the same key."""
    store.set(analysis_id, "status = 'queued', finished_at = NULL, epoch = epoch + 1")
    store.cancel(analysis_id)


def told(store: Store) -> None:
    until(lambda: store.ask(OPEN) == 0, what="an empty outbox", timeout=20)


def test_every_kind_of_end_is_told(store, parts, receiver):
    here = parts()
    completed = submit(store, here, receiver.url)
    here.execution.prepare(completed, owner="test")
    cached = submit(store, here, receiver.url, cache=CacheMode.EXACT)
    cancelled = ended(store, here, receiver.url, log="another")
    late = submit(store, here, receiver.url, deadline_seconds=100)
    store.set(late, "deadline_at = now()")
    lost = submit(store, here, receiver.url)
    store.claimed(lost)
    store.lose_worker(lost)
    failed = submit(store, here, receiver.url)
    store.conclude(store.claimed(failed), Conclusion(status=Status.FAILED, error=Failure.of(DeadlineExceeded())))
    store.expire_deadlines()
    store.expire_leases(max_attempts=1)
    with relaying(here):
        told(store)
    found = {one.event["id"]: (one.event["type"], one.event["status"]) for one in receiver.received}
    assert found == {
        completed: ("analysis.completed", "completed"),
        cached: ("analysis.completed", "completed"),
        cancelled: ("analysis.cancelled", "cancelled"),
        late: ("analysis.failed", "failed"),
        lost: ("analysis.failed", "failed"),
        failed: ("analysis.failed", "failed"),
    }
    for one in receiver.received:
        stamp = int(one.headers["webhook-timestamp"])
        assert signing.headers(one.event_id, one.body, timestamp=stamp, keys=[KEY]).items() <= one.headers.items()
        assert "log_content" not in one.event


def test_two_relays_tell_each_event_once_and_in_the_order_of_its_key(store, parts, receiver):
    receiver.script(*(say(status) for status in (500, 204, 503, 204, 500) * 4))
    one, other = parts(), parts()
    ids = [ended(store, one, receiver.url) for _ in range(12)]
    for analysis_id in ids:
        again(store, analysis_id)
        again(store, analysis_id)
    with relaying(one, other):
        told(store)
    place = {str(row[0]): row[1] for row in store.rows("SELECT event_id, id FROM outbox")}
    first = {received.event_id: received.event["id"] for received in reversed(receiver.received)}
    assert len(first) == 36
    assert store.ask("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL") == 36
    for analysis_id in ids:
        order = [place[r.event_id] for r in receiver.received if r.event["id"] == analysis_id]
        assert order == sorted(order), "an event came before an earlier one was through"
    assert len(receiver.received) == 36 + 12, "twelve were refused once, and nothing was sent twice"


def test_a_refused_event_is_tried_on_its_schedule_with_its_reason_and_then_given_up(store, parts, receiver):
    receiver.otherwise(say(500))
    here = parts()
    ended(store, here, receiver.url)
    with relaying(here):
        told(store)
    assert len(receiver.received) == 4
    assert len({one.event_id for one in receiver.received}) == 1
    (row,) = store.rows("SELECT attempts, error->>'code', dead_at IS NOT NULL, published_at FROM outbox")
    assert row == (4, "delivery_failed", True, None)


def test_a_receiver_that_is_gone_is_asked_no_more(store, parts, receiver):
    receiver.otherwise(say(410))
    here = parts()
    ended(store, here, receiver.url)
    with relaying(here):
        told(store)
    assert len(receiver.received) == 1
    assert store.rows("SELECT attempts, error->>'code' FROM outbox") == [(1, "receiver_gone")]


def test_a_wish_to_wait_is_respected(store, parts, receiver):
    receiver.script(say(429, Retry_After="3600"))
    here = parts()
    ended(store, here, receiver.url)
    with relaying(here):
        until(lambda: store.ask("SELECT next_attempt_at > now() + interval '55 minutes' FROM outbox"))
    assert len(receiver.received) == 1


def test_a_receiver_that_hangs_holds_up_nobody_else(store, parts, receiver):
    with Receiver() as slow:
        slow.otherwise(receivers.hang)
        here = parts(outbox={"concurrency": 6, "per_receiver": 2})
        for number in range(30):
            ended(store, here, slow.url, log=f"slow {number}")
        quick = [ended(store, here, receiver.url, log=f"quick {number}") for number in range(20)]
        with relaying(here):
            until(lambda: len(receiver.received) == 20, timeout=4)
            assert {one.event["id"] for one in receiver.received} == set(quick)
            assert slow.busiest <= 2
            slow.server.stopping.set()
        assert receiver.busiest <= 2


def test_what_is_published_for_longer_than_the_lease_stays_with_its_publisher(store, parts, receiver):
    def slowly(handler, received) -> None:
        handler.server.stopping.wait(2.5)
        say(204)(handler, received)

    receiver.otherwise(slowly)
    one, other = (parts(outbox={"lease_seconds": 1}) for _ in range(2))
    ended(store, one, receiver.url)
    with relaying(one, other):
        told(store)
    assert len(receiver.received) == 1


def test_a_relay_that_ends_finishes_what_it_sends(store, parts, receiver):
    def slowly(handler, received) -> None:
        handler.server.stopping.wait(1)
        say(204)(handler, received)

    receiver.otherwise(slowly)
    here = parts()
    ended(store, here, receiver.url)
    with relaying(here):
        until(lambda: receiver.received)
    assert store.ask(OPEN) == 0


def test_an_event_of_a_kind_nobody_here_speaks_waits(store, parts, receiver):
    here = parts()
    analysis_id = ended(store, here, receiver.url)
    store.run("""UPDATE outbox SET callback = '{"kind": "kafka"}'""")
    other = ended(store, here, receiver.url, log="another")
    with relaying(here):
        until(lambda: receiver.received)
        until(lambda: store.ask(OPEN) == 1)
    assert receiver.received[0].event["id"] == other
    assert store.ask("SELECT analysis_id FROM outbox WHERE published_at IS NULL") == analysis_id


def test_a_database_that_cuts_every_session_stops_no_relay(store, parts, receiver):
    here = parts()
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = :name"
    with relaying(here):
        for number in range(10):
            ended(store, here, receiver.url, log=f"log {number}")
            if number % 3 == 0:
                store.engine.dispose()
                store.run(cut, name=store.ask("SELECT current_database()"))
                until(lambda: _works(here), what="a pool that has noticed")
        told(store)
    seen = Counter(one.event_id for one in receiver.received)
    assert len(seen) == 10


def _works(here: Container) -> bool:
    try:
        here.announcing.depths()
    except Exception:  # noqa: BLE001 - the sessions that were cut
        return False
    return True


def test_a_slow_receiver_delays_no_statement_of_others(store, parts, receiver):
    """While a receiver has an event, no transaction is open and no row is locked."""
    receiver.otherwise(receivers.hang)
    here = parts()
    analysis_id = ended(store, here, receiver.url)
    with relaying(here):
        until(lambda: receiver.received)
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = :name"
        assert store.ask(idle, name=store.ask("SELECT current_database()")) == 0
        began = time.monotonic()
        again(store, analysis_id)
        store.run("SELECT 1 FROM outbox FOR UPDATE NOWAIT")
        assert time.monotonic() - began < 1
        receiver.server.stopping.set()
