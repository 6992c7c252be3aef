"""`python -m tests.chaos`: faults at random moments under load, over real processes; what was accepted ends, once.

The seed is printed; `--case NAME --seed N` does one case again.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from app.settings import Log
from app.telemetry import configure_logging
from tests.chaos.cases import CASES
from tests.chaos.measures import Outcome, table
from tests.chaos.runs import run_case
from tests.chaos.sites import ROOT, Site, wait_gone
from tests.support.model_server import ModelServer
from tests.support.receivers import Receiver

#: Orders of moves that the state machine tries.
EXAMPLES = 1500
#: Where one thing is broken, hundreds are.
MOST_TOLD = 40


def main() -> int:
    options = _options()
    configure_logging(Log(level="ERROR"))
    names = [name for name in CASES if options.case is None or any(word in name for word in options.case)]
    seed = random.randrange(10**6) if options.seed is None else options.seed
    _say(f"seed {seed}, {len(names)} cases")
    with _StateMachine(wanted=not options.case, seed=seed) as machine:
        outcomes, left = _run(names, seed, options)
    text = table(outcomes)
    sys.stdout.write(f"{text}\n")
    if options.markdown:
        options.markdown.write_text(f"{text}\n", encoding="utf-8")
    broken = [f"{one.case}: {what}" for one in outcomes for what in one.broken]
    broken += [f"still running: {command}" for command in left.values()]
    broken += machine.broken
    for what in broken[:MOST_TOLD]:
        _say(what)
    return 1 if broken else 0


def _run(names: list[str], seed: int, options: argparse.Namespace) -> tuple[list[Outcome], dict[int, str]]:
    outcomes: list[Outcome] = []
    ends = time.monotonic() + options.minutes * 60
    left: dict[int, str] = {}
    directory = Path(tempfile.mkdtemp(prefix="bifrost-chaos-"))
    with ModelServer() as models, Receiver() as receiver:
        port = urlsplit(models.url).port or 0
        groups: dict[Callable[[Path, int], Any], list[str]] = {}
        for name in names:
            groups.setdefault(CASES[name].site or Site, []).append(name)
        for number, (make, group) in enumerate(groups.items()):
            home = directory / str(number)
            home.mkdir()
            with make(home, port) as site:
                for name in group:
                    outcome = (
                        run_case(name, CASES[name], site, (models, receiver), seed)
                        if time.monotonic() < ends
                        else _skipped(name)
                    )
                    outcomes.append(outcome)
                    verdict = "ok" if not outcome.broken else f"BROKEN: {outcome.broken[:3]}"
                    _say(f"{name:<30} {outcome.jobs:>4} jobs {outcome.seconds:>5.1f} s  {verdict}")
            left |= wait_gone(site)
    if left or options.keep or any(one.broken for one in outcomes):
        _say(f"data and logs: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return outcomes, left


class _StateMachine:
    """The state machine of the protocol in a process of its own, at what the cases leave of the processor."""

    def __init__(self, *, wanted: bool, seed: int) -> None:
        self.broken: list[str] = []
        self._wanted = wanted
        self._seed = seed
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if self._wanted:
            self._process = subprocess.Popen(
                [
                    *("nice", "-n", "5", sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider"),
                    *(f"--hypothesis-seed={self._seed}", "tests/integration/storage/test_state_machine.py"),
                    *("-k", "any_order"),
                ],
                cwd=ROOT,
                env=dict(os.environ) | {"BIFROST_TEST_EXAMPLES": str(EXAMPLES)},  # noqa: TID251 - a process gets it whole
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        try:
            said, _ = self._process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            said, _ = self._process.communicate(timeout=30)
        _say(f"state machine, {EXAMPLES:,} examples: {said.strip().splitlines()[-1]}")
        if self._process.returncode != 0:
            self.broken.append(f"the state machine:\n{said[-4000:]}")


def _skipped(name: str) -> Outcome:
    return Outcome(case=name, broken=["there was no time left for it"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--case", action="append", help="only cases with this in their name; may be given again")
    parser.add_argument("--seed", type=int, help="of chance; printed when it is not given")
    parser.add_argument("--minutes", type=float, default=10.0, help="no case begins later than this (10)")
    parser.add_argument("--markdown", type=Path, help="write the table there, too")
    parser.add_argument("--keep", action="store_true", help="leave data and logs")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
