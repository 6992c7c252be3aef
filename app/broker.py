"""The doorbell: our Celery object, which knows queues and task names and holds no task, and how to ring it."""

import base64
import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from app.domain.analyses import ALONE_QUEUE, Priority
from app.domain.errors import BrokerUnavailable
from app.domain.ports import Health
from app.domain.storage_ports import Doorbell


class _Connection(Connection):
    """Looks for a broker that went away every few seconds, where kombu would wait longer and longer, up to 30."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        """As kombu's."""
        return super().ensure_connection(*args, **{"interval_step": 1, "interval_max": 3, **options})


class _Amqp(AMQP):
    """Celery's, with our connections."""

    Connection = _Connection


#: Read on first use, so that importing this module needs no configuration.
celery = Celery("bifrost", amqp=_Amqp)
celery.config_from_object("celeryconfig")

#: Beginning of the queue's name -> the task that answers it.
TASKS: Mapping[str, str] = {"prepare": "bifrost.prepare", "infer": "bifrost.infer"}
#: Queues of each kind of worker.
QUEUES: Mapping[str, tuple[str, ...]] = {
    # its children take one message at a time, and the process that forks them none
    "prepare": ("prepare", ALONE_QUEUE),
    "infer": ("infer.ollama", "infer.bedrock", "infer.openai_compatible"),
}
#: kombu keeps a list for each of these steps, and a worker empties them in this order.
_STEPS: Mapping[Priority, int] = {Priority.CRITICAL: 0, Priority.HIGH: 3, Priority.NORMAL: 6, Priority.LOW: 9}
_STEP_MARK = "\x06\x16"
#: A broker that takes longer to answer a ping is as good as away.
_HEALTH_SECONDS = 1.0
#: Light analyses that share a message at most; and below as many in all, each has a message of its own.
_MOST_IN_A_MESSAGE = 8


def lists_of(queue: str) -> tuple[str, ...]:
    """The names of a queue's lists in Redis, the most urgent first."""
    return tuple(_list_of(queue, priority) for priority in _STEPS)


class CeleryBroker:
    """`ports.Broker` on Celery's transport."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._frames: dict[str, _Frame] = {}

    def ring(self, bells: Sequence[Doorbell]) -> None:
        """Send, all in one round trip. Raises `BrokerUnavailable`; whatever was sent by then stays sent."""
        with self._redis() as redis:
            pipeline = redis.pipeline(transaction=False)
            for (queue, priority), group in itertools.groupby(bells, lambda bell: (bell.queue, bell.priority)):
                frame = self._frame(queue)
                messages = (frame.message(ids, priority) for ids in _shared(tuple(group)))
                pipeline.lpush(_list_of(queue, priority), *messages)
            pipeline.execute()

    def depth(self, queue: str) -> int:
        """Messages waiting in a queue. Raises `BrokerUnavailable`."""
        with self._redis() as redis:
            pipeline = redis.pipeline(transaction=False)
            for name in lists_of(queue):
                pipeline.llen(name)
            return sum(pipeline.execute())

    def recall(self, queue: str, analysis_ids: Sequence[int]) -> int:
        """Take the messages for these out of the queue again. Raises `BrokerUnavailable`."""
        wanted = frozenset(analysis_ids)
        with self._redis() as redis:
            pipeline = redis.pipeline(transaction=False)
            for name in lists_of(queue):
                pipeline.lrange(name, 0, -1)
            found = zip(lists_of(queue), pipeline.execute(), strict=True)
            ours = [
                (name, message, len(ids))
                for name, messages in found
                for message in messages
                if (ids := wanted.intersection(ids_in(message)))
            ]
            for name, message, _ in ours:
                pipeline.lrem(name, 1, message)
            removed = pipeline.execute() if ours else ()
            return sum(count for (*_, count), gone in zip(ours, removed, strict=True) if gone)

    def health(self) -> Health:
        """Does it answer? Raises `BrokerUnavailable`. On a connection of its own: whoever asks does not wait long."""
        options = {"max_retries": 0, "socket_timeout": _HEALTH_SECONDS, "socket_connect_timeout": _HEALTH_SECONDS}
        try:
            with celery.connection_for_write(transport_options=options) as connection:
                channel: Any = connection.default_channel
                channel.client.ping()
        except (OperationalError, RedisError, OSError) as error:
            raise BrokerUnavailable(retry_after=2) from error
        return Health(name="broker", ok=True, detail="answers")

    def close(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    def _frame(self, queue: str) -> "_Frame":
        frame = self._frames.get(queue)
        if frame is None:
            frame = self._frames[queue] = _Frame(queue)
        return frame

    @contextmanager
    def _redis(self) -> Iterator[Any]:
        """The client of one connection, kept; thrown away with the first error."""
        if self._connection is None:
            # kombu would try again for 6 seconds; whoever asks here does so itself
            self._connection = celery.connection_for_write(transport_options={"max_retries": 0})
        try:
            channel: Any = self._connection.default_channel
            yield channel.client
        except (OperationalError, RedisError, OSError) as error:
            self.close()
            raise BrokerUnavailable(retry_after=2) from error


class _Frame:
    """What all messages of a queue have in common, as Celery makes it.

    `send_task` takes 400 µs a message, a round trip included; filling in the frame takes 20. A test compares the two.
    """

    def __init__(self, queue: str) -> None:
        self._queue = queue
        task = celery.amqp.create_task_message("", TASKS[queue.partition(".")[0]], (0,), {}, ignore_result=None)
        self._headers, self._properties, (_, self._keywords, self._embed) = task[:3]

    def message(self, analysis_ids: Sequence[int], priority: Priority) -> bytes:
        """What goes into the list: kombu's envelope around Celery's message."""
        task_id = str(uuid.uuid4())
        body = orjson.dumps((analysis_ids, self._keywords, self._embed))
        return orjson.dumps(
            {
                "body": base64.b64encode(body).decode(),
                "content-encoding": "utf-8",
                "content-type": "application/json",
                "headers": {
                    **self._headers,
                    "id": task_id,
                    "root_id": task_id,
                    "argsrepr": repr(tuple(analysis_ids)),
                },
                "properties": {
                    **self._properties,
                    "correlation_id": task_id,
                    "delivery_mode": 2,
                    "delivery_info": {"exchange": "", "routing_key": self._queue},
                    "priority": _STEPS[priority],
                    "body_encoding": "base64",
                    "delivery_tag": str(uuid.uuid4()),
                },
            }
        )


def ids_in(message: bytes) -> Sequence[int]:
    """The analyses a message rings for; none when it is not one of ours."""
    try:
        return tuple(map(int, orjson.loads(base64.b64decode(orjson.loads(message)["body"]))[0]))
    except (ValueError, LookupError, TypeError):
        return ()


def _shared(bells: Sequence[Doorbell]) -> Iterator[tuple[int, ...]]:
    """The ids of each message. In a crowd the light ones share, as Celery's part would cost more than their work."""
    size = min(_MOST_IN_A_MESSAGE, -(-len(bells) // _MOST_IN_A_MESSAGE))
    for light, group in itertools.groupby(bells, lambda bell: bell.light):
        for ids in _chunks([bell.analysis_id for bell in group], size if light else 1):
            yield tuple(ids)


def _chunks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _list_of(queue: str, priority: Priority) -> str:
    step = _STEPS[priority]
    return f"{queue}{_STEP_MARK}{step}" if step else queue
