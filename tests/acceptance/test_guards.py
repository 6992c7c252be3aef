"""Breaker, limit and single flight through the real processes: a model is asked as little as can be, nobody is lost."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from app.client import Client, SubmitOptions
from app.domain.analyses import Status
from tests.support.model_behaviors import answer, error, slow
from tests.support.model_server import ModelServer
from tests.support.sample_logs import REFUSED
from tests.support.stacks import Running, providers_at, running
from tests.support.waiting import until

GUARDS = {
    "BIFROST_GUARDS__FAILURES": "4",
    "BIFROST_GUARDS__REST_SECONDS": "1",
    "BIFROST_GUARDS__REST_CAP_SECONDS": "2",
    "BIFROST_OLLAMA__CONCURRENCY": "2",
}
#: The most that ran at the same moment, by the times of their claims.
MOST_AT_A_TIME = """
    SELECT max((SELECT count(*) FROM analysis_attempts b WHERE b.stage = 'infer' AND b.provider = 'ollama'
        AND b.started_at <= a.started_at AND b.ended_at > a.started_at))
    FROM analysis_attempts a WHERE a.stage = 'infer' AND a.provider = 'ollama'
"""


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def bifrost(models, tmp_path_factory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("guards"), providers_at(models.url, read_timeout=20) | GUARDS) as started:
        yield started


def guards(bifrost: Running) -> dict[str, object]:
    ready = requests.get(f"{bifrost.stack.state.url}/health/ready", timeout=10)
    assert ready.status_code == 200, "a provider in trouble makes nobody unready"
    [found] = [check for check in ready.json()["checks"] if check["name"] == "guards"]
    return found


def metric(bifrost: Running, name: str) -> float:
    text = requests.get(f"{bifrost.stack.state.url}/metrics/prometheus", timeout=10).text
    found = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name)]
    return float(found[0]) if found else 0.0


def test_a_provider_that_fails_is_left_in_peace_until_one_call_finds_it_well(bifrost, models):
    models.otherwise(error("internal"))
    ids = [bifrost.submit(f"{REFUSED}{number}\n") for number in range(15)]
    try:
        until(lambda: not guards(bifrost)["ok"], what="an open breaker")
        assert "openai_compatible is not asked" in str(guards(bifrost)["detail"])
        assert metric(bifrost, 'provider_resting{provider="openai_compatible"}') == 1
        # all that had begun when it opened, and one for each rest since
        asked = len(models.requests)
        assert asked <= 15 + 2
        until(lambda: len(models.requests) > asked, timeout=5, what="a probe")
        assert len(models.requests) <= asked + 2
    finally:
        models.otherwise(answer())
    found = [bifrost.finished(analysis_id) for analysis_id in ids]
    assert {(one.status, one.provider, one.degraded) for one in found} == {
        (Status.COMPLETED, "openai_compatible", False)
    }
    assert metric(bifrost, 'provider_rests_total{provider="openai_compatible"}') >= 1
    until(lambda: guards(bifrost)["ok"], what="a closed breaker")


def test_a_limited_provider_gets_no_more_than_it_takes_and_no_worker_waits_for_it(bifrost, models):
    before = len(models.requests)
    models.otherwise(slow(0.02))
    try:
        ids = [bifrost.submit(f"{REFUSED}{number}\n", source="local") for number in range(10)]
        found = [bifrost.finished(analysis_id) for analysis_id in ids]
    finally:
        models.otherwise(answer())
    assert {(one.provider, one.degraded) for one in found} == {("ollama", False)}
    assert len(models.requests) - before == 10
    assert bifrost.rows(MOST_AT_A_TIME) == [(2,)]
    assert bifrost.rows("SELECT count(*) FROM analysis_attempts WHERE error->>'code' = 'provider_busy'") == [(0,)]


def test_twenty_identical_submissions_make_one_request_to_the_model(bifrost, models):
    everybody, before = threading.Event(), len(models.requests)
    say = answer()

    def patient(exchange) -> None:
        everybody.wait(20)
        say(exchange)

    def submit(_: int):
        client = Client(bifrost.stack.state.url, bifrost.stack.state.api_key)
        return client.submit(REFUSED, SubmitOptions(source="local", service_name="flight")).analysis

    models.otherwise(patient)
    try:
        with ThreadPoolExecutor(20) as pool:
            accepted = list(pool.map(submit, range(20)))
        everybody.set()
        found = [bifrost.finished(each.id) for each in accepted]
    finally:
        models.otherwise(answer())
    assert len(models.requests) - before == 1
    assert {each.status for each in found} == {Status.COMPLETED}
    assert {each.degraded for each in found} == {False}
    assert len({each.diagnosis for each in found}) == 1
    assert sorted(each.cached for each in found) == [False] + [True] * 19
    waiting = [each for each in accepted if each.raw["cached_from"] is not None]
    assert len(waiting) == 19
    assert not any(each.cached for each in waiting), "it waits for an answer, it has none yet"
