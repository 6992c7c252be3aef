"""`status`, `result`, `list`, `cancel`, `retry`: what became of analyses."""

from collections.abc import Callable
from pathlib import Path

import click

from app.cli import output
from app.cli.connection import connect
from app.cli.exits import worst
from app.cli.filters import filter_options, wanted_of
from app.cli.options import Order, result_options
from app.cli.results import Results
from app.cli.several import ask_each
from app.cli.words import standing, unfinished
from app.client import RemoteAnalysis, SubmitOptions
from app.pipeline.escaping import one_line

_COLUMNS = ("ID", "CREATED", "STATUS", "SEVERITY", "SERVICE", "SUMMARY")
#: Of a summary, where no terminal says how much fits.
_LONGEST_SUMMARY = 100
_IDS = click.argument("ids", nargs=-1, required=True, type=click.IntRange(min=1), metavar="ID...")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the API's objects, one on each line.")


@click.command()
@_IDS
@_JSON
def status(*, ids: tuple[int, ...], as_json: bool) -> None:
    """Show where analyses stand."""
    found, codes = ask_each(ids, connect().get, what="analysis ")
    _print(found, as_json=as_json)
    click.get_current_context().exit(worst(codes))


@click.command()
@_IDS
@click.option("--wait", is_flag=True, help="Wait until it is finished.")
@result_options
def result(
    *,
    ids: tuple[int, ...],
    wait: bool,
    format_: str | None,
    fail_on: str | None,
    timeout: float,
    step_summary: Path | None,
    file: str | None,
) -> None:
    """Show the diagnosis of an analysis.

    Of one that is not finished, and without `--wait`, the state is told on standard error; the exit code is 5.
    """
    if file and len(ids) > 1:
        raise click.UsageError("--file is for a single log: it names that one.")
    client = connect()
    order = Order(
        options=SubmitOptions(),
        wait=wait or fail_on is not None,
        follow=False,
        format_=format_ or "plain",
        fail_on=fail_on,
        timeout=timeout if wait or fail_on else 0.0,
        idempotency_key=None,
        step_summary=step_summary,
        file=file,
    )
    results = Results(client=client, order=order, several=len(ids) > 1)
    found, codes = ask_each(ids, client.get, what="analysis ")
    for analysis in found:
        results.add(f"analysis {analysis.id}", analysis)
    with results.remembering():
        codes += results.wait()
    click.get_current_context().exit(worst(codes))


@click.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@_JSON
def list_(*, limit: int, as_json: bool, **filters: str | None) -> None:
    """List analyses, newest first."""
    wanted = wanted_of(filters)
    found = list(connect().list(wanted, limit=limit))
    _print(found, as_json=as_json)
    if not found:
        output.note("No analysis is like that." if wanted else "There is no analysis yet.")


#: The word that others use for it.
history = click.Command(
    "history",
    callback=list_.callback,
    params=list_.params,
    help="List analyses, newest first: another name for `list`.",
)


@click.command()
@_IDS
@_JSON
def cancel(*, ids: tuple[int, ...], as_json: bool) -> None:
    """Cancel analyses.

    A waiting one ends at once; a running one is asked to stop and does so within a second.
    """
    found, codes = ask_each(ids, connect().cancel, what="analysis ")
    _print(found, as_json=as_json, unfinished_yet=lambda _: "asked to stop")
    click.get_current_context().exit(worst(codes))


@click.command()
@_IDS
@_JSON
def retry(*, ids: tuple[int, ...], as_json: bool) -> None:
    """Send failed or cancelled analyses again.

    Each keeps its id and begins anew, with all its attempts and without its deadline.
    """
    found, codes = ask_each(ids, connect().retry, what="analysis ")
    _print(found, as_json=as_json)
    click.get_current_context().exit(worst(codes))


def _print(
    found: list[RemoteAnalysis], *, as_json: bool, unfinished_yet: Callable[[RemoteAnalysis], str] = standing
) -> None:
    if as_json:
        for analysis in found:
            output.json_line(analysis.raw)
    elif found:
        output.table(_COLUMNS, [_row(analysis, unfinished_yet) for analysis in found], longest=_LONGEST_SUMMARY)


def _row(analysis: RemoteAnalysis, unfinished_yet: Callable[[RemoteAnalysis], str] = standing) -> tuple[str, ...]:
    found = analysis.diagnosis
    severity = "" if found is None else found.severity.value if found.issues_found else "-"
    said = found.summary if found else unfinished(analysis) if analysis.finished else unfinished_yet(analysis)
    return (
        str(analysis.id),
        analysis.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if analysis.created_at else "",
        output.colored(analysis.status.value),
        output.colored(severity),
        one_line(analysis.service_name or ""),
        one_line(said),
    )
