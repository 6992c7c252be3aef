"""A finished analysis in the format asked for; in color on a terminal."""

import sys
from collections.abc import Callable, Mapping

from app.cli import output
from app.cli.exits import Exit
from app.cli.words import footer, unfinished
from app.client import RemoteAnalysis
from app.domain.analyses import Status
from app.domain.diagnoses import Severity
from app.pipeline import rendering
from app.pipeline.escaping import command_data, command_property, markdown_inline

FORMATS = ("plain", "markdown", "json", "github")
#: Sources that are no place: their name is not one of a file.
_UNNAMED = frozenset({"standard input", ""})


def show(analysis: RemoteAnalysis, *, name: str, format_: str) -> None:
    """Print it. `name`: of the log, empty when unknown."""
    if format_ == "json":
        output.json_line(analysis.raw)
    elif format_ == "plain" and sys.stdout.isatty():
        from app.cli.terminal import draw

        draw(analysis, name=name)
    else:
        output.result(_TEXTS[format_](analysis, name).rstrip("\n"))


def code_of(analysis: RemoteAnalysis, fail_on: str | None) -> Exit:
    """How a finished analysis ends the command."""
    if analysis.status is not Status.COMPLETED or analysis.diagnosis is None:
        return Exit.NOT_COMPLETED
    found = analysis.diagnosis
    if fail_on and found.issues_found and found.severity.rank >= Severity(fail_on.upper()).rank:
        return Exit.FINDING
    return Exit.DONE


def _plain(analysis: RemoteAnalysis, name: str) -> str:
    head = f"{name}: " if name else ""
    found = analysis.diagnosis
    if found is None:
        body = f"{analysis.status.value.upper()}  {unfinished(analysis)}\n"
    else:
        body = rendering.plain(found, analysis.coverage, language=analysis.language)
    return f"{head}{body}  ({footer(analysis)})\n"


def _markdown(analysis: RemoteAnalysis, name: str) -> str:
    head = f"## {markdown_inline(name)}\n\n" if name else ""
    found = analysis.diagnosis
    if found is None:
        body = f"### {analysis.status.value.upper()} · {markdown_inline(unfinished(analysis))}\n"
    else:
        body = rendering.markdown(found, analysis.coverage, language=analysis.language)
    return f"{head}{body}\n<sub>{markdown_inline(footer(analysis))}</sub>\n"


def _github(analysis: RemoteAnalysis, name: str) -> str:
    found = analysis.diagnosis
    file = None if name in _UNNAMED else name
    if found is not None:
        return rendering.github(found, analysis.coverage, language=analysis.language, file=file)
    place = f"file={command_property(file)}," if file else ""
    title = f"Bifrost: analysis {analysis.id} {analysis.status.value}"
    return f"::error {place}title={command_property(title)}::{command_data(unfinished(analysis))}\n"


_TEXTS: Mapping[str, Callable[[RemoteAnalysis, str], str]] = {
    "plain": _plain,
    "markdown": _markdown,
    "github": _github,
}


def summary_markdown(analysis: RemoteAnalysis, name: str) -> str:
    """For the page of a CI run."""
    return _markdown(analysis, name)
