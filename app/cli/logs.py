"""`filter`, `templates`: look into a log, on this machine or on the server. No model is asked."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import click
import orjson

from app.cli import output
from app.cli.exits import Exit
from app.cli.inputs import STDIN, Place, read
from app.cli.moments import Moment
from app.cli.options import choice
from app.clock import SystemClock
from app.domain.excerpts import LogStatistics, Record, Wanted
from app.domain.logs import Level
from app.pipeline.decoding import decode
from app.pipeline.escaping import inert_json, one_line
from app.pipeline.timestamps import offset

_LEVELS = [level.name for level in Level if level is not Level.UNKNOWN]
_ANALYSIS = click.option(
    "--analysis", type=click.IntRange(min=1), metavar="ID", help="The log of this analysis, from the server."
)
_FILE = click.argument("file", required=False, metavar="[FILE|-]")
_COLUMNS = ("RECORDS", "LEVEL", "LINES", "TEMPLATE")
#: Of a pattern, where no terminal says how much fits.
_LONGEST_PATTERN = 160

_FILTER = """Print the records of a log that are loud enough, say something, or happened at some time.

\b
  bifrost-cli filter app.log --severity error
  kubectl logs deploy/api | bifrost-cli filter - --since 15m --keyword timeout
  bifrost-cli filter app.log --severity warning --redact | bifrost-cli submit - --wait

A record is a line with its stack trace or other continuation; one without a time has that of the record before it.
Control characters and colors are left out. Where a CI runner reads along, as `CI` or `TF_BUILD` say, a blank breaks
what it would take for a command; `--json` keeps the text as it is. The exit code is 0 when something was found, 7 when
nothing was.
No server is needed but with `--analysis`.
"""
_TEMPLATES = """Count a log by severity and by template.

\b
  bifrost-cli templates app.log
  journalctl -u api | bifrost-cli templates - --limit 50

A template stands for records that differ only in numbers, ids and names; secrets in it are hidden.
No server is needed but with `--analysis`.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A record as it is shown. `at` as ISO 8601."""

    line: int
    level: str
    at: str | None
    text: str


def _zone(_: click.Context, __: click.Parameter, value: str) -> tzinfo:
    try:
        return offset(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("filter", help=_FILTER)
@_FILE
@_ANALYSIS
@click.option("--severity", type=choice(_LEVELS), help="At least so loud; what has no level is below all of them.")
@click.option("--keyword", metavar="TEXT", help="Stands in the record, in any case of letters.")
@click.option("--regex", is_flag=True, help="The keyword is a regular expression, as RE2 has them.")
@click.option("--since", type=Moment(), help="Happened then or later: a time, or an age such as 90m, 24h, 7d.")
@click.option("--until", type=Moment(), help="Happened before: a time, or an age.")
@click.option(
    "--zone",
    default="+00:00",
    show_default=True,
    callback=_zone,
    metavar="OFFSET",
    help="Of times in the log that name none.",
)
@click.option("--redact", is_flag=True, help="Hide secrets before anything is looked for.")
@click.option("--follow", is_flag=True, help="Print each record as soon as the next one begins, for `kubectl logs -f`.")
@click.option("-n", "--line-number", "numbered", is_flag=True, help="Each line after its number in the log.")
@click.option("--json", "as_json", is_flag=True, help="One object for each record, on a line of its own.")
def filter_(
    *, file: str | None, analysis: int | None, numbered: bool, as_json: bool, follow: bool, **asked: Any
) -> None:
    """See `_FILTER`."""
    _check(file, analysis)
    if follow and (asked["redact"] or analysis):
        raise click.UsageError("--follow reads on and on: --redact and --analysis need the whole log.")
    write = _json_writer if as_json else _numbered_writer if numbered else _text_writer
    if analysis:
        found = _from_server(analysis, asked)
    else:
        found = _from_file(file or STDIN, _wanted(asked), follow=follow, timed=as_json)
    any_found = False
    for one in found:
        any_found = True
        sys.stdout.write(write(one))
        if follow:
            sys.stdout.flush()
    click.get_current_context().exit(Exit.DONE if any_found else Exit.NOTHING_FOUND)


@click.command(help=_TEMPLATES)
@_FILE
@_ANALYSIS
@click.option(
    "--limit",
    type=click.IntRange(1, 500),
    default=20,
    show_default=True,
    help="How many templates, the most telling first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the API's object.")
def templates(*, file: str | None, analysis: int | None, limit: int, as_json: bool) -> None:
    """See `_TEMPLATES`."""
    _check(file, analysis)
    found = _statistics_of_server(analysis, limit) if analysis else _statistics_of_file(file or STDIN, limit)
    if as_json:
        output.json_line(found)
        return
    counted: list[Mapping[str, Any]] = found["templates"]
    levels = ", ".join(f"{count:,} {name}" for name, count in found["levels"].items())
    output.result(f"{found['lines']:,} lines, {found['records']:,} records: {levels or 'none'}")
    if found["first_error"]:
        output.result(f"The first error is in line {found['first_error']:,}.")
    rows = [
        (f"{one['records']:,}", one["level"], f"{one['first']}-{one['last']}", one_line(one["pattern"]))
        for one in counted
    ]
    output.table(_COLUMNS, rows, longest=_LONGEST_PATTERN)


def _check(file: str | None, analysis: int | None) -> None:
    if file and analysis:
        raise click.UsageError("Name a file or an analysis, not both.")
    if not file and not analysis and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("Name a file, pipe a log into `-`, or name an analysis with --analysis.")


def _wanted(asked: Mapping[str, Any]) -> Wanted:
    return Wanted(
        severity=Level[asked["severity"].upper()] if asked["severity"] else None,
        keyword=asked["keyword"],
        regex=asked["regex"],
        since=datetime.fromisoformat(asked["since"]).astimezone(UTC) if asked["since"] else None,
        until=datetime.fromisoformat(asked["until"]).astimezone(UTC) if asked["until"] else None,
        zone=asked["zone"],
        redact=asked["redact"],
    )


def _from_file(name: str, wanted: Wanted, *, follow: bool, timed: bool) -> Iterator[_Found]:
    from app.cli.reading import pieces
    from app.pipeline.filtering import Sieve, Stream, cut_up

    sieve = Sieve(wanted, SystemClock().now(), timed=timed)
    if wanted.redact:
        log = read(Place(name=name))
        text = decode(log.data).text if log else ""
        yield from map(_shown, sieve.pick(cut_up(text, redact=True)))
        return
    stream = Stream(sieve)
    for piece in pieces(name, as_they_come=follow):
        yield from map(_shown, stream.feed(piece))
    yield from map(_shown, stream.close())


def _shown(record: Record) -> _Found:
    at = record.at.isoformat() if record.at else None
    return _Found(line=record.line, level=record.level.name, at=at, text="\n".join(record.lines))


def _from_server(analysis: int, asked: Mapping[str, Any]) -> Iterator[_Found]:
    from app.cli.connection import connect
    from app.client import Question

    question = Question(
        severity=asked["severity"].upper() if asked["severity"] else None,
        keyword=asked["keyword"],
        regex=asked["regex"],
        since=asked["since"],
        until=asked["until"],
        zone=str(asked["zone"]).removeprefix("UTC") or "+00:00",
        redact=asked["redact"],
    )
    for page in connect().logs.every_stored(analysis, question):
        for one in page.records:
            yield _Found(line=one.line, level=one.level, at=one.at.isoformat() if one.at else None, text=one.text)


def _text_writer(one: _Found) -> str:
    return output.verbatim(f"{one.text}\n")


def _numbered_writer(one: _Found) -> str:
    numbered = (f"{number}:{line}\n" for number, line in enumerate(one.text.split("\n"), one.line))
    return output.verbatim("".join(numbered))


def _json_writer(one: _Found) -> str:
    found = orjson.dumps({"line": one.line, "level": one.level, "at": one.at, "text": one.text})
    return inert_json(found.decode()) + "\n"


def _statistics_of_server(analysis: int, limit: int) -> Mapping[str, Any]:
    from app.cli.connection import connect

    return connect().logs.statistics_stored(analysis, limit=limit)


def _statistics_of_file(name: str, limit: int) -> Mapping[str, Any]:
    from app.pipeline.composition import compose
    from app.pipeline.preparation import PreparationLimits

    log = read(Place(name=name))
    found = compose(decode(log.data).text if log else "", most=limit, limits=PreparationLimits())
    return _as_the_api_tells(found)


def _as_the_api_tells(found: LogStatistics) -> Mapping[str, Any]:
    return {
        "lines": found.lines,
        "lines_blank": found.lines_blank,
        "records": found.records,
        "levels": {level.name: count for level, count in found.levels.items()},
        "redactions": dict(found.redactions),
        "first_error": found.first_error,
        "templates": [
            {
                "pattern": one.pattern,
                "level": one.level.name,
                "records": one.records,
                "lines": one.lines,
                "first": one.first,
                "last": one.last,
            }
            for one in found.templates
        ],
    }
