"""`export`: analyses by the thousand, into a file or a pipe."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from app.cli import output
from app.cli.connection import connect
from app.cli.exits import Stop
from app.cli.filters import filter_options, wanted_of

_FORMATS = ("jsonl", "csv")


@click.command()
@click.option(
    "--format",
    "format_",
    type=click.Choice(_FORMATS),
    help="How they are written [default: by the name of --output, else jsonl].",
)
@click.option(
    "--output", "-o", "file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write there."
)
@filter_options
def export(*, format_: str | None, file: Path | None, **filters: str | None) -> None:
    """Export analyses, newest first, as JSON lines or CSV.

    Not the logs themselves. In CSV, a cell that a spreadsheet would take for a formula begins with an apostrophe. A
    file is there only when all of it is.

    \b
        bifrost-cli export --since 7d --severity high -o high.csv
        bifrost-cli export --service api | jq -r .diagnosis.summary
    """  # noqa: D301 - \b is click's: keep the lines
    named = file.suffix.lstrip(".") if file else ""
    pieces = connect().export(format_ or (named if named in _FORMATS else "jsonl"), wanted_of(filters))
    if file is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        return
    size = _written(file, pieces)
    output.note(f"{file}: {size:,} bytes")


def _written(file: Path, pieces: Iterable[bytes]) -> int:
    """Under another name until it is whole: half an export must not pass for one."""
    partial = file.with_name(f"{file.name}.part")
    try:
        with partial.open("wb") as target:
            size = sum(target.write(piece) for piece in pieces)
        partial.replace(file)
    except OSError as error:
        raise Stop(f"{file}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return size
