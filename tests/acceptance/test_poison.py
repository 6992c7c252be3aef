"""A log that kills whoever reads it is given up, and its neighbors hardly notice."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.analyses import Status
from tests.support.brittle_worker import KILLS, brittle_worker
from tests.support.sample_logs import OOM
from tests.support.stacks import Running, running


@pytest.fixture(scope="module")
def bifrost(tmp_path_factory) -> Iterator[Running]:
    # leases and rings that outlive the test: the worker itself says what died with its child
    patient = {
        "BIFROST_WORKER__LEASE_SECONDS": "600",
        "BIFROST_DISPATCHER__RESEND_SECONDS": "600",
        "BIFROST_DISPATCHER__LOST_SECONDS": "600",
    }
    with running(tmp_path_factory.mktemp("poison"), patient) as started, brittle_worker(started.stack):
        assert started.answered(OOM, source="rules").status is Status.COMPLETED
        yield started


def neighbors(bifrost: Running, ended: object) -> list[float]:
    """Seconds that others took, a few at a time, until `ended()`."""

    def one(number: int) -> float:
        found = bifrost.answered(f"{OOM}neighbor {time.monotonic()} {number}\n", source="rules")
        assert found.status is Status.COMPLETED
        return found.duration_seconds

    took: list[float] = []
    with ThreadPoolExecutor(3) as pool:
        while not ended():
            took += pool.map(one, range(3))
    return sorted(took)


def test_a_log_that_kills_its_worker_fails_and_does_not_circulate(bifrost):
    began = time.monotonic()
    calm = neighbors(bifrost, lambda: time.monotonic() - began > 4)
    poisons = [bifrost.submit(f"{OOM}{KILLS} {number}\n", source="rules") for number in range(2)]
    open_ = "SELECT count(*) FROM analysis_results WHERE id = ANY(%s) AND finished_at IS NULL"
    began = time.monotonic()
    took = neighbors(bifrost, lambda: bifrost.rows(open_, poisons) == [(0,)] or time.monotonic() - began > 90)
    for poison in poisons:
        found = bifrost.finished(poison, timeout=1)
        assert (found.status, found.error.code, found.attempts) == (Status.FAILED, "worker_lost", 3)
    outcomes = "SELECT outcome, count(*) FROM analysis_attempts WHERE analysis_id = ANY(%s) GROUP BY 1"
    assert bifrost.rows(outcomes, poisons) == [("lost", 6)]
    # while a child replaces a dead one, one or both are missing: a few wait for that, most do not notice
    assert took[len(took) // 2] < 5 * calm[len(calm) // 2] + 0.5, (calm, took)
    # once in a while the main process notices a death only with its look at all children every 5 s
    assert took[-1] < calm[-1] + 15, (calm, took)
    lost = "SELECT count(*) FROM analysis_attempts WHERE outcome = 'lost' AND NOT analysis_id = ANY(%s)"
    assert bifrost.rows(lost, poisons) == [(0,)], "no neighbor died with it"


def test_what_was_given_up_is_a_dead_letter_until_somebody_discards_it(bifrost):
    letters = bifrost.client.dead_letters
    poison = bifrost.submit(f"{OOM}{KILLS} again\n", source="rules")
    assert bifrost.finished(poison, timeout=60).error.code == "worker_lost"
    assert f"analysis-{poison}" in {letter["id"] for letter in letters.list({"code": "worker_lost"})}
    told = letters.get(f"analysis-{poison}")["attempts"]
    assert [attempt["outcome"] for attempt in told] == ["lost", "lost", "lost"]
    letters.discard(f"analysis-{poison}")
    assert f"analysis-{poison}" not in {letter["id"] for letter in letters.list()}
