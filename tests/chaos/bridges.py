"""A site with a mock of Kafka and a bridge, and what is done to these."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import requests

from app.supervisor import Child
from tests.chaos.arena import Arena
from tests.chaos.brokers import AWAY, BACK
from tests.chaos.faults import kill
from tests.chaos.sites import ROOT, Site
from tests.support.heimdall import Heimdall
from tests.support.stacks import environ
from tests.support.waiting import until

_SETTINGS = {
    # the mock gathers the members of a group for nearly as long
    "BIFROST_KAFKA__SESSION_TIMEOUT": "2",
    "BIFROST_KAFKA__PROPERTIES__HEARTBEAT_INTERVAL_MS": "300",
    "BIFROST_KAFKA__DELIVERY_TIMEOUT": "5",
    # the key's: how the bridges are is told to their own project only
    "BIFROST_KAFKA__PROJECT": "chaos",
}


class BridgedSite(Site):
    """`site.heimdall` knows the brokers."""

    KINDS = (*Site.KINDS, "bridge")
    SERVERS = (*Site.SERVERS, "kafka")
    PARTS = (*Site.PARTS, "heimdall")

    def start_servers(self) -> Mapping[str, str]:
        more = super().start_servers()
        argv = (sys.executable, "-P", "-m", "tests.chaos.brokers", str(self._file))
        env = environ(self.directory) | {"PYTHONPATH": str(ROOT)}
        self.supervisor.start(Child(name="kafka", argv=argv, env=env))
        until(self._file.exists, what="the mock of Kafka")
        return {**more, **self.heimdall.settings, **_SETTINGS}

    @property
    def heimdall(self) -> Heimdall:
        return Heimdall(bootstrap_servers=self._file.read_text(encoding="utf-8").split()[1])

    def kafka_away(self) -> None:
        """What the brokers hold stays."""
        self._tell(AWAY, "down")

    def kafka_back(self) -> None:
        self._tell(BACK, "up")

    def sharing(self) -> set[str]:
        """Process ids of the bridges that run and have partitions; a name is `host:pid:token`."""
        answer = requests.get(f"{self.url}/api/v1/heimdall/status", headers={"X-API-Key": self.api_key}, timeout=5)
        found = {one["name"].split(":")[-2] for one in answer.json()["bridges"] if one["partitions"]}
        return found & {str(pid) for pid in self.pids("bridge")}

    @property
    def _file(self) -> Path:
        return self.directory / "kafka"

    def _tell(self, number: int, state: str) -> None:
        for pid in self.pids("kafka"):
            os.kill(pid, number)
        until(lambda: self._file.read_text(encoding="utf-8").startswith(state), what=f"brokers {state}")


def kill_the_bridge(arena: Arena) -> None:
    arena.again_and_again(3, "kill -9 of the bridge", lambda: kill(arena, arena.site.pids("bridge")))


def stop_kafka(arena: Arena, seconds: float = 30) -> None:
    arena.at_random()
    with arena.fault(f"Kafka away for {seconds:g} s", undo=arena.site.kafka_back):
        arena.site.kafka_away()
        time.sleep(seconds)
    arena.recover()


def rebalance(arena: Arena) -> None:
    """Another bridge joins, one of the two is killed, and the other one leaves."""
    site = arena.site
    arena.at_random()
    try:
        with arena.fault("a bridge joins"):
            site.start("bridge-2")
            until(lambda: len(site.sharing()) == 2, timeout=30, what="two bridges sharing")
        arena.recover()
        arena.again_and_again(1, "kill -9 of one of two bridges", lambda: kill(arena, site.pids("bridge")))
        with arena.fault("a bridge leaves"):
            site.stop("bridge-2")
        arena.recover()
    finally:
        site.stop("bridge-2")
