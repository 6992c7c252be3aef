"""What the dispatcher asks PostgreSQL in each of its looks, while 10,000 analyses wait."""

import time
from collections.abc import Callable
from pathlib import Path

from app.domain.storage_ports import DueOrder
from app.embedded import EmbeddedServers
from app.storage.schema import upgrade
from app.supervisor import Supervisor
from tests.bench.measures import Measure, percentile
from tests.support.stores import Store

GROUP = "the dispatcher's statements with 10,000 queued"
ORDER = DueOrder(window=64, aging=60, share=0.75)
FULL = DueOrder(window=0, aging=60, share=0.75)


def dispatching(directory: Path, *, rounds: int) -> list[Measure]:
    """Each statement `rounds` times, its round trip and commit included."""
    with (
        Supervisor(directory=directory) as supervisor,
        EmbeddedServers(directory, supervisor=supervisor, durable=True) as servers,
        Store(str(servers.database_url)) as store,
    ):
        upgrade(store.url)
        store.empty()
        store.crowd()
        return [measure for name, ask in _questions(store).items() for measure in _timed(name, ask, store, rounds)]


def _questions(store: Store) -> dict[str, Callable[[], object]]:
    def asks(ask: Callable[..., object]) -> Callable[[], object]:
        def run() -> object:
            with store.unit_of_work.single() as tx:
                return ask(tx.dispatch)

        return run

    return {
        "choose and mark 32": asks(lambda each: each.due("prepare", ORDER)),
        "the same while the window is full": asks(lambda each: each.due("prepare", FULL)),
        "queues with something waiting": asks(lambda each: each.queues()),
        "rings that were lost": asks(lambda each: each.forget_lost("prepare", older_than=2)),
        "rings that are late": asks(lambda each: each.overdue("prepare", older_than=15)),
        "leases that are over": asks(lambda each: each.expire_leases(max_attempts=3)),
        "deadlines that are over": asks(lambda each: each.expire_deadlines()),
        "followers without a leader": asks(lambda each: each.repair_followers()),
    }


def _timed(name: str, ask: Callable[[], object], store: Store, rounds: int) -> list[Measure]:
    seconds: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
        # what was marked waits again
        store.run("UPDATE analysis_results SET rung_at = NULL, rings = 0 WHERE rung_at IS NOT NULL")
    return [
        Measure(group=GROUP, name=f"{name}, p{percent}", value=percentile(seconds, percent) * 1000, unit="ms")
        for percent in (50, 95)
    ]
