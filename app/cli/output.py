"""Standard output carries results, standard error everything else."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence

import click
import orjson

from app.domain.diagnoses import Severity
from app.pipeline.escaping import inert, inert_json

#: Variables by which CI runners tell that they read what is printed: most of them, Azure Pipelines, TeamCity.
RUNNERS = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
COLORS = {
    Severity.LOW.value: "cyan",
    Severity.MEDIUM.value: "yellow",
    Severity.HIGH.value: "red",
    Severity.CRITICAL.value: "magenta",
    "completed": "green",
    "failed": "red",
    "cancelled": "yellow",
}


def result(text: str) -> None:
    """A part of the result. No line of it is a command to a CI runner."""
    click.echo(inert(text))


def command(text: str) -> None:
    """A command to a CI runner, made by us: the only one that is printed as such."""
    click.echo(text)


def verbatim(text: str) -> str:
    """A stored text as it is printed: as it is, for whoever reads it next, unless a CI runner would obey it."""
    return inert(text) if for_runner() else text


def for_runner() -> bool:
    """Whether a CI runner reads what is printed."""
    # set by runners, not a setting of ours
    said = (os.environ.get(name, "") for name in RUNNERS)  # noqa: TID251 - see above
    return any(value.lower() not in {"", "0", "false"} for value in said)


def note(text: str) -> None:
    """For the person at the terminal."""
    click.echo(inert(text), err=True)


def warn(text: str) -> None:
    """For the person at the terminal, in yellow."""
    click.secho(inert(text), err=True, fg="yellow")


def json_line(value: Mapping[str, object] | Sequence[object]) -> None:
    """One line of JSON; indented on a terminal."""
    on_terminal = sys.stdout.isatty()
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if on_terminal else None).decode()
    click.echo(inert_json(text))


def colored(word: str) -> str:
    """A severity or status in its color; click takes the color off where it does not belong."""
    return click.style(word, fg=COLORS.get(word), bold=word in {"HIGH", "CRITICAL"})


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, longest: int | None = None) -> None:
    """Aligned columns, two spaces apart. The head is for people: a pipe gets the rows alone.

    On a terminal the last column is cut so that a row is a line, elsewhere to `longest` columns.
    """
    on_terminal = sys.stdout.isatty()
    widths = [max(_cells(row[column]) for row in (head, *rows)) for column in range(len(head))]
    left = max(20, shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * len(widths[:-1]))
    room = left if on_terminal else longest or widths[-1]
    if on_terminal:
        result(click.style(_row(head, widths), dim=True))
    for row in rows:
        result(_row((*row[:-1], _cut(row[-1], room)), widths))


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell + " " * (width - _cells(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cut(text: str, room: int) -> str:
    if _cells(text) <= room:
        return text
    kept = click.unstyle(text)
    while _cells(kept) >= room:
        kept = kept[:-1]
    return f"{kept}…"


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in click.unstyle(text))
