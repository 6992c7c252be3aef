"""Short forms of the chaos suite: a few of its cases, its load and its judge. `make chaos` does all of it."""

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest

from tests.chaos import crashes, faults
from tests.chaos.cases import Case
from tests.chaos.runs import run_case
from tests.chaos.sites import LEASE, Site, wait_gone
from tests.support.model_server import ModelServer
from tests.support.receivers import Receiver

pytestmark = pytest.mark.acceptance
CASES = {
    "freeze infer": Case(run=partial(faults.freeze, kind="infer", seconds=LEASE + 1)),
    "Redis away": Case(run=partial(faults.stop_redis, seconds=2), fails={faults.LATE: "deadline_exceeded"}),
    "PostgreSQL away": Case(run=partial(faults.stop_postgres, seconds=3), refused=1),
    "answers to writes lost": Case(run=partial(faults.lose_answers, rounds=1)),
    "crash points": Case(
        run=lambda arena: crashes.die_at(
            arena,
            "broker.ring.before",
            "claims.claim.committed",
            "provider.complete.after",
            "claims.conclude.executed",
            "dispatch.expire_leases.executed",
        )
    ),
}


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture(scope="module")
def site(models, tmp_path_factory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("chaos"), urlsplit(models.url).port) as made:
        yield made
    assert wait_gone(made) == {}


@pytest.mark.parametrize("name", CASES)
def test_what_was_accepted_ends_once_and_is_told(site, models, receiver, name):
    outcome = run_case(name, CASES[name], site, (models, receiver), seed=1)
    assert outcome.broken == []
