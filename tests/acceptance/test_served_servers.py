"""The same main job on servers that somebody else runs: those of the environment, else the distribution's."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.analyses import Status
from tests.support.sample_logs import OOM, SAMPLES
from tests.support.served import Served, distribution_postgres, serving
from tests.support.stacks import Running, assert_true_to, processes, running
from tests.support.waiting import until

WANTED = {"BIFROST_TEST_DATABASE_URL", "BIFROST_TEST_REDIS_URL"}
GIVEN = set(os.environ) >= WANTED  # noqa: TID251 - settings of the tests, not of Bifrost

pytestmark = pytest.mark.skipif(
    not GIVEN and distribution_postgres() is None,
    reason=f"no PostgreSQL but the embedded one: install it, or set {' and '.join(sorted(WANTED))}",
)


@pytest.fixture(scope="module")
def served(request, tmp_path_factory) -> Iterator[Served]:
    if not GIVEN:
        with serving(tmp_path_factory.mktemp("served")) as found:
            yield found
        return
    servers, name = request.getfixturevalue("servers"), f"bifrost_served_{os.getpid()}"
    servers.execute(f"CREATE DATABASE {name}")
    try:
        yield Served(database_url=servers.url_of(name), redis_url=servers.redis_url)
    finally:
        servers.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def bifrost(served, tmp_path_factory) -> Iterator[Running]:
    settings = {"DATABASE_URL": served.database_url, "REDIS_URL": served.redis_url}
    with running(tmp_path_factory.mktemp("on_served"), settings) as started:
        yield started


def test_only_our_own_processes_are_started(bifrost):
    assert set(bifrost.stack.supervisor.pids()) == {"web", "prepare", "infer", "dispatcher"}
    assert not (bifrost.stack.directory / "postgres").exists()


@pytest.mark.parametrize("name", SAMPLES)
def test_the_rules_tell_what_is_wrong_and_prove_it(bifrost, name):
    log, something_is_wrong = SAMPLES[name]
    found = bifrost.answered(log, source="rules")
    assert (found.status, found.diagnosis.issues_found) == (Status.COMPLETED, something_is_wrong)
    assert_true_to(log, found)


def test_many_from_many_clients_are_all_completed_once(bifrost):
    with ThreadPoolExecutor(10) as pool:
        ids = list(pool.map(lambda n: bifrost.submit(f"{OOM}{n}\n", source="rules", service_name="crowd"), range(100)))
    ended = "SELECT count(*) FROM analysis_results WHERE service_name = 'crowd' AND status = 'completed' AND epoch = 1"
    until(lambda: bifrost.rows(ended) == [(100,)], timeout=60)
    assert len(set(ids)) == 100


def test_stopping_leaves_the_servers_and_their_data_alone(bifrost, served, tmp_path):
    """A second Bifrost on the same servers comes and goes."""
    settings = {"DATABASE_URL": served.database_url, "REDIS_URL": served.redis_url}
    with running(tmp_path, settings) as second:
        kept = second.answered(OOM, source="rules")
        directory = second.stack.directory
    until(lambda: not processes(directory))
    assert bifrost.client.get(kept.id).diagnosis == kept.diagnosis
    assert bifrost.answered(OOM, source="rules").diagnosis == kept.diagnosis
