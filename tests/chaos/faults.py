"""What is done to a site under load, one kind of fault each, and undone."""

import os
import signal
import time
from contextlib import suppress

import requests

from app.storage import claims, direct
from tests.chaos.arena import Arena
from tests.chaos.events import missing
from tests.chaos.failpoints import POISON
from tests.chaos.sites import LEASE
from tests.support.model_behaviors import answer, error, hang, hang_inside, reset, throttle, truncated
from tests.support.proxy import Mode
from tests.support.waiting import until

#: What is sent before an answer is lost: of a transaction, and of the steps that are one prepared statement each.
LAST_WORDS = {
    "COMMIT": b"COMMIT\x00",
    **{
        name: f"EXECUTE {direct._made(statement).name}".encode()
        for name, statement in {
            "claims": claims._CLAIM,
            "preparations": claims._HAND_ON,
            "conclusions by rules": claims._CONCLUDE,
            "conclusions by models": claims._CONCLUDE_LEADER,
        }.items()
    },
}
#: The service of an analysis whose deadline passes.
LATE = "too-late"


def kill(arena: Arena, pids: list[int]) -> None:
    """One of them; nobody, when all are gone already."""
    if not pids:
        return
    with suppress(ProcessLookupError):
        os.kill(arena.chance.choice(pids), signal.SIGKILL)


def kill_a_child_of_prepare(arena: Arena) -> None:
    arena.again_and_again(3, "kill -9 of a prefork child", lambda: kill(arena, arena.site.children("prepare")))


def kill_prepare(arena: Arena) -> None:
    arena.again_and_again(2, "kill -9 of a prepare worker", lambda: kill(arena, arena.site.pids("prepare")))


def kill_infer(arena: Arena) -> None:
    arena.again_and_again(2, "kill -9 of an infer worker", lambda: kill(arena, arena.site.pids("infer")))


def kill_the_dispatcher(arena: Arena) -> None:
    arena.again_and_again(2, "kill -9 of the dispatcher", lambda: kill(arena, arena.site.pids("dispatcher")))


def kill_web(arena: Arena) -> None:
    arena.again_and_again(1, "kill -9 of a web worker", lambda: kill(arena, arena.site.children("web")))
    arena.again_and_again(2, "kill -9 of the web process", lambda: kill(arena, arena.site.pids("web")))


def freeze(arena: Arena, kind: str, seconds: float) -> None:
    arena.at_random(1, 2)
    with arena.fault(f"{kind} frozen for {seconds} s", undo=lambda: arena.site.signal(kind, signal.SIGCONT)):
        arena.site.signal(kind, signal.SIGSTOP)
        time.sleep(seconds)
    arena.recover()


def freeze_infer(arena: Arena) -> None:
    """With another one that takes over."""
    arena.site.start("infer-2")
    try:
        arena.site.wait_ready()
        for _ in range(3):  # its heartbeat may notice before any of its calls has an answer to write
            arena.burst(0.4)
            freeze(arena, "infer", LEASE + 2)
            if arena.fenced():
                break
    finally:
        arena.site.stop("infer-2")


def freeze_prepare(arena: Arena) -> None:
    freeze(arena, "prepare", LEASE + 2)


def restart_redis(arena: Arena) -> None:
    arena.again_and_again(
        2, "Redis killed and started again", lambda: kill(arena, arena.site.pids("redis")), burst=True
    )


def flush_redis(arena: Arena) -> None:
    arena.again_and_again(3, "Redis flushed", arena.site.flush_redis, burst=True)


def stop_redis(arena: Arena, seconds: float = 20) -> None:
    arena.at_random()
    with arena.fault(f"Redis away for {seconds:g} s", undo=arena.site.start_redis):
        arena.site.stop_redis()
        ends = time.monotonic() + seconds
        # deadlines do not wait for a broker
        submit(arena, LATE, source="rules", deadline_seconds=0.5)
        until(lambda: not arena.open(LATE), timeout=10, what="the end of what is late")
        time.sleep(max(0.0, ends - time.monotonic()))
    arena.recover()


def black_hole_redis(arena: Arena, seconds: float = 12) -> None:
    arena.at_random()
    with arena.fault(f"Redis in a black hole for {seconds:g} s", undo=arena.site.let_pass):
        arena.site.redis.mode = Mode.BLACK_HOLE
        time.sleep(seconds)
    arena.recover()


def restart_postgres(arena: Arena) -> None:
    arena.again_and_again(2, "PostgreSQL crashed and started again", arena.site.crash_postgres)


def stop_postgres(arena: Arena, seconds: float = 20) -> None:
    arena.at_random()
    with arena.fault(f"PostgreSQL away for {seconds:g} s", undo=arena.site.start_postgres):
        arena.site.stop_postgres()
        time.sleep(seconds)
    arena.recover()


def break_connections(arena: Arena) -> None:
    for proxy, name in ((arena.site.postgres, "PostgreSQL"), (arena.site.redis, "Redis")):
        arena.again_and_again(2, f"connections to {name} reset", proxy.reset)
        arena.again_and_again(1, f"connections to {name} half closed", proxy.half_close)


def slow_network(arena: Arena) -> None:
    with arena.fault("30 ms more to PostgreSQL and Redis", undo=arena.site.let_pass):
        for proxy in (arena.site.postgres, arena.site.redis):
            proxy.latency, proxy.mode = 0.03, Mode.LATENCY
        time.sleep(4)
    arena.recover()


def lose_answers(arena: Arena, rounds: int = 2) -> None:
    """What was done is not known to who did it."""
    for what, words in LAST_WORDS.items():
        for _ in range(rounds):
            arena.at_random(0.1, 0.5)
            with arena.fault(f"the answers to two {what} lost", undo=lambda: arena.site.postgres.cut_after(b"", 0)):
                arena.site.postgres.cut_after(words, 2)
                until(lambda: not arena.site.postgres.cuts_left, timeout=20, what=f"two {what} without an answer")
    arena.recover()


def _trouble(arena: Arena, what: str, seconds: float = 5.0, **weights: int) -> None:
    """The model server does this for a while."""
    with arena.fault(what, undo=arena.models_answer):
        arena.models_do({TROUBLES[name]: weight for name, weight in weights.items()})
        time.sleep(seconds)
    arena.recover()


TROUBLES = {
    "answer": answer(pause=0.04),
    "hang": hang(),
    "hang_inside": hang_inside(),
    "internal": error("internal"),
    "reset": reset(),
    "throttle": throttle(0.5),
    "truncated": truncated(),
}


def hanging_models(arena: Arena) -> None:
    _trouble(arena, "models hang", hang=2, hang_inside=2, answer=1)


def failing_models(arena: Arena) -> None:
    _trouble(arena, "models fail", internal=3, reset=2, answer=1)


def throttling_models(arena: Arena) -> None:
    _trouble(arena, "models throttle", throttle=4, answer=1)


def cut_streams(arena: Arena) -> None:
    _trouble(arena, "models cut their streams", truncated=3, answer=1)
    arena.again_and_again(3, "connections to the models reset", arena.site.provider.reset)


def rolling_restart(arena: Arena) -> None:
    """A new one first, then SIGTERM to the old one; the web process does that by itself on SIGHUP."""
    site = arena.site
    for kind in ("infer", "prepare", "dispatcher"):
        with arena.fault(f"{kind} replaced"):
            site.start(f"{kind}-2")
            site.wait_ready()
            site.stop(kind)
            site.start(kind)
            site.wait_ready()
            site.stop(f"{kind}-2")
        arena.recover()
    with arena.fault("web reloaded"):
        for pid in site.pids("web"):
            os.kill(pid, signal.SIGHUP)
        time.sleep(3)
    arena.recover()


def poison(arena: Arena) -> None:
    """Analyses that kill the process that asks a model about them: two at once, and one while the others still do."""
    arena.at_random()
    with arena.fault("three analyses that kill their worker"):
        for number, pause in enumerate((0, 4, 0)):
            submit(arena, f"{POISON}-{number}", source="local")
            time.sleep(arena.chance.uniform(0, pause))
    arena.recover()


def failing_receiver(arena: Arena, seconds: float = 4.0) -> None:
    """Who wants to be told refuses, hangs up, and says nothing at all."""
    arena.at_random()
    with arena.fault("the receiver fails"), missing(arena.receiver, 0.7, arena.chance):
        time.sleep(seconds)
    arena.recover()


def submit(arena: Arena, name: str, **fields: object) -> None:
    """One analysis besides the load's."""
    body = {"log_content": f"ERROR {name}", "service_name": name, "cache": "off", **fields}
    headers = {"X-API-Key": arena.site.api_key, "Idempotency-Key": f"{arena.name}-{name}"}
    answer = requests.post(f"{arena.site.url}/api/v1/analyses", json=body, headers=headers, timeout=10)
    assert answer.status_code == 202, answer.text
