"""The doorbell: our Celery object, which knows queues and task names and holds no task, and how to ring it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from app.domain.errors import BrokerUnavailable
from app.domain.ports import Doorbell, Health

#: Read on first use, so that importing this module needs no configuration.
celery = Celery("bifrost")
celery.config_from_object("celeryconfig")

#: Beginning of the queue's name -> the task that answers it.
TASKS: Mapping[str, str] = {"prepare": "bifrost.prepare", "infer": "bifrost.infer"}
#: Queues of each kind of worker.
QUEUES: Mapping[str, tuple[str, ...]] = {
    "prepare": ("prepare",),
    "infer": ("infer.ollama", "infer.bedrock", "infer.openai_compatible"),
}


class CeleryBroker:
    """`ports.Broker` on Celery's transport."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def ring(self, bells: Sequence[Doorbell]) -> None:
        """Send. Raises `BrokerUnavailable`; whatever was sent by then stays sent."""
        with self._open() as connection, celery.amqp.Producer(connection, auto_declare=False) as producer:
            for bell in bells:
                name = TASKS[bell.queue.partition(".")[0]]
                celery.send_task(name, (bell.analysis_id,), queue=bell.queue, producer=producer, retry=False)

    def depth(self, queue: str) -> int:
        """Messages waiting in a queue. Raises `BrokerUnavailable`."""
        with self._open() as connection:
            return int(connection.default_channel.client.llen(queue))

    def health(self) -> Health:
        """Does it answer? Raises `BrokerUnavailable`."""
        with self._open() as connection:
            connection.default_channel.client.ping()
        return Health(name="broker", ok=True, detail="answers")

    def close(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """One connection, kept; thrown away with the first error."""
        if self._connection is None:
            # kombu would try again for 6 seconds; whoever asks here does so itself
            self._connection = celery.connection_for_write(transport_options={"max_retries": 0})
        try:
            yield self._connection
        except (OperationalError, RedisError, OSError) as error:
            self.close()
            raise BrokerUnavailable(retry_after=2) from error
