"""A running analysis ends within a second of its cancel or its deadline, and its model hears it."""

import time
from collections.abc import Iterator

import pytest

from app.domain.analyses import Status
from tests.support.model_behaviors import Behavior, endless, hang, hang_inside
from tests.support.model_server import ModelServer, Recorded
from tests.support.sample_logs import OOM
from tests.support.stacks import Running, providers_at, running
from tests.support.waiting import until

#: The heartbeat would tell it too, but not within a second.
SLOW_HEART = {"BIFROST_WORKER__HEARTBEAT_SECONDS": "20", "BIFROST_WORKER__LEASE_SECONDS": "60"}
SECOND = 1.0


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def bifrost(models, tmp_path_factory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cancelling"), providers_at(models.url, read_timeout=60) | SLOW_HEART) as it:
        yield it


def asked(models: ModelServer, play: Behavior, bifrost: Running, **options) -> tuple[int, Recorded]:
    """The id of an analysis whose model has been asked, and the question."""
    before = len(models.requests)
    models.script(play)
    analysis_id = bifrost.submit(OOM, **options)
    until(lambda: len(models.requests) > before, what="the model being asked")
    return analysis_id, models.requests[before]


@pytest.mark.parametrize("source", ["local", "cloud", "auto"])
@pytest.mark.parametrize("play", [hang, hang_inside, endless])
def test_a_cancelled_call_ends_within_a_second_and_the_provider_sees_it_close(bifrost, models, source, play):
    analysis_id, question = asked(models, play(), bifrost, source=source)
    began = time.monotonic()
    bifrost.client.cancel(analysis_id)
    assert question.closed_early.wait(SECOND)
    found = bifrost.finished(analysis_id, timeout=max(0.01, began + SECOND - time.monotonic()))
    assert found.status is Status.CANCELLED
    assert time.monotonic() - began < SECOND


@pytest.mark.parametrize("source", ["local", "cloud", "auto"])
@pytest.mark.parametrize("play", [hang, hang_inside, endless])
def test_a_late_call_ends_at_its_deadline_and_the_provider_sees_it_close(bifrost, models, source, play):
    analysis_id, question = asked(models, play(), bifrost, source=source, deadline_seconds=2)
    assert question.closed_early.wait(2 + SECOND)
    found = bifrost.finished(analysis_id, timeout=SECOND)
    assert (found.status, found.error.code) == (Status.FAILED, "deadline_exceeded")
    assert 2 <= found.duration_seconds < 2.5


def test_a_cancelled_call_is_not_asked_again(bifrost, models):
    analysis_id, _ = asked(models, hang(), bifrost, source="local")
    bifrost.client.cancel(analysis_id)
    bifrost.finished(analysis_id)
    attempts = "SELECT stage, outcome FROM analysis_attempts WHERE analysis_id = %s ORDER BY epoch"
    assert bifrost.rows(attempts, analysis_id) == [("prepare", "prepared"), ("infer", "cancelled")]


def test_after_an_outage_of_the_listening_a_cancel_is_heard_again(bifrost, models):
    analysis_id, question = asked(models, hang(), bifrost, source="local")
    listening = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN bifrost_stop'"
    assert len(bifrost.rows(listening)) >= 2, "every process that works listens"
    bifrost.client.cancel(analysis_id)
    assert question.closed_early.wait(5), "heard, or asked for when the worker listened again"
    assert bifrost.finished(analysis_id).status is Status.CANCELLED
