"""Guards with short rests, and short words for what calls through them do.

As a process: `python -m tests.support.guards URL` takes a slot, says "held" and keeps it until it is killed.
"""

import sys
import threading
import time
from collections.abc import Iterator

from app.clock import SystemClock
from app.domain.errors import ProviderError, ProviderMisconfigured, ProviderThrottled, ProviderUnavailable
from app.domain.guards import Ticket, Verdict
from app.domain.ports import Guard
from app.guards.reaching import connect
from app.guards.redis_guard import Guarded, GuardPolicy, RedisGuard

QUICK = {"failures": 3, "rest": 0.6, "longest_rest": 2.0, "longest_wait": 5.0, "silence": 1.0}


def guard(url: str, *, limit: int = 0, place: str = "here", **changes) -> RedisGuard:
    """Of one provider, "ollama"."""
    policy = GuardPolicy(**QUICK | changes)
    return RedisGuard(connect(url), {"ollama": Guarded(place=place, limit=limit)}, policy=policy, clock=SystemClock())


def admit(guard: Guard, model: str = "tiny") -> Ticket:
    return guard.admit("ollama", model)


def allowed(guard: Guard, model: str = "tiny") -> Ticket | None:
    """A ticket, or None when there is none now."""
    try:
        return admit(guard, model)
    except ProviderError:
        return None


def answer(guard: Guard, model: str = "tiny") -> None:
    guard.settle(admit(guard, model), Verdict.ANSWERED)


def fail(guard: Guard, times: int = 1, *, model: str = "tiny") -> None:
    for _ in range(times):
        guard.settle(admit(guard, model), Verdict.FAILED, ProviderUnavailable())


def refuse(guard: Guard, model: str = "tiny") -> None:
    guard.settle(admit(guard, model), Verdict.REFUSED, ProviderMisconfigured())


def throttle(guard: Guard, seconds: float | None) -> None:
    guard.settle(admit(guard), Verdict.THROTTLED, ProviderThrottled(retry_after=seconds))


def beat(guard: RedisGuard, seconds: float) -> Iterator[None]:
    """Heartbeats for so long; the loop's body runs after each."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        guard.renew()
        yield
        time.sleep(0.02)


def main() -> None:
    admit(guard(sys.argv[1], limit=1))
    print("held", flush=True)  # noqa: T201 # how the process tells
    threading.Event().wait()


if __name__ == "__main__":
    main()
