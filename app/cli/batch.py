"""`batch`: every log of a directory."""

import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import click

from app.cli import output
from app.cli.batch_sending import File, Sending
from app.cli.exits import Exit, Stop, worst
from app.cli.inputs import everything
from app.cli.options import WAIT_SECONDS, Seconds, asked, asking_options, choice
from app.cli.progress import Progress
from app.cli.show import code_of
from app.cli.terminating import terminable
from app.cli.words import unfinished
from app.client import ClientError, RemoteAnalysis
from app.domain.analyses import Source, Status
from app.domain.diagnoses import Severity
from app.pipeline.escaping import one_line, printable

_COLUMNS = ("FILE", "STATUS", "SEVERITY", "ID", "SUMMARY")
_LONGEST_SUMMARY = 100
_NOT_ACCEPTED = "error"


@click.command()
@click.option("--source", type=choice(Source), help="Who shall answer [default: auto].")
@asking_options
@click.option(
    "--concurrency", type=click.IntRange(1, 16), default=4, show_default=True, help="Calls to the server at a time."
)
@click.option("--anew", is_flag=True, help="Analyze again what an earlier run has sent.")
@click.option("--fail-on", type=choice(Severity), help="Exit with 4 when an issue is this severe, or worse.")
@click.option(
    "--timeout",
    type=Seconds(min=0),
    show_default=False,
    default=WAIT_SECONDS,
    metavar="SECONDS",
    help=f"Wait at most this long for the results; the analyses go on after it [default: {WAIT_SECONDS:g}].",
)
@click.option("--json", "as_json", is_flag=True, help="Print an object for each file, with the API's analysis in it.")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
def batch(
    *,
    directory: Path,
    source: str | None,
    concurrency: int,
    anew: bool,
    fail_on: str | None,
    timeout: float,
    as_json: bool,
    **given: Any,
) -> None:
    """Analyze every log of a directory, and print a line for each.

    Its `*.log`, `*.txt`, `*.out` and `*.err`, also with `.gz`, and those of the directories in it. A file that cannot
    be read, is empty or too large gets an error and touches no other; the exit code is 2 then. The table is followed
    by a summary on standard error.

    What was interrupted goes on when the same command is run again: a file whose name, content and options are those of
    an earlier run is not analyzed again, its result is shown. `--anew` analyzes all of them again.

    \b
        bifrost-cli batch logs/ --service shop --fail-on high
        bifrost-cli batch logs/ --json | jq -r 'select(.error) | .file'
    """  # noqa: D301 - \b is click's: keep the lines
    with Progress().activity(str(directory)) as tell:
        sending = Sending(
            options=asked(given, source=source),
            concurrency=concurrency,
            anew=uuid.uuid4().hex if anew else "",
            tell=lambda sent, ended: tell(f"{sent:,} accepted" if not ended else f"{ended:,} of {sent:,} analyzed"),
        )
        try:
            with terminable():
                sending.send(everything(directory), f"{directory}/")
                in_time = sending.wait(timeout)
        except (KeyboardInterrupt, ClientError):
            output.note(_interrupted(sending))
            raise
    if not sending.files:
        raise Stop(f"{directory}: no *.log, *.txt, *.out or *.err in this directory.")
    _print(sending.files, as_json=as_json)
    for line in _summary(sending.files):
        output.note(line)
    if not in_time:
        output.warn(f"Not all have ended after {timeout:g} s; they go on. Run the same command again to see them.")
    click.get_current_context().exit(worst(_code(file, fail_on) for file in sending.files))


def _print(files: list[File], *, as_json: bool) -> None:
    if as_json:
        for file in files:
            name = file.name.encode(errors="replace").decode()
            told = {"error": file.trouble} if file.trouble else {"analysis": file.analysis and file.analysis.raw}
            output.json_line({"file": name, **told})
        return
    output.table(_COLUMNS, [_row(file) for file in files], longest=_LONGEST_SUMMARY)


def _row(file: File) -> tuple[str, ...]:
    name = one_line(printable(file.name))
    if file.trouble:
        return name, click.style(_NOT_ACCEPTED, fg="red"), "", "", one_line(file.trouble)
    analysis = file.analysis
    if analysis is None:
        return name, "running", "", "", ""
    found = analysis.diagnosis
    said = found.summary if found else unfinished(analysis)
    severity = output.colored(_severity(analysis)) if found else ""
    return name, output.colored(analysis.status.value), severity, str(analysis.id), one_line(said)


def _severity(analysis: RemoteAnalysis) -> str:
    found = analysis.diagnosis
    return found.severity.value if found and found.issues_found else "-"


def _summary(files: list[File]) -> list[str]:
    """What is not there is not named."""
    ended = [file.analysis for file in files if file.analysis]
    severities = Counter(_severity(one) for one in ended if one.status is Status.COMPLETED)
    rows = [
        ("files", len(files)),
        ("analyzed", sum(severities.values())),
        *((f"  {severity.value}", severities[severity.value]) for severity in reversed(Severity)),
        ("  nothing wrong", severities["-"]),
        ("failed", sum(one.status is Status.FAILED for one in ended)),
        ("cancelled", sum(one.status is Status.CANCELLED for one in ended)),
        ("not finished", sum(not file.analysis and not file.trouble for file in files)),
        ("errors", sum(bool(file.trouble) for file in files)),
    ]
    return ["", *(f"{name:<16}{count:>7,}" for name, count in rows if count)]


def _code(file: File, fail_on: str | None) -> Exit:
    if file.trouble:
        return Exit.USAGE
    return Exit.NOT_FINISHED if file.analysis is None else code_of(file.analysis, fail_on)


def _interrupted(sending: Sending) -> str:
    accepted = sum(len(files) for files in sending.accepted.values())
    return f"\n{accepted:,} accepted, and going on. Run the same command again for the rest: nothing is done twice."
