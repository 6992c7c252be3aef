"""Standard output carries results, standard error everything else."""

import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence

import click
import orjson

from app.domain.diagnoses import Severity

#: They would act on the terminal; inside JSON strings they can be written as escapes.
_ACTIVE = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
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
    """A part of the result."""
    click.echo(text)


def note(text: str) -> None:
    """For the person at the terminal."""
    click.echo(text, err=True)


def warn(text: str) -> None:
    """For the person at the terminal, in yellow."""
    click.secho(text, err=True, fg="yellow")


def json_line(value: Mapping[str, object] | Sequence[object]) -> None:
    """One line of JSON; indented on a terminal."""
    on_terminal = sys.stdout.isatty()
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if on_terminal else None).decode()
    result(_ACTIVE.sub(lambda match: json.dumps(match[0])[1:-1], text))


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
