"""The cases: what is done to a site under load, and what more than the invariants must hold."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos import bridges, crashes, faults
from tests.chaos.arena import Arena
from tests.chaos.bridges import BridgedSite
from tests.chaos.failpoints import POISON
from tests.chaos.sites import GUARDED, LEASE, Site
from tests.chaos.ups import UpSite


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """`limit`: seconds that any recovery may take. The rest: what must have been seen, lest the case proved nothing."""

    run: Callable[[Arena], None]
    limit: float = 30.0
    #: Callers may find nobody there.
    away: bool = False
    fenced: int = 0
    refused: int = 0
    #: A provider must have been left in peace.
    breaks: bool = False
    #: No attempt may be lost: whoever was stopped handed its work back.
    nothing_lost: bool = False
    #: Part of a key -> the error that every such analysis must end with; no other one may fail.
    fails: Mapping[str, str] = field(default_factory=dict)
    #: A Heimdall asks, too; recovery is what it sees. For a site with brokers.
    heimdall: bool = False
    #: A site of its own, from a directory and the model server's port; None: that of the other cases.
    site: Callable[[Path, int], AbstractContextManager[Any]] | None = None


def _few_attempts(directory: Path, model_port: int) -> Site:
    return Site(directory, model_port, {"BIFROST_WORKER__MAX_ATTEMPTS": "3"})


def _guarded(directory: Path, model_port: int) -> Site:
    return Site(directory, model_port, GUARDED)


CASES: Mapping[str, Case] = {
    "kill a prefork child": Case(run=faults.kill_a_child_of_prepare, limit=LEASE + 10),
    "kill prepare": Case(run=faults.kill_prepare, limit=LEASE + 10),
    "kill infer": Case(run=faults.kill_infer, limit=LEASE + 10),
    "kill the dispatcher": Case(run=faults.kill_the_dispatcher, limit=10),
    "kill web": Case(run=faults.kill_web, limit=15, away=True),
    "freeze infer": Case(run=faults.freeze_infer, fenced=1),
    "freeze prepare": Case(run=faults.freeze_prepare),
    "restart Redis": Case(run=faults.restart_redis),
    "flush Redis": Case(run=faults.flush_redis),
    "Redis away": Case(run=faults.stop_redis, fails={faults.LATE: "deadline_exceeded"}),
    "Redis in a black hole": Case(run=faults.black_hole_redis),
    "crash PostgreSQL": Case(run=faults.restart_postgres, refused=1),
    "PostgreSQL away": Case(run=faults.stop_postgres, refused=1),
    "break connections": Case(run=faults.break_connections),
    "slow network": Case(run=faults.slow_network),
    "answers to writes lost": Case(run=faults.lose_answers),
    "models hang": Case(run=faults.hanging_models),
    "models fail": Case(run=faults.failing_models),
    "models fail, with breakers": Case(run=faults.failing_models, breaks=True, site=_guarded),
    "models throttle": Case(run=faults.throttling_models),
    "models cut streams": Case(run=faults.cut_streams),
    "receivers fail": Case(run=faults.failing_receiver),
    "rolling restart": Case(run=faults.rolling_restart, nothing_lost=True),
    "crash points of web": Case(run=crashes.crash_points_of_web, away=True),
    "crash points of the dispatcher": Case(run=crashes.crash_points_of_the_dispatcher),
    "crash points of workers": Case(run=crashes.crash_points_of_workers),
    "everything": Case(run=crashes.everything, limit=60, away=True),
    "everything, with breakers": Case(run=crashes.everything, limit=60, away=True, site=_guarded),
    "kill the bridge": Case(run=bridges.kill_the_bridge, heimdall=True, site=BridgedSite),
    "Kafka away": Case(run=bridges.stop_kafka, heimdall=True, site=BridgedSite),
    "bridges join and die": Case(run=bridges.rebalance, heimdall=True, site=BridgedSite),
    "PostgreSQL away from the bridge": Case(
        run=partial(faults.stop_postgres, seconds=6), refused=1, heimdall=True, site=BridgedSite
    ),
    "poison": Case(run=faults.poison, limit=60, fails={POISON: "worker_lost"}, site=_few_attempts),
    "kill the supervisor": Case(run=crashes.kill_the_supervisor, limit=LEASE + 10, away=True, site=UpSite),
}
