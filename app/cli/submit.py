"""`submit`, `local`, `cloud`: send logs, wait for them, show what was found."""

import sys
from dataclasses import dataclass
from typing import Any

import click

from app.cli import output
from app.cli.connection import connect
from app.cli.exits import Exit, Stop, explain, worst
from app.cli.inputs import STDIN, Place, places, read
from app.cli.options import Order, choice, order, submit_options
from app.cli.plans import plan_each
from app.cli.results import Results
from app.client import ApiError, Client
from app.domain.analyses import Source

#: Problems with one log; the others may still be fine. Any other problem would meet them all.
_OF_ONE_LOG = frozenset({"log_empty", "log_too_large", "idempotency_conflict"})


@click.command()
@click.option("--wait", is_flag=True, help="Wait for the results and print them.")
@click.option("--source", type=choice(Source), help="Who shall answer [default: auto].")
@submit_options
def submit(*, logs: tuple[str, ...], wait: bool, source: str | None, **given: Any) -> None:
    """Submit logs, one analysis for each.

    `-` reads standard input; a directory stands for its `*.log`, `*.txt`, `*.out` and `*.err`, also with `.gz`, but not
    for links that lead out of it. Without `--wait` the ids are printed, one on each line, as soon as the logs are
    durably accepted. `--follow`, `--fail-on` and every `--format` but json wait, too.
    """
    _run(logs, order(given, source=source, wait=wait))


@click.command()
@submit_options
def local(*, logs: tuple[str, ...], **given: Any) -> None:
    """Submit logs to a model on your own machines, and wait.

    The same as `submit --source local --wait`.
    """
    _run(logs, order(given, source=Source.LOCAL.value, wait=True))


@click.command()
@submit_options
def cloud(*, logs: tuple[str, ...], **given: Any) -> None:
    """Submit logs to a model in the cloud, and wait.

    The same as `submit --source cloud --wait`.
    """
    _run(logs, order(given, source=Source.CLOUD.value, wait=True))


@dataclass(kw_only=True, slots=True)
class _Submitting:
    """Sends one log after the other."""

    client: Client
    order: Order
    results: Results

    def send(self, place: Place) -> Exit:
        """USAGE for a log that cannot be analyzed, after saying why; raises what concerns every log."""
        try:
            log = read(place)
            if log is None:
                output.note(f"{place.name}: empty, skipped")
                return Exit.DONE
            if log.bytes_replaced:
                output.warn(f"{log.name}: {log.bytes_replaced:,} bytes are not UTF-8 text and were replaced")
            with self.results.progress.activity(f"{log.name}: submitting") as tell:
                self.client.on_pause(lambda why, seconds: tell(f"{why}, again in {seconds:.1f} s"))
                submitted = self.client.submit(log.data, self.order.options, idempotency_key=self.order.idempotency_key)
        except (Stop, ApiError) as error:
            if isinstance(error, ApiError) and error.code not in _OF_ONE_LOG:
                raise
            said = error if isinstance(error, Stop) else explain(error)
            output.warn(f"{place.name}: {said}" if isinstance(error, ApiError) else f"{said}")
            return Exit.USAGE
        self.results.add(log.name, submitted.analysis)
        if self.order.wait or self.results.several:
            output.note(
                f"{log.name}: analysis {submitted.analysis.id}{' (accepted before)' if submitted.replayed else ''}"
            )
        return Exit.DONE


def _run(arguments: tuple[str, ...], wanted: Order) -> None:
    found = list(places(arguments or _standard_input()))
    if found and all(place.trouble for place in found):
        raise Stop("\n".join(f"{place.name}: {place.trouble}" for place in found))
    if wanted.idempotency_key and len(found) > 1:
        raise click.UsageError("--idempotency-key is for a single log: a key stands for one analysis.")
    if wanted.file and len(found) > 1:
        raise click.UsageError("--file is for a single log: it names that one.")
    client = connect()
    if wanted.dry_run:
        click.get_current_context().exit(worst(plan_each(client, found, wanted)))
    results = Results(client=client, order=wanted, several=len(found) > 1)
    submitting = _Submitting(client=client, order=wanted, results=results)
    with results.remembering():
        codes = [submitting.send(place) for place in found]
        if all(place.found for place in found) and not results.sent:
            raise Stop(f"{', '.join(arguments)}: only empty files, there is nothing to analyze.")
        codes += results.wait() if wanted.wait else results.accepted()
    click.get_current_context().exit(worst(codes))


def _standard_input() -> tuple[str, ...]:
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("Name a file or a directory, or pipe a log into `bifrost-cli submit -`.")
    return (STDIN,)
