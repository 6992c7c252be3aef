"""A case from its beginning to its verdict."""

import random
import re
import time
from collections import Counter
from contextlib import ExitStack

from tests.chaos.arena import FENCED, Arena
from tests.chaos.cases import Case
from tests.chaos.events import check_events, wait_published
from tests.chaos.heimdalls import Asker
from tests.chaos.invariants import (
    Verdict,
    check,
    check_answers,
    count_in_logs,
    sizes,
    wait_ended,
)
from tests.chaos.load import Load
from tests.chaos.measures import Outcome, recoveries
from tests.chaos.sites import Site
from tests.support.model_server import ModelServer
from tests.support.receivers import Receiver

#: Who is outside: the models, and somebody who wants to be told.
Outside = tuple[ModelServer, Receiver]
#: Seconds that everything may take to end when the load is over.
DRAIN_SECONDS = 60.0
MISTAKES = ('"analysis_crashed"', '"bridge_crashed"')
BROKE = '"breaker_opened"'


def run_case(name: str, case: Case, site: Site, outside: Outside, seed: int) -> Outcome:
    """Load, faults, quiet, verdict."""
    prefix = f"{re.sub(r'[^a-z]+', '_', name.lower())}-{seed}-{time.time_ns() // 1_000_000 % 1_000_000}"
    site.wait_ready()
    models, receiver = outside
    logged, asked, told, began = sizes(site.logs), len(models.requests), len(receiver.received), time.monotonic()
    missed: list[str] = []
    with ExitStack() as stack:
        # before the callers: it ends after them
        asker = stack.enter_context(Asker(site.directory, site.heimdall, prefix)) if case.heimdall else None
        load = stack.enter_context(Load(site.url, site.api_key, prefix, webhook=receiver.url))
        arena = Arena(
            asker=asker,
            logged=logged,
            name=prefix,
            site=site,
            models=models,
            receiver=receiver,
            load=load,
            chance=random.Random(f"{name}-{seed}"),
        )
        arena.models_answer()
        arena.at_random(0.5, 1.0)
        try:
            case.run(arena)
        except Exception as error:  # noqa: BLE001 - told in the verdict; the other cases go on
            missed.append(f"{type(error).__name__}: {error}")
        finally:
            site.points.disarm()
            arena.models_answer()
    wait_ended(site.database_url, prefix, timeout=DRAIN_SECONDS)
    wait_published(site.database_url, prefix, timeout=DRAIN_SECONDS)
    verdict = check(site.database_url, prefix, load.ledger, models.requests[asked:])
    check_events(verdict, receiver.received[told:])
    if asker:
        try:
            missed += asker.judge(site.database_url, verdict)
        except Exception as error:  # noqa: BLE001 - as above: brokers that are not there
            missed.append(f"Heimdall cannot be judged: {type(error).__name__}: {error}")
    counts = count_in_logs(site.logs, logged, (FENCED, *MISTAKES, BROKE))
    outcome = _outcome(name, verdict, arena, counts)
    outcome.broken += missed
    outcome.broken += check_answers(load.ledger, may_be_away=case.away)
    outcome.broken += _demands(case, verdict, outcome, counts)
    outcome.seconds = time.monotonic() - began
    return outcome


def _outcome(name: str, verdict: Verdict, arena: Arena, counts: Counter[str]) -> Outcome:
    answers = arena.load.ledger.answers
    # callers would not notice what is done to a bridge
    new, old = recoveries(arena.asker.asked() if arena.asker else verdict.rows, arena.faults)
    return Outcome(
        case=name,
        jobs=len(verdict.rows),
        lost=verdict.lost,
        stuck=verdict.stuck,
        doubled=verdict.doubled,
        missing=verdict.missing,
        failed=sum(row.status == "failed" for row in verdict.rows),
        lost_attempts=verdict.lost_attempts,
        fenced=counts[FENCED],
        refused=sum(answer.status == 503 for answer in answers),
        slowest=max((answer.seconds for answer in answers), default=0.0),
        new=new,
        old=old,
        broken=list(verdict.broken),
    )


def _demands(case: Case, verdict: Verdict, outcome: Outcome, counts: Counter[str]) -> list[str]:
    """What this case must have shown, and must not have."""
    doomed = {row.id: code for row in verdict.rows for part, code in case.fails.items() if part in row.key}
    failed = {row.id: row.error for row in verdict.rows if row.status == "failed"}
    innocent = {number: code for number, code in failed.items() if number not in doomed}
    wrong = {number: failed.get(number) for number, code in doomed.items() if failed.get(number) != code}
    mistakes = sum(counts[word] for word in MISTAKES)
    demands = {
        f"recovery took {outcome.worst:.1f} s, more than {case.limit:g} s": outcome.worst > case.limit,
        f"fewer than {case.fenced} writes of a zombie were refused": outcome.fenced < case.fenced,
        "no breaker opened": case.breaks and not counts[BROKE],
        f"fewer than {case.refused} answers were 503": outcome.refused < case.refused,
        f"{outcome.lost_attempts} attempts were lost": case.nothing_lost and outcome.lost_attempts > 0,
        f"{len(innocent)} failed: {dict(list(innocent.items())[:5])}": bool(innocent),
        f"{doomed} ended with {wrong}": bool(wrong) or (bool(case.fails) and not doomed),
        f"{mistakes} mistakes of ours in the log": mistakes > 0,
        "nothing was submitted": outcome.jobs == 0,
    }
    return [what for what, is_so in demands.items() if is_so]
