"""A diagnosis in a few lines, each cut to the width of the terminal: for a look at many of them."""

import sys

from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text

from app.cli.terminal import BADGES, HEALTHY, WIDEST
from app.cli.words import unfinished
from app.client import RemoteAnalysis
from app.domain.diagnoses import Diagnosis
from app.pipeline import rendering
from app.pipeline.escaping import inert, one_line

_MOST_QUOTES = 3
_LABEL_CELLS = 12


def draw_briefly(analysis: RemoteAnalysis, *, name: str) -> None:
    """Print it on standard output: what, why, at most three lines of evidence, what was read."""
    console = Console(highlight=False)
    console.width = min(console.width, WIDEST) if sys.stdout.isatty() else WIDEST
    if sys.stdout.isatty():
        console.print()
    for line in (Text(inert(one_line(name)), style="bold dim"), *_lines(analysis)):
        line.truncate(console.width, overflow="ellipsis")
        console.print(line, soft_wrap=True)


def _lines(analysis: RemoteAnalysis) -> list[Text]:
    found = analysis.diagnosis
    if found is None:
        return [_headline(analysis.status.value.upper(), "bold white on red", unfinished(analysis))]
    language = analysis.language
    badge = BADGES[found.severity.value] if found.issues_found else HEALTHY
    lines = [_headline(rendering.headline(found, language=language), badge, found.summary)]
    cause = rendering.sections(found, language=language)[:1]
    lines += [_row(part.label, Text(inert(" ".join(part.lines)))) for part in cause]
    labels = (rendering.label("evidence", language=language), *[""] * _MOST_QUOTES)
    lines += [_row(label, quote) for label, quote in zip(labels, _quotes(found), strict=False)]
    if analysis.coverage:
        read = Text(rendering.coverage_line(analysis.coverage, language=language), style="dim")
        lines.append(_row(rendering.label("read", language=language), read))
    return lines


def _headline(word: str, style: str, text: str) -> Text:
    return Text.assemble((f" {word} ", style), " ", (inert(one_line(text)), "bold"))


def _row(label: str, text: Text) -> Text:
    return Text.assemble((set_cell_size(f"  {label}", _LABEL_CELLS), "dim"), text)


def _quotes(found: Diagnosis) -> list[Text]:
    """The first of those that differ."""
    first: dict[str, str] = {}
    for mark, text in rendering.quotes(found):
        first.setdefault(text, mark)
    rows = [(mark, text) for text, mark in first.items()][:_MOST_QUOTES]
    return [Text.assemble((mark, "cyan"), (" │ ", "dim"), inert(text)) for mark, text in rows]
