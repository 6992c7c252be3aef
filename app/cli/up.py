"""`bifrost-cli up`: all of Bifrost in the foreground."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Self

import click

from app.cli import output
from app.cli.exits import Exit, Stop
from app.cli.itself import command
from app.cli.tail import LogTail
from app.domain.errors import Unavailable
from app.stack import Stack, Wishes
from app.supervisor import AlreadyRunning
from app.telemetry import configure_logging

LOOK_SECONDS = 0.2

Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None


@click.command()
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where data, logs and keys are kept."
)
@click.option("--host", help="Address the API listens on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port the API listens on; 0 takes a free one.")
@click.option("--flower", is_flag=True, help="Also start Flower, which shows queues and workers, on loopback.")
@click.option("--flower-port", type=click.IntRange(1, 65535), default=5555, show_default=True, help="Flower's port.")
@click.option(
    "--kafka-demo", is_flag=True, help="Also start a mock of Kafka, and a small Heimdall that asks and prints answers."
)
@click.option("-v", "--verbose", is_flag=True, help="Show everything the processes write, not only warnings.")
def up(
    *,
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    flower: bool,
    flower_port: int,
    kafka_demo: bool,
    verbose: bool,
) -> None:
    """Run all of Bifrost on this machine until Ctrl-C.

    Starts PostgreSQL and Redis (unless BIFROST_DATABASE_URL and BIFROST_REDIS_URL name others), the API, the workers,
    the dispatcher and, with Kafka configured, the bridge, and prints where everything is. The data stays for the next
    time.
    """
    environ = dict(os.environ)  # noqa: TID251 - the processes get it whole, so that all read the same settings
    if data_dir:
        environ["BIFROST_DATA_DIR"] = str(data_dir.absolute())
    wishes = Wishes(host=host, port=port, flower_port=flower_port if flower else None, kafka_demo=kafka_demo)
    try:
        stack = Stack(environ, wishes=wishes, say=_say)
        quiet = {} if verbose else {"level": "WARNING"}
        configure_logging(stack.settings.log.model_copy(update=quiet))
        with _Signals(stack) as signals:
            _run(stack, signals, verbose=verbose, custom_directory=data_dir is not None)
    except AlreadyRunning as error:
        raise Stop(error.detail) from error
    except Unavailable as error:
        raise Stop(error.detail, Exit.ERROR) from error
    _say("Bifrost has stopped. The data stays for the next time.")


class _Signals:
    """Ctrl-C, SIGTERM and a closed terminal: end the start, then the run, then the patience of the stop."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._before: dict[signal.Signals, Handler] = {}
        self.ended = threading.Event()
        self.running = False

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        first = not self.ended.is_set()
        self.ended.set()
        if first and not self.running:
            raise KeyboardInterrupt
        if not first:
            self._stack.hurry()


def _run(stack: Stack, signals: _Signals, *, verbose: bool, custom_directory: bool) -> None:
    try:
        tail = LogTail(stack.directory / "logs", everything=verbose)
        with stack:
            signals.running = True
            # They complain until they are ready; if they never were, the error would have shown it.
            tail.skip("initdb", "postgres", "redis")
            _introduce(stack, custom_directory=custom_directory)
            with _heimdall(stack):
                while not signals.ended.wait(LOOK_SECONDS):
                    for line in tail.new_lines():
                        output.note(line)
            _say("Stopping (once more to stop at once)")
    except KeyboardInterrupt:  # during the start: what had been started is stopped by now
        return


def _heimdall(stack: Stack) -> AbstractContextManager[object]:
    """With `--kafka-demo`, somebody who asks."""
    if not stack.wishes.kafka_demo:
        return nullcontext()
    from app.cli.heimdall_demo import SmallHeimdall

    return SmallHeimdall(stack.settings.kafka, say=click.echo)


def _introduce(stack: Stack, *, custom_directory: bool) -> None:
    state = stack.state
    rows = {
        "API": state.url,
        "Docs": f"{state.url}/docs",
        "Key": f"{state.api_key}  (bifrost-cli on this machine knows it)",
        "Data": str(stack.directory),
        "Logs": str(stack.directory / "logs"),
        "Flower": stack.flower_url,
        "Kafka": stack.settings.kafka.bootstrap_servers,
        "Try": f"{'BIFROST_DATA_DIR=' + str(stack.directory) + ' ' if custom_directory else ''}"
        f"{command()} submit some.log --wait",
        "Stop": "Ctrl-C",
    }
    click.echo()
    click.secho("Bifrost is up.", bold=True)
    for name, value in rows.items():
        if value:
            click.echo(f"  {name:<8}{value}")
    click.echo()
    if stack.not_ready:
        _say(f"The API runs, but does not call itself ready: {stack.not_ready}")


def _say(text: str) -> None:
    click.echo(text, err=True)
