"""How fast a log becomes a prompt: everything from redaction to the token budget, in one process."""

import random
import time
import tracemalloc

from app.pipeline.preparation import PreparationLimits, prepare
from tests.bench.measures import Measure

LIMITS = PreparationLimits(max_line_chars=1000, max_templates=2000)
TRACE = """\
Traceback (most recent call last):
  File "/srv/shop/orders.py", line 44, in create
    total = sum(item["price"] for item in items)
KeyError: 'price'
"""


def generated_log(megabytes: float, seed: int = 7) -> str:
    """Requests with ids, addresses and durations; now and then a warning, an error with its trace, a secret."""
    chance = random.Random(seed)
    size, parts, left = int(megabytes * 1_000_000), [], int(megabytes * 1_000_000)
    while left > 0:
        part = _record(chance)
        parts.append(part)
        left -= len(part)
    return "".join(parts)[:size]


def _record(chance: random.Random) -> str:
    hour, minute, second = chance.randrange(24), chance.randrange(60), chance.randrange(60)
    at = f"2026-03-01T{hour:02}:{minute:02}:{second:02}.{chance.randrange(1000):03}Z"
    address = f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"
    ident, took, drawn = f"{chance.getrandbits(64):016x}", chance.randrange(9000), chance.random()
    if drawn < 0.92:
        asked = f"{chance.choice(('GET', 'POST'))} {chance.choice(('/orders', '/users', '/carts'))}/{took}"
        return f"{at} INFO  api {asked} 200 {took // 10}ms request={ident} client={address}\n"
    if drawn < 0.97:
        return f"{at} WARN  pool slow query took {took}ms on shard-{chance.randrange(16)}\n"
    if drawn < 0.99:
        return f"{at} ERROR db connection to {address}:5432 refused, attempt {chance.randrange(9)}\n"
    if drawn < 0.995:
        return f"{at} INFO  auth login of user{took}@example.com token=sk-{chance.getrandbits(128):032x}\n"
    return f"{at} ERROR api unhandled exception request={ident}\n{TRACE}"


def preparation(megabytes: float) -> list[Measure]:
    """Best of three, and the memory beyond the log itself."""
    log = generated_log(megabytes)
    prepare(log[:100_000], limits=LIMITS, token_budget=8000)  # compiles the patterns
    took = min(_timed(log) for _ in range(3))
    tracemalloc.start()
    prepared = prepare(log, limits=LIMITS, token_budget=8000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    group = f"preparing {megabytes:g} MB ({prepared.coverage.lines_total:,} lines)"
    return [
        Measure(group=group, name="throughput", value=len(log) / 1_000_000 / took, unit="MB/s"),
        Measure(group=group, name="Python memory beyond the log, peak", value=peak / 1_000_000, unit="MB"),
    ]


def _timed(log: str) -> float:
    began = time.perf_counter()
    prepare(log, limits=LIMITS, token_budget=8000)
    return time.perf_counter() - began
