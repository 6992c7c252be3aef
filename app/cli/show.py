"""A finished analysis in the format asked for; in color on a terminal."""

import sys
from collections.abc import Callable, Mapping, Sequence

from app.cli import output
from app.cli.exits import Exit
from app.cli.words import degradation, footer, standing, unfinished
from app.client import RemoteAnalysis
from app.domain.analyses import Status
from app.domain.diagnoses import Severity
from app.pipeline import rendering
from app.pipeline.escaping import command_data, command_property, markdown_inline
from app.pipeline.sarif import Report, sarif

FORMATS = ("plain", "markdown", "json", "github", "sarif")
#: What names the file of the log in it, also when there is only one.
NAMES_ITS_FILE = frozenset({"github", "sarif"})
#: Sources that are no place: their name is not one of a file.
_UNNAMED = frozenset({"standard input", ""})


def show(analysis: RemoteAnalysis, *, name: str, format_: str) -> None:
    """Print it. `name`: of the log, empty when unknown."""
    if format_ == "json":
        output.json_line(analysis.raw)
    elif format_ == "plain" and sys.stdout.isatty() and not output.for_runner():
        from app.cli.terminal import draw

        draw(analysis, name=name)
    else:
        # of SARIF and of our commands nothing is left that a runner would obey
        write = output.command if format_ in NAMES_ITS_FILE else output.result
        write(_TEXTS[format_](analysis, name).rstrip("\n"))


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
        body = rendering.plain(found, analysis.coverage, language=analysis.language, degraded=degradation(analysis))
    return f"{head}{body}  ({footer(analysis)})\n"


def _markdown(analysis: RemoteAnalysis, name: str) -> str:
    head = f"## {markdown_inline(name)}\n\n" if name else ""
    found = analysis.diagnosis
    if found is None:
        body = f"### {analysis.status.value.upper()} · {markdown_inline(unfinished(analysis))}\n"
    else:
        body = rendering.markdown(found, analysis.coverage, language=analysis.language, degraded=degradation(analysis))
    return f"{head}{body}\n<sub>{markdown_inline(footer(analysis))}</sub>\n"


def _github(analysis: RemoteAnalysis, name: str) -> str:
    found = analysis.diagnosis
    file = _file(analysis, name)
    if found is not None:
        return rendering.github(
            found, analysis.coverage, language=analysis.language, file=file, degraded=degradation(analysis)
        )
    place = f"file={command_property(file)}," if file else ""
    title = f"Bifrost: analysis {analysis.id} {analysis.status.value}"
    return f"::error {place}title={command_property(title)}::{command_data(unfinished(analysis))}\n"


def sarif_of(analyses: Sequence[tuple[RemoteAnalysis, str]]) -> str:
    """One document for all of them, with the names of their logs: several would be no SARIF."""
    return sarif([_report(analysis, name) for analysis, name in analyses])


def _report(analysis: RemoteAnalysis, name: str) -> Report:
    trouble = unfinished(analysis) if analysis.finished else standing(analysis)
    return Report(
        diagnosis=analysis.diagnosis,
        coverage=analysis.coverage,
        language=analysis.language,
        file=_file(analysis, name),
        degraded=degradation(analysis),
        analysis=analysis.id,
        trouble=f"analysis {analysis.id}: {analysis.status.value}: {trouble}",
    )


def _file(analysis: RemoteAnalysis, name: str) -> str | None:
    """The log's path; None when it came from a pipe, or nobody remembers."""
    return None if name in _UNNAMED or name == f"analysis {analysis.id}" else name


_TEXTS: Mapping[str, Callable[[RemoteAnalysis, str], str]] = {
    "plain": _plain,
    "markdown": _markdown,
    "github": _github,
    "sarif": lambda analysis, name: sarif_of([(analysis, name)]),
}


def summary_markdown(analysis: RemoteAnalysis, name: str) -> str:
    """For the page of a CI run."""
    return _markdown(analysis, name)
