"""A diagnosis drawn on a terminal: what to know first, then why, what to do, and where it stands in the log."""

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli.words import degradation, footer, unfinished
from app.client import RemoteAnalysis
from app.domain.diagnoses import Diagnosis
from app.pipeline import rendering
from app.pipeline.escaping import inert, list_marker, one_line

#: Longer lines are hard to read.
WIDEST = 110
BADGES = {
    "LOW": "black on cyan",
    "MEDIUM": "black on yellow",
    "HIGH": "bold white on red",
    "CRITICAL": "bold white on magenta",
}
HEALTHY = "black on green"


def draw(analysis: RemoteAnalysis, *, name: str) -> None:
    """Print it on standard output."""
    console = Console(highlight=False)
    console.width = min(console.width, WIDEST)
    found = analysis.diagnosis
    console.print()
    if name:
        console.print(Text(inert(one_line(name)), style="bold dim"))
    if found is None:
        console.print(_headline(analysis.status.value.upper(), "bold white on red", unfinished(analysis)))
    else:
        badge = BADGES[found.severity.value] if found.issues_found else HEALTHY
        console.print(_headline(rendering.headline(found, language=analysis.language), badge, found.summary))
        console.print(Padding(_rows(analysis, found), (0, 0, 0, 1)))
    console.print(Text(f" {footer(analysis)}", style="dim"))


def _headline(word: str, style: str, text: str) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(Text(f" {word} ", style=style), Text(inert(one_line(text)), style="bold"))
    return grid


def _rows(analysis: RemoteAnalysis, found: Diagnosis) -> Table:
    language = analysis.language
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(ratio=1)
    for part in rendering.sections(found, language=language):
        grid.add_row(part.label, Group(*(_paragraph(line) for line in part.lines)))
    if found.evidence:
        grid.add_row(rendering.label("evidence", language=language), _evidence(found))
    elif found.issues_found:
        grid.add_row(rendering.label("evidence", language=language), rendering.label("no_evidence", language=language))
    if (why := degradation(analysis)) is not None:
        said = inert(rendering.by_rules(why, language=language))
        grid.add_row(rendering.label("answered", language=language), Text(said))
    grid.add_row(rendering.label("confidence", language=language), _confidence(found, language))
    if analysis.coverage:
        line = Text(rendering.coverage_line(analysis.coverage, language=language), style="dim")
        grid.add_row(rendering.label("read", language=language), line)
    return grid


def _paragraph(line: str) -> RenderableType:
    """A list item keeps its indentation when it wraps."""
    marker = list_marker(line)
    if not marker:
        return _prose(line)
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(Text(marker), _prose(line[len(marker) :]))
    return grid


def _prose(line: str) -> Text:
    """Commands and names stand out."""
    text = Text(inert(line.strip()))
    text.highlight_regex(r"`[^`]+`", "cyan")
    return text


def _evidence(found: Diagnosis) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True, style="cyan")
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(ratio=1, overflow="fold")
    for number, text in rendering.quotes(found):
        grid.add_row(number, "│", Text(inert(text)))
    return grid


def _confidence(found: Diagnosis, language: str) -> Text:
    full = round(found.confidence * 10)
    said = rendering.confidence(found, language=language)
    return Text.assemble(("━" * full, "green"), ("━" * (10 - full), "dim"), f" {said}")
