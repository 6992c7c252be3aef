"""A model call that kills its process is given up; hundreds of others share that process, and none fails with it."""

from collections import Counter
from collections.abc import Iterator

import pytest

from app.domain.analyses import Status
from tests.support.brittle_worker import KILLS_CALLER, brittle_worker
from tests.support.model_behaviors import answer
from tests.support.model_server import ModelServer
from tests.support.sample_logs import OOM
from tests.support.stacks import Running, providers_at, running
from tests.support.waiting import until

pytestmark = pytest.mark.acceptance
NEIGHBORS = 4
_RUNNING = "SELECT count(*) FROM analysis_results WHERE id = ANY(%s) AND stage = 'infer' AND status = 'running'"
_LOST = """
    SELECT analysis_id, count(*) FROM analysis_attempts WHERE analysis_id = ANY(%s) AND outcome = 'lost' GROUP BY 1
"""
_QUEUES = "SELECT DISTINCT queue FROM analysis_results WHERE id = ANY(%s)"


@pytest.fixture(scope="module")
def bifrost(tmp_path_factory) -> Iterator[Running]:
    with ModelServer() as models:
        # long enough that each neighbor is still asking when the process dies
        models.otherwise(answer(pause=0.2))
        more = providers_at(models.url) | {"BIFROST_OLLAMA__CONCURRENCY": "0"}
        with (
            running(tmp_path_factory.mktemp("calls"), more) as started,
            brittle_worker(started.stack, "prepare", "infer"),
        ):
            assert started.answered(OOM, source="local").status is Status.COMPLETED
            yield started


def lost(bifrost: Running, ids: list[int]) -> Counter[int]:
    return Counter(dict(bifrost.rows(_LOST, ids)))


def test_a_poisonous_call_fails_and_none_of_its_neighbors_does(bifrost):
    neighbors = [bifrost.submit(f"{OOM}neighbor {number}\n", source="local") for number in range(NEIGHBORS)]
    until(lambda: bifrost.rows(_RUNNING, neighbors) == [(NEIGHBORS,)], what="all of them asking")
    first = bifrost.submit(f"{OOM}{KILLS_CALLER} 1\n", source="local")
    suspicion = ("infer.alone",)
    until(lambda: suspicion in bifrost.rows(_QUEUES, neighbors), timeout=60, what="a neighbor under suspicion")
    # and while some have a single attempt left, another one comes
    second = bifrost.submit(f"{OOM}{KILLS_CALLER} 2\n", source="local")
    ended = {number: bifrost.finished(number, timeout=90) for number in neighbors}
    assert {found.status for found in ended.values()} == {Status.COMPLETED}, ended
    assert not any(found.degraded for found in ended.values())
    assert max(found.attempts for found in ended.values()) <= 3
    # twice, unless one was just waiting for its turn
    assert max(lost(bifrost, neighbors).values()) == 2, "they did share the fate of the first one"
    for poison in (first, second):
        found = bifrost.finished(poison, timeout=60)
        assert (found.status, found.error.code, found.attempts) == (Status.FAILED, "worker_lost", 3)
    assert lost(bifrost, [first, second]) == {first: 3, second: 3}


def test_nothing_is_alone_that_lost_no_worker(bifrost):
    found = bifrost.submit(f"{OOM}calm\n", source="local")
    assert bifrost.finished(found).status is Status.COMPLETED
    assert bifrost.rows(_QUEUES, [found]) == [("infer.ollama",)]
