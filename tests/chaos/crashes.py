"""Deaths exactly between two steps, and everything at once."""

import os
import signal
import time
from contextlib import suppress
from functools import partial

from tests.chaos.arena import Arena
from tests.chaos.events import missing
from tests.chaos.faults import LAST_WORDS, TROUBLES, kill
from tests.support.proxy import Mode
from tests.support.waiting import until


def die_at(arena: Arena, *points: str) -> None:
    """The next process to come by each of the points dies there."""
    arena.at_random(0.2, 0.6)
    with arena.fault(f"death at {', '.join(points)}"):
        for point in points:
            arena.site.points.arm(point)
        until(lambda: not any(map(arena.site.points.armed, points)), what=f"somebody dying at {points}")
        arena.models_answer()
    arena.recover()


def crash_points_of_web(arena: Arena) -> None:
    for point in ("analyses.add.executed", "analyses.add.committed"):
        die_at(arena, point)


def crash_points_of_the_dispatcher(arena: Arena) -> None:
    for point in ("dispatch.due.executed", "broker.ring.before", "broker.ring.after"):
        die_at(arena, point)
    # a worker dies, then who notices; each step of a sweep commits itself, so only another death is noticed again
    for point in ("dispatch.expire_leases.executed", "dispatch.expire_leases.committed"):
        die_at(arena, "provider.complete.before", point)
    # claimed and not told; told, and not marked as told; marked, and nobody knows
    for point in ("outbox.claim.committed", "outbox.published.before", "outbox.published.executed"):
        die_at(arena, point)


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
        stop, go_on = (partial(site.signal, kind, number) for number in (signal.SIGSTOP, signal.SIGCONT))
        arena.for_a_while(arena.chance.uniform(0.5, 5), stop, go_on)

    def black_hole() -> None:
        arena.for_a_while(
            arena.chance.uniform(1, 4), lambda: setattr(site.redis, "mode", Mode.BLACK_HOLE), site.let_pass
        )

    def postgres_away() -> None:
        arena.for_a_while(arena.chance.uniform(0.5, 3), site.stop_postgres, site.start_postgres)

    def redis_away() -> None:
        arena.for_a_while(arena.chance.uniform(0.5, 3), site.stop_redis, site.start_redis)

    deeds = [
        *(lambda kind=kind: kill(arena, site.pids(kind)) for kind in ("infer", "prepare", "dispatcher", "web")),
        *(lambda kind=kind: kill(arena, site.children(kind)) for kind in ("prepare", "web")),
        *(lambda proxy=proxy: proxy.reset() for proxy in (site.postgres, site.redis, site.provider)),
        *(lambda kind=kind: _terminate(site.pids(kind)) for kind in ("infer", "prepare")),
        site.flush_redis,
        site.crash_postgres,
        *(lambda words=words: site.postgres.cut_after(words, 2) for words in LAST_WORDS.values()),
        freeze,
        black_hole,
        postgres_away,
        redis_away,
    ]
    arena.models_do({play: 6 if name == "answer" else 1 for name, play in TROUBLES.items()})

    def enough() -> None:
        arena.models_answer()
        site.postgres.cut_after(b"", 0)
        site.wait_ready()

    with arena.fault("everything", undo=enough), missing(arena.receiver, 0.2, arena.chance):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            arena.chance.choice(deeds)()
            arena.at_random(0.2, 1.5)
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
