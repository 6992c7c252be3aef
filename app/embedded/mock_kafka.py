"""Kafka's protocol without a broker: librdkafka's mock cluster. In memory, without persistence, on loopback only.

As a process: `python -m app.embedded.mock_kafka FILE` writes its address into FILE and runs until SIGTERM. It knows
groups, offsets, headers and idempotent producers; it has no administration (topics come into being when they are
named) and keeps 5 MB of each partition.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from app.domain.errors import ConfigurationInvalid, Unavailable

#: The topics of Heimdall, and how many partitions each has.
TOPICS: Mapping[str, int] = MappingProxyType({"analysis.request": 3, "analysis.result": 3, "dlq.failed": 1})
_PRODUCER = 0
_EVERY_BROKER = -1
#: A real broker gathers the members of a new group for 3 s.
_GATHER_MS = 100


class MockKafka:
    """`with MockKafka() as kafka: kafka.bootstrap_servers`. Topics: name -> partitions."""

    def __init__(self, topics: Mapping[str, int] = TOPICS, *, brokers: int = 2) -> None:
        self._topics = topics
        self._brokers = brokers
        self._library = _library()
        self._handle: int | None = None
        self._cluster: int | None = None
        self.bootstrap_servers = ""

    def __enter__(self) -> Self:
        """Start it. Raises `Unavailable` when it cannot."""
        library, problem = self._library, ctypes.create_string_buffer(512)
        conf = library.rd_kafka_conf_new()
        # it is no client of anybody, and need not say so
        library.rd_kafka_conf_set(conf, b"log_level", b"0", problem, len(problem))
        self._handle = library.rd_kafka_new(_PRODUCER, conf, problem, len(problem))
        if not self._handle:
            raise Unavailable(f"The mock of Kafka does not start: {problem.value.decode(errors='replace')}")
        self._cluster = library.rd_kafka_mock_cluster_new(self._handle, self._brokers)
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, _GATHER_MS)
        for name, partitions in self._topics.items():
            self.create(name, partitions)
        self.bootstrap_servers = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        return self

    def __exit__(self, *_: object) -> None:
        """Everything in it is gone."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)
        self._cluster = self._handle = None

    def create(self, topic: str, partitions: int) -> None:
        """A topic. One that is there stays as it is."""
        self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, self._brokers)

    def down(self) -> None:
        """No broker answers any more; what they hold stays."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, _EVERY_BROKER)

    def up(self) -> None:
        """They answer again."""
        self._library.rd_kafka_mock_broker_set_up(self._cluster, _EVERY_BROKER)

    def refuse(self, topic: str, code: int) -> None:
        """Whoever asks for this topic gets this error of Kafka's protocol; 0: none any more."""
        self._library.rd_kafka_mock_topic_set_error(self._cluster, topic.encode(), code)

    def lead(self, topic: str, partition: int, broker: int) -> None:
        """Let another broker (from 1) lead a partition."""
        self._library.rd_kafka_mock_partition_set_leader(self._cluster, topic.encode(), partition, broker)


def _library() -> ctypes.CDLL:
    """The library that the Python client brings along."""
    import confluent_kafka

    package = Path(confluent_kafka.__file__).parent
    # beside the package on Linux, inside it on macOS
    places = (package.parent / "confluent_kafka.libs", package / ".dylibs")
    found = [path for place in places for path in sorted(place.glob("librdkafka*"))]
    if not found:
        raise ConfigurationInvalid("The mock of Kafka needs confluent-kafka as a wheel, with librdkafka in it.")
    library = ctypes.CDLL(str(found[0]))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, arguments in (
        ("rd_kafka_conf_new", pointer, ()),
        ("rd_kafka_conf_set", number, (pointer, text, text, text, ctypes.c_size_t)),
        ("rd_kafka_new", pointer, (number, pointer, text, ctypes.c_size_t)),
        ("rd_kafka_destroy", None, (pointer,)),
        ("rd_kafka_mock_cluster_new", pointer, (pointer, number)),
        ("rd_kafka_mock_cluster_destroy", None, (pointer,)),
        ("rd_kafka_mock_cluster_bootstraps", text, (pointer,)),
        ("rd_kafka_mock_topic_create", number, (pointer, text, number, number)),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, (pointer, ctypes.c_int32)),
        ("rd_kafka_mock_topic_set_error", None, (pointer, text, number)),
        ("rd_kafka_mock_broker_set_down", number, (pointer, ctypes.c_int32)),
        ("rd_kafka_mock_broker_set_up", number, (pointer, ctypes.c_int32)),
        ("rd_kafka_mock_partition_set_leader", number, (pointer, text, ctypes.c_int32, ctypes.c_int32)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def main(arguments: list[str]) -> None:
    """The process."""
    file = Path(arguments[0])
    signals = {signal.SIGTERM, signal.SIGINT}
    # before any thread of the library is there, so that the signals come to this one
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with MockKafka() as kafka:
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        fresh.write_text(kafka.bootstrap_servers, encoding="utf-8")
        fresh.replace(file)
        signal.sigwait(signals)


if __name__ == "__main__":
    main(sys.argv[1:])
