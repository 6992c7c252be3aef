import base64
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from app.broker import lists_of
from app.domain.errors import BrokerUnavailable
from app.domain.storage_ports import Doorbell
from app.services.dispatching import Dispatching, DispatchPolicy
from tests.support.stores import OLLAMA, at_once

ROOT = Path(__file__).parents[3]
POLICY = DispatchPolicy(window=5, window_infer=3, resend=15, lost=0.01, max_attempts=3, share=1)


@pytest.fixture
def dispatching(store, broker) -> Dispatching:
    return Dispatching(store.unit_of_work, broker, policy=POLICY)


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as made:
        yield made


def messages(client, queue: str = "prepare") -> list[tuple[str, list]]:
    """(task, arguments) of each message, in the order in which a worker takes them."""
    found = []
    for raw in (raw for name in lists_of(queue) for raw in reversed(client.lrange(name, 0, -1))):
        message = json.loads(raw)
        body = json.loads(base64.b64decode(message["body"]))
        found.append((message["headers"]["task"], body[0]))
    return found


def test_a_message_carries_a_task_name_and_an_id_and_nothing_of_the_log(store, dispatching, client):
    analysis_id = store.added(log="a very private log\n", metadata={"token": "a very private log"})
    assert dispatching.ring() == 1
    assert messages(client) == [("bifrost.prepare", [analysis_id])]
    everything = b"".join(raw for name in lists_of("prepare") for raw in client.lrange(name, 0, -1))
    assert b"private" not in base64.b64decode(json.loads(everything)["body"]) + everything


def test_each_stage_and_provider_has_its_queue_and_window(store, dispatching, client):
    first = [store.added() for _ in range(7)]
    second = [store.added(route=OLLAMA) for _ in range(4)]
    for analysis_id in second:
        store.store_prepared(store.claimed(analysis_id))
    assert dispatching.ring() == 5 + 3
    assert messages(client) == [("bifrost.prepare", [i]) for i in first[:5]]
    assert messages(client, "infer.ollama") == [("bifrost.infer", [i]) for i in second[:3]]
    assert dispatching.ring() == 0


def test_nothing_due_says_nothing_to_the_broker(dispatching, client):
    assert dispatching.ring() == 0
    dispatching.sweep()
    assert client.keys("*") == []


def test_what_a_flushed_broker_forgot_is_sent_again(store, dispatching, client):
    ids = [store.added() for _ in range(3)]
    dispatching.ring()
    dispatching.sweep()
    assert dispatching.ring() == 0, "the messages are still there: nothing was lost"
    client.flushdb()
    store.run("UPDATE analysis_results SET rung_at = rung_at - interval '1 second'")
    dispatching.sweep()
    assert dispatching.ring() == 3
    assert messages(client) == [("bifrost.prepare", [i]) for i in ids]


def test_sweeping_expires_leases_and_deadlines(store, dispatching):
    lost, late = store.added(), store.added(deadline_seconds=100)
    store.claimed(lost)
    store.lose_worker(lost)
    store.set(late, "deadline_at = now()")
    dispatching.sweep()
    assert (store.status(lost), store.status(late)) == ("queued", "failed")


def test_dispatchers_at_once_send_each_message_once(store, dispatching, client):
    from app.broker import CeleryBroker

    ids = [store.added() for _ in range(40)]
    wide = DispatchPolicy(window=1000, window_infer=1000, resend=15, lost=2, max_attempts=3, share=1)
    brokers = [CeleryBroker() for _ in range(4)]
    try:
        sent = at_once(4, lambda n: Dispatching(store.unit_of_work, brokers[n], policy=wide).ring())
    finally:
        for one in brokers:
            one.close()
    assert sum(sent) == 40
    assert sorted(one for _, arguments in messages(client) for one in arguments) == ids


def test_a_broker_that_cut_the_line_is_reached_again(broker, client):
    bell = Doorbell(analysis_id=1, queue="prepare")
    broker.ring([bell])
    client.client_kill_filter(skipme=True, _type="normal")
    tried = 0
    for _ in range(3):
        try:
            broker.ring([bell])
        except BrokerUnavailable:
            tried += 1
    assert tried <= 1
    assert broker.depth("prepare") >= 3
    assert broker.health().ok


def test_depth_counts_what_waits(broker, client):
    assert broker.depth("prepare") == 0
    broker.ring([Doorbell(analysis_id=number, queue="prepare") for number in range(3)])
    assert broker.depth("prepare") == 3
    assert broker.depth("infer.ollama") == 0


def test_a_broker_may_be_closed_and_used_again(broker):
    broker.close()
    broker.close()
    assert broker.depth("prepare") == 0


def test_a_mark_outlives_a_broker_that_is_away_and_the_message_is_sent_later(store):
    class Away:
        def ring(self, bells) -> None:
            raise BrokerUnavailable

        def depth(self, queue: str) -> int:
            raise BrokerUnavailable

        def recall(self, queue: str, analysis_ids) -> int:
            raise BrokerUnavailable

    analysis_id = store.added()
    away = Dispatching(store.unit_of_work, Away(), policy=POLICY)
    with pytest.raises(BrokerUnavailable):
        away.ring()
    away.sweep()
    assert store.due() == []
    store.run("UPDATE analysis_results SET rung_at = rung_at - interval '15 seconds'")
    assert store.forget_lost(older_than=2) == 1
    assert store.due() == [analysis_id]


#: In a process of its own: Celery's configuration is read once.
REFUSED = """
import time
from app.broker import CeleryBroker
from app.domain.errors import BrokerUnavailable
from app.domain.storage_ports import Doorbell
broker = CeleryBroker()
began = time.monotonic()
bell = Doorbell(analysis_id=1, queue="prepare")
for ask in (lambda: broker.ring([bell]), lambda: broker.depth("prepare"), broker.health):
    try:
        ask()
    except BrokerUnavailable:
        print("unavailable")
broker.close()
print("quickly" if time.monotonic() - began < 10 else "slowly")
"""


SILENT = """
import time
from app.broker import CeleryBroker
from app.domain.errors import BrokerUnavailable
began = time.monotonic()
try:
    CeleryBroker().health()
except BrokerUnavailable:
    print("unavailable")
print("in time" if time.monotonic() - began < 5 else "too late")
"""


def run(code: str, **environ: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_broker_that_is_not_there_is_unavailable_at_once():
    ended = run(REFUSED, BIFROST_REDIS_URL="redis://:secret@127.0.0.1:1/0")
    assert ended.stdout.split() == ["unavailable"] * 3 + ["quickly"], ended.stderr
    assert "secret" not in ended.stdout + ended.stderr


def test_without_a_broker_in_the_configuration_it_says_what_to_set():
    ended = run("from app.broker import CeleryBroker; CeleryBroker().health()")
    assert ended.returncode != 0
    assert "BIFROST_REDIS_URL" in ended.stderr


def test_importing_the_broker_needs_no_configuration():
    assert run("import app.broker, app.container").returncode == 0


def test_a_broker_that_is_silent_is_unavailable_before_a_probe_gives_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ended = run(SILENT, BIFROST_REDIS_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
    assert ended.stdout.splitlines() == ["unavailable", "in time"], ended.stderr
