"""The help of `heimdall topics` tells what is made."""

import pytest

from app.cli.heimdall import topics
from app.kafka.topics import Topic, agreed
from app.settings import Kafka

pytestmark = pytest.mark.unit


def told(topic: Topic) -> str:
    many = "partition" if topic.partitions == 1 else "partitions"
    days = f"{topic.retention_seconds / 86_400:g} days"
    return f"{topic.partitions} {many}, replication {topic.replication}, kept for {days}"


def test_the_help_tells_of_each_kind_of_topic_what_it_is_made_with():
    requests, results, dead = agreed(Kafka())
    said = " ".join((topics.help or "").split())
    assert f"Requests and results: {told(requests)}." in said
    assert told(requests) == told(results)
    assert f"Dead letters: {told(dead)}." in said
