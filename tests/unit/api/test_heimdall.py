"""How the bridges are, told to people and to Prometheus."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.errors import StorageUnavailable
from app.domain.records import BridgeState, PartitionState
from tests.support.parts import READER, STRANGER, SUBMITTER

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)


def bridge(name: str, *, age: float = 0.0, lag: int | None = 3) -> BridgeState:
    part = PartitionState(topic="analysis.request", partition=0, committed=7, end=10, lag=lag, paused=True)
    return BridgeState(
        name=name,
        started_at=NOW,
        connected=True,
        reading=False,
        detail="enough is waiting",
        received=9,
        accepted=6,
        known=2,
        dead=1,
        published=4,
        partitions=(part,),
        seen_at=NOW,
        age=age,
    )


def test_the_status_tells_of_every_bridge(client, parts):
    parts.bridges.running = (bridge("a:1:x"),)
    answer = client.get("/api/v1/heimdall/status", headers={"X-API-Key": READER})
    assert answer.status_code == 200
    [found] = answer.json["bridges"]
    assert (found["name"], found["reading"], found["accepted"]) == ("a:1:x", False, 6)
    assert found["partitions"] == [
        {"topic": "analysis.request", "partition": 0, "committed": 7, "end": 10, "lag": 3, "paused": True}
    ]


def test_the_status_needs_a_key_that_may_read(client):
    assert client.get("/api/v1/heimdall/status").status_code == 401
    assert client.get("/api/v1/heimdall/status", headers={"X-API-Key": SUBMITTER}).status_code == 403


def test_the_status_concerns_one_project_and_no_other(client):
    answer = client.get("/api/v1/heimdall/status", headers={"X-API-Key": STRANGER})
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert "kafka.project" in answer.json["detail"]


def test_a_partition_is_told_once_by_who_spoke_last(client, parts):
    parts.bridges.running = (bridge("new", lag=1), bridge("killed", age=9.0, lag=8))
    text = client.get("/metrics/prometheus").text
    assert 'kafka_consumer_lag{partition="0",topic="analysis.request"} 1.0' in text
    assert text.count("kafka_consumer_lag{") == 1
    assert 'kafka_paused{bridge="new"} 1.0' in text
    assert 'kafka_connected{bridge="killed"} 1.0' in text


def test_the_lag_of_what_nobody_holds_is_told_until_somebody_does(client, parts):
    idle = replace(bridge("idle"), partitions=(), unheld=bridge("x", lag=5).partitions)
    parts.bridges.running = (idle,)
    line = 'kafka_consumer_lag{partition="0",topic="analysis.request"}'
    assert f"{line} 5.0" in client.get("/metrics/prometheus").text
    parts.bridges.running = (idle, bridge("holder", age=1.0, lag=4))
    assert f"{line} 4.0" in client.get("/metrics/prometheus").text


def test_a_lag_that_is_not_known_is_not_told(client, parts):
    parts.bridges.running = (bridge("a", lag=None),)
    assert "kafka_consumer_lag{" not in client.get("/metrics/prometheus").text


def test_without_the_database_the_rest_is_still_told(client, parts):
    parts.bridges.fault = StorageUnavailable()
    assert "python_info" in client.get("/metrics/prometheus").text
