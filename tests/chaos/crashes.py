"""Deaths exactly between two steps, and everything at once."""

import os
import signal
import time
from contextlib import suppress

from tests.chaos.arena import Arena
from tests.chaos.faults import TROUBLES, kill
from tests.support.proxy import Mode
from tests.support.waiting import until


def die_at(arena: Arena, *points: str) -> None:
    """The next process to come by each of the points dies there."""
    arena.at_random(0.2, 0.6)
    with arena.fault(f"death at {', '.join(points)}"):
        for point in points:
            arena.site.points.arm(point)
        until(lambda: not any(map(arena.site.points.armed, points)), what=f"somebody dying at {points}")
    arena.recover()


def crash_points_of_web(arena: Arena) -> None:
    for point in ("analyses.add.executed", "analyses.add.committed"):
        die_at(arena, point)


def crash_points_of_the_dispatcher(arena: Arena) -> None:
    for point in ("dispatch.due.executed", "broker.ring.before", "broker.ring.after"):
        die_at(arena, point)
    # a worker dies, and then who notices, and who notices after that
    die_at(arena, "provider.complete.before", "dispatch.expire_leases.executed", "dispatch.expire_leases.committed")


def crash_points_of_workers(arena: Arena) -> None:
    die_at(arena, "claims.claim.executed", "claims.store_prepared.committed", "claims.conclude.executed")
    die_at(arena, "claims.claim.committed", "claims.store_prepared.executed", "claims.conclude.committed")
    die_at(arena, "provider.complete.after")
    arena.models_do({TROUBLES["reset"]: 1, TROUBLES["answer"]: 1})
    die_at(arena, "claims.give_back.executed", "claims.give_back.committed")


def everything(arena: Arena, seconds: float = 30) -> None:
    """One fault after the other, before anything could recover."""
    site = arena.site

    def freeze() -> None:
        kind = arena.chance.choice(("infer", "prepare", "dispatcher"))
        site.signal(kind, signal.SIGSTOP)
        time.sleep(arena.chance.uniform(0.5, 5))
        site.signal(kind, signal.SIGCONT)

    def black_hole() -> None:
        site.redis.mode = Mode.BLACK_HOLE
        time.sleep(arena.chance.uniform(1, 4))
        site.redis.mode = Mode.PASS

    def postgres_away() -> None:
        site.stop_postgres()
        time.sleep(arena.chance.uniform(0.5, 3))
        site.start_postgres()

    def redis_away() -> None:
        site.stop_redis()
        time.sleep(arena.chance.uniform(0.5, 3))
        site.start_redis()

    deeds = [
        *(lambda kind=kind: kill(arena, site.pids(kind)) for kind in ("infer", "prepare", "dispatcher", "web")),
        *(lambda kind=kind: kill(arena, site.children(kind)) for kind in ("prepare", "web")),
        *(lambda proxy=proxy: proxy.reset() for proxy in (site.postgres, site.redis, site.provider)),
        *(lambda pids=pids: _terminate(pids) for pids in ([*site.pids("infer")], [*site.pids("prepare")])),
        site.flush_redis,
        site.crash_postgres,
        lambda: site.postgres.cut_after(b"COMMIT\x00", 2),
        freeze,
        black_hole,
        postgres_away,
        redis_away,
    ]
    arena.models_do({play: 6 if name == "answer" else 1 for name, play in TROUBLES.items()})
    with arena.fault("everything"):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            arena.chance.choice(deeds)()
            arena.at_random(0.2, 1.5)
        arena.models_answer()
        site.wait_ready()
    arena.recover()


def kill_the_supervisor(arena: Arena) -> None:
    """`up` itself, and with it everything; then it is started again."""
    arena.at_random(1, 2)
    with arena.fault("kill -9 of `up`"):
        arena.site.kill()
        arena.site.start()
    arena.recover()


def _terminate(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
