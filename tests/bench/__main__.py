"""`python -m tests.bench`: submissions, durable jobs, dispatch, end to end, the bridge, preparation: all real."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from app.settings import Log
from app.stack import Stack, Wishes
from app.telemetry import configure_logging
from tests.bench.bridge import bridge
from tests.bench.dispatching import dispatching
from tests.bench.durable import durable
from tests.bench.grouping import LOGHUB, grouping, labeled_logs
from tests.bench.jobs import crowd, single
from tests.bench.measures import Measure, as_json, as_table, machine
from tests.bench.preparation import preparation


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--submissions", type=int, default=500, help="analyses submitted by the crowd (500)")
    parser.add_argument("--clients", type=int, default=20, help="clients at the same time (20)")
    parser.add_argument("--single", type=int, default=50, help="analyses submitted one by one (50)")
    parser.add_argument("--durable", type=int, default=2000, help="durable jobs, submitting excluded (2000)")
    parser.add_argument("--rounds", type=int, default=100, help="looks of the dispatcher (100)")
    parser.add_argument("--events", type=int, default=20_000, help="events through the bridge to Kafka (20000)")
    parser.add_argument("--megabytes", type=float, default=10, help="size of the generated log (10)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    configure_logging(Log(level="WARNING"))
    measures = [*_jobs(options), *_durable(options), *_dispatching(options), *_bridge(options), *_preparation(options)]
    text = as_json(measures) if options.json else f"{machine()}\n\n{as_table(measures)}"
    sys.stdout.write(text + "\n")


def _jobs(options: argparse.Namespace) -> list[Measure]:
    with tempfile.TemporaryDirectory(prefix="bifrost-bench-") as directory:
        environ = dict(os.environ) | {"BIFROST_DATA_DIR": str(Path(directory) / "data"), "HOME": directory}  # noqa: TID251 - the processes get it whole
        with Stack(environ, wishes=Wishes(port=0), say=_say) as stack:
            _say("One by one")
            measures = single(stack, count=options.single)
            _say("A crowd")
            measures += crowd(stack, count=options.submissions, clients=options.clients)
            _say("Stopping")
    return measures


def _durable(options: argparse.Namespace) -> list[Measure]:
    with tempfile.TemporaryDirectory(prefix="bifrost-bench-") as directory:
        _say("Durable jobs")
        return durable(Path(directory) / "data", count=options.durable, singles=options.single)


def _bridge(options: argparse.Namespace) -> list[Measure]:
    with tempfile.TemporaryDirectory(prefix="bifrost-bench-") as directory:
        _say("Events through the bridge")
        return bridge(Path(directory) / "data", count=options.events)


def _dispatching(options: argparse.Namespace) -> list[Measure]:
    with tempfile.TemporaryDirectory(prefix="bifrost-bench-") as directory:
        _say("The dispatcher's statements")
        return dispatching(Path(directory) / "data", rounds=options.rounds)


def _preparation(options: argparse.Namespace) -> list[Measure]:
    _say("Preparing a log")
    measures = preparation(options.megabytes)
    logs = labeled_logs()
    _say("Grouping the lines of Loghub" if logs else f"Grouping is left out: {LOGHUB} names no copy of Loghub")
    return [*measures, *grouping(logs)]


def _say(text: str) -> None:
    sys.stderr.write(f"{text} …\n")


if __name__ == "__main__":
    main()
