"""`demo`: all of Bifrost for a few seconds, on the example logs."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import click

import app
from app.cli import output
from app.cli.exits import Exit, Stop, worst
from app.cli.inputs import Place, places, read
from app.cli.itself import command
from app.cli.options import Order
from app.cli.parts import quiet
from app.cli.progress import Progress
from app.cli.results import Results
from app.cli.terminating import terminable
from app.client import Client, SubmitOptions
from app.clock import SystemClock
from app.settings import PREFIX, WELL_KNOWN
from app.stack import Stack, Wishes

#: Long enough for what ends by itself.
_STOP_SECONDS = 0.5
_EXAMPLES = Path(app.__file__).parents[1] / "examples" / "logs"


@click.command()
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Keep the data here [default: keep nothing]."
)
@click.argument("logs", nargs=-1, metavar="[FILE|DIRECTORY]...")
def demo(*, data_dir: Path | None, logs: tuple[str, ...]) -> None:
    """Start Bifrost, diagnose the example logs, and stop it.

    Everything runs on this machine, on free ports, with the built-in rules: no model is asked. With FILES, those are
    diagnosed. The first diagnosis is shown in full, as `submit --wait` does, the others in a few lines.
    """
    found = list(places(logs or (str(_EXAMPLES),)))
    if troubles := [f"{place.name}: {place.trouble}" for place in found if place.trouble]:
        raise Stop("\n".join(troubles))
    clock = SystemClock()
    started = clock.monotonic()
    with quiet(), terminable(), _directory(data_dir) as directory, _running(directory) as stack:
        output.note(f"Bifrost runs at {stack.state.url}: {clock.monotonic() - started:.1f} s")
        began = clock.monotonic()
        codes = _diagnose(stack, found)
        seconds = clock.monotonic() - began
        output.note(f"\n{len(codes)} logs diagnosed in {seconds:.1f} s: HTTP, PostgreSQL, Redis and Celery included.")
        if any(codes):
            output.warn("Something went wrong. See why in the logs of the processes: --data-dir keeps them.")
    output.note(
        f"Everything is stopped: {clock.monotonic() - started:.1f} s in all. Run it for yourself: {command()} up"
    )
    click.get_current_context().exit(worst(codes))


def _diagnose(stack: Stack, found: list[Place]) -> list[Exit]:
    client = Client(stack.state.url, stack.state.api_key)
    results = Results(client=client, order=_ORDER, several=True, brief=True)
    for place in found:
        log = read(place)
        if log is None:
            continue
        options = SubmitOptions(source="rules", tags=("demo",))
        results.add(Path(log.name).name, client.submit(log.data, options).analysis)
    return results.wait()


_ORDER = Order(
    options=SubmitOptions(),
    wait=True,
    follow=False,
    format_="plain",
    fail_on=None,
    timeout=60.0,
    idempotency_key=None,
    step_summary=None,
)


@contextmanager
def _running(directory: Path) -> Iterator[Stack]:
    """The stack, started quietly and stopped in any case."""
    with Progress().activity("Bifrost") as say:
        stack = Stack(
            _environ(directory), wishes=Wishes(port=0, durable=False), say=lambda text: say(text[:1].lower() + text[1:])
        )
        stack.__enter__()
    try:
        yield stack
    finally:
        with Progress().activity("Bifrost") as say:
            say("stopping")
            # nothing is worth waiting for: every log has its diagnosis
            impatience = Timer(_STOP_SECONDS, stack.hurry)
            impatience.start()
            stack.__exit__()
            impatience.cancel()


@contextmanager
def _directory(wanted: Path | None) -> Iterator[Path]:
    if wanted:
        yield wanted.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="bifrost-demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def _environ(directory: Path) -> Mapping[str, str]:
    """None of the settings of this machine: the demo must not meet a real database, nor a real bill."""
    kept = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251 - the processes get the rest of it: PATH, locale
        if not name.startswith(PREFIX) and name not in WELL_KNOWN
    }
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    empty = directory / "bifrost.yaml"
    empty.touch()
    few = {"BIFROST_WEB__WORKERS": "1"}  # starts sooner
    return {**kept, **few, "BIFROST_DATA_DIR": str(directory), "BIFROST_CONFIG": str(empty)}
