"""What is in Redis: messages as Celery makes them, each analysis once, urgent ones in front."""

import base64
import json

import orjson
import pytest
import redis
from kombu.transport.redis import Channel

from app.broker import TASKS, CeleryBroker, celery, ids_in, lists_of
from app.domain.analyses import Priority
from app.domain.storage_ports import Doorbell
from app.services.dispatching import Dispatching, DispatchPolicy
from tests.support.stores import at_once

POLICY = DispatchPolicy(window=64, window_infer=500, resend=15, lost=2, max_attempts=3)
LOW, NORMAL, HIGH, CRITICAL = Priority


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as made:
        yield made


def raw(client, queue: str = "prepare") -> list[bytes]:
    """Each message, in the order in which a worker takes them."""
    return [message for name in lists_of(queue) for message in reversed(client.lrange(name, 0, -1))]


def ids(client, queue: str = "prepare") -> list[int]:
    return [analysis_id for message in raw(client, queue) for analysis_id in ids_in(message)]


def bell(number: int, **changes) -> Doorbell:
    return Doorbell(**{"analysis_id": number, "queue": "prepare"} | changes)


@pytest.mark.parametrize("queue", ["prepare", "infer.ollama"])
def test_a_message_is_what_celery_itself_would_send(broker, client, queue):
    broker.ring([bell(7, queue=queue, priority=CRITICAL)])
    with celery.connection_for_write() as connection, celery.amqp.Producer(connection, auto_declare=False) as producer:
        task = TASKS[queue.partition(".")[0]]
        celery.send_task(task, (7,), queue=queue, producer=producer, retry=False, priority=0)
    ours, theirs = (json.loads(message) for message in raw(client, queue))
    own = {("headers", "id"), ("headers", "root_id"), ("headers", "origin")}
    own |= {("properties", name) for name in ("correlation_id", "delivery_tag", "reply_to")}
    for part, name in own:
        assert type(ours[part].pop(name)) is type(theirs[part].pop(name))
    bodies = [orjson.loads(base64.b64decode(message.pop("body"))) for message in (ours, theirs)]
    assert bodies[0] == bodies[1]
    assert ours == theirs


def test_the_lists_are_those_that_kombu_reads_in_this_order():
    steps = Channel.priority_steps
    assert lists_of("prepare") == ("prepare", *(f"prepare{Channel.sep}{step}" for step in steps[1:]))


def test_the_more_urgent_overtakes_what_is_in_the_queue_already(broker, client):
    broker.ring([bell(1, priority=LOW), bell(2, priority=LOW)])
    broker.ring([bell(3, priority=NORMAL), bell(4, priority=CRITICAL), bell(5, priority=HIGH)])
    broker.ring([bell(6, priority=CRITICAL)])
    assert ids(client) == [4, 6, 5, 3, 1, 2]
    assert broker.depth("prepare") == 6


def test_a_few_go_alone_and_in_a_crowd_the_light_ones_share_a_message(broker, client):
    broker.ring([bell(number, light=True) for number in range(8)])
    assert [ids_in(message) for message in raw(client)] == [(number,) for number in range(8)]
    client.flushdb()
    broker.ring([bell(number, light=True) for number in range(32)])
    assert [len(ids_in(message)) for message in raw(client)] == [4] * 8
    assert ids(client) == list(range(32))
    client.flushdb()
    broker.ring([bell(number, light=number % 10 != 5) for number in range(200)])
    messages = [ids_in(message) for message in raw(client)]
    assert max(map(len, messages)) == 8
    assert {(number,) for number in range(5, 200, 10)} <= set(messages), "what is not light goes alone"


def test_messages_are_taken_back_by_their_ids_and_no_others(broker, client):
    broker.ring([bell(number, priority=Priority(number % 4)) for number in range(12)])
    client.lpush("prepare", b"not one of ours")
    assert broker.recall("prepare", [3, 4, 5, 99]) == 3
    assert sorted(ids(client)) == [0, 1, 2, 6, 7, 8, 9, 10, 11]
    assert broker.recall("prepare", [3]) == 0
    assert broker.depth("prepare") == 10


def test_of_ten_thousand_queued_each_is_in_redis_once_and_no_more_than_a_window(store, redis_url, client, broker):
    """Two dispatchers ring and sweep as fast as they can, a worker takes what it finds; time passes in between."""
    for priority in Priority:
        store.flood(2_500, priority=priority)
    brokers = [CeleryBroker(), CeleryBroker()]
    dispatchers = [Dispatching(store.unit_of_work, each, policy=POLICY) for each in brokers]
    taken: list[int] = []

    def look(number: int) -> None:
        for _ in range(3):
            dispatchers[number].ring()
        dispatchers[number].sweep()

    try:
        for turn in range(16):
            assert at_once(2, look) == [None, None]
            # where both swept last, what was late has been taken back and waits for the next look
            dispatchers[turn % 2].ring()
            waiting = ids(client)
            assert len(waiting) == len(set(waiting)), "each once"
            # a dispatcher whose turn fell into the other one's has left some for the next
            assert 0 < len(waiting) <= 48, "the part of the window that one project may fill"
            assert sum(client.llen(name) for name in lists_of("prepare")) <= 64
            if turn % 4 == 3:  # nobody answers for a while: a deep queue is not a lossy one
                store.run("UPDATE analysis_results SET rung_at = rung_at - interval '20 minutes'")
                continue
            for name in lists_of("prepare"):
                while message := client.rpop(name):
                    taken += ids_in(message)
            store.run(
                """UPDATE analysis_results SET status = 'cancelled', finished_at = now()
                WHERE id = ANY(:ids) AND finished_at IS NULL""",
                ids=taken,
            )
    finally:
        for each in brokers:
            each.close()
    assert 12 < len(taken) == len(set(taken)) <= 12 * 48


def test_what_only_waits_too_long_in_a_deep_queue_gets_no_second_message(store, broker, client):
    dispatching = Dispatching(store.unit_of_work, broker, policy=POLICY)
    low = store.added(priority=LOW)
    dispatching.ring()
    store.run("UPDATE analysis_results SET rung_at = now() - interval '16 s', run_at = now() - interval '200 s'")
    dispatching.sweep()
    dispatching.ring()
    assert ids(client) == [low]
    assert client.llen("prepare") == 1, "it has become as urgent as a critical one meanwhile"


def test_of_a_queue_that_lost_some_only_the_lost_are_sent_again(store, broker, client):
    dispatching = Dispatching(store.unit_of_work, broker, policy=POLICY)
    every = [store.added() for _ in range(6)]
    dispatching.ring()
    broker.recall("prepare", every[:3])
    store.run("UPDATE analysis_results SET rung_at = rung_at - interval '16 seconds'")
    dispatching.sweep()
    dispatching.ring()
    assert sorted(ids(client)) == every
