"""Kafka for tests: the mock cluster, or the real one that BIFROST_TEST_KAFKA names; each test has topics of its own."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from app.embedded.mock_kafka import MockKafka
from tests.support.heimdall import Heimdall

REAL = os.environ.get("BIFROST_TEST_KAFKA")  # noqa: TID251 - a setting of the tests, not of Bifrost


@pytest.fixture(scope="session")
def mock_kafka() -> Iterator[MockKafka]:
    with MockKafka({}) as running:
        yield running


@pytest.fixture
def heimdall(request: pytest.FixtureRequest) -> Iterator[Heimdall]:
    """With fresh topics, on whichever Kafka there is."""
    with topics(None if REAL else request.getfixturevalue("mock_kafka")) as made:
        yield made


@pytest.fixture
def mocked_heimdall(mock_kafka: MockKafka) -> Iterator[Heimdall]:
    """On the mock in any case: for tests that take the brokers down."""
    with topics(mock_kafka) as made:
        yield made


@contextmanager
def topics(mock: MockKafka | None) -> Iterator[Heimdall]:
    """A Heimdall with three topics that nobody else uses."""
    mark = uuid.uuid4().hex[:12]
    names = {f"{mark}.request": 3, f"{mark}.result": 3, f"{mark}.dead": 1}
    found = Heimdall(
        bootstrap_servers=mock.bootstrap_servers if mock else str(REAL),
        requests=f"{mark}.request",
        results=f"{mark}.result",
        dead=f"{mark}.dead",
        group=mark,
    )
    if mock:
        for name, partitions in names.items():
            mock.create(name, partitions)
        yield found
        return
    admin = AdminClient({"bootstrap.servers": found.bootstrap_servers})
    for each in admin.create_topics([NewTopic(name, count, 1) for name, count in names.items()]).values():
        each.result(20)
    try:
        yield found
    finally:
        for each in admin.delete_topics(list(names)).values():
            each.result(20)
