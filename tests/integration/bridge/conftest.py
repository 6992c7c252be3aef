import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from app.container import Container, build
from app.settings import Settings
from tests.support.heimdall import Heimdall
from tests.support.kafka import REAL
from tests.support.stores import Store
from worker.bridge import process
from worker.bridge.tally import Tally, bridge_name


class Bridge:
    """All parts of a bridge's process, in threads of the test's."""

    def __init__(self, settings: Settings) -> None:
        self.parts: Container = build(settings)
        self.tally = Tally(name=bridge_name(), started_at=self.parts.clock.now())
        self._ended = threading.Event()
        project_id = self.parts.intake.project()
        self._thread = threading.Thread(
            target=process.work, args=(self.parts, project_id, self.tally, self._ended), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Once more does no harm."""
        self._ended.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the bridge does not end"
        self.parts.close()


def settings_of(heimdall: Heimdall, url: str, **kafka: object) -> Settings:
    return Settings.model_validate(
        {
            "database": {"url": url, "statement_timeout": 3},
            "redis": {"url": "redis://127.0.0.1:1/0"},
            "worker": {"shutdown_seconds": 3},
            "kafka": {
                "bootstrap_servers": heimdall.bootstrap_servers,
                "request_topic": heimdall.requests,
                "result_topic": heimdall.results,
                "dead_letter_topic": heimdall.dead,
                "group_id": heimdall.group,
                "source": "rules",
                "publish_poll_seconds": 0.05,
                "delivery_timeout": 2,
                # a member hears of a rebalance with its next heartbeat
                "properties": {"heartbeat.interval.ms": "200"},
                # the mock gathers the members of a group for nearly as long; a real broker refuses less than 6
                "session_timeout": 6 if REAL else 2,
            }
            | kafka,
        }
    )


@pytest.fixture
def bridge(store: Store) -> Iterator[Callable[..., Bridge]]:
    """Makes running bridges over the test's database; each is stopped at the end."""
    with ExitStack() as running:

        def make(heimdall: Heimdall, url: str = "", **kafka: object) -> Bridge:
            return running.enter_context(_running(settings_of(heimdall, url or store.url, **kafka)))

        yield make


@contextmanager
def _running(settings: Settings) -> Iterator[Bridge]:
    made = Bridge(settings)
    try:
        yield made
    finally:
        made.stop()
