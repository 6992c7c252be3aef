"""`dead-letters`: what failed for good."""

import base64
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

import click

from app.cli import output
from app.cli.connection import connect
from app.cli.exits import worst
from app.cli.moments import Moment
from app.cli.options import with_options
from app.cli.several import ask_each
from app.client import ApiError
from app.pipeline.escaping import one_line

_COLUMNS = ("ID", "FAILED", "CODE", "STAGE", "ATTEMPTS", "REPLAYS", "SERVICE", "DETAIL")
#: Of a record's value; `--json` has all of it.
_VALUE_BYTES = 500
_ATTEMPTS = ("STARTED", "ENDED", "STAGE", "ATTEMPT", "PROVIDER", "OUTCOME", "ERROR")


class LetterId(click.ParamType[str]):
    """`analysis-42`, or `42` for short."""

    name = "id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As the API writes it."""
        origin, _, number = str(value).rpartition("-")
        if not number.isascii() or not number.isdigit() or not (origin or "analysis").isalpha():
            self.fail(f"{str(value)!r} is not the id of a dead letter, such as analysis-42 or 42", param, ctx)
        return f"{origin or 'analysis'}-{int(number)}"


_IDS = click.argument("ids", nargs=-1, required=True, type=LetterId(), metavar="ID...")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the API's objects, one on each line.")
_filters = with_options(
    click.option("--origin", type=click.Choice(["analysis", "record"]), help="Only analyses, or records of Kafka."),
    click.option("--code", metavar="CODE", help="Only those that failed with this error code."),
    click.option("--service", "service_name", metavar="NAME", help="Only of this service."),
    click.option("--since", type=Moment(), help="Only failed later: a time, or an age such as 90m, 24h, 7d."),
    click.option("--until", type=Moment(), help="Only failed earlier: a time, or an age."),
)


@click.group("dead-letters")
def dead_letters() -> None:
    """List, show, replay and discard what failed for good."""


@dead_letters.command("list")
@_filters
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@_JSON
def list_(*, limit: int, as_json: bool, **filters: str | None) -> None:
    """List dead letters, latest failure first."""
    wanted = _given(filters)
    found = list(connect().dead_letters.list(wanted, limit=limit))
    if as_json:
        for letter in found:
            output.json_line(letter)
    elif found:
        output.table(_COLUMNS, [_row(letter) for letter in found])
    else:
        output.note("No dead letter is like that." if wanted else "There is no dead letter.")


@dead_letters.command()
@_IDS
@_JSON
def show(*, ids: tuple[str, ...], as_json: bool) -> None:
    """Show dead letters with everything that was tried."""
    found, codes = ask_each(ids, connect().dead_letters.get)
    for autopsy in found:
        if as_json:
            output.json_line(autopsy)
            continue
        letter, attempts = _child(autopsy, "letter"), autopsy.get("attempts")
        output.table(_COLUMNS, [_row(letter)])
        if isinstance(attempts, list) and attempts:
            output.table(_ATTEMPTS, [_attempt(one) for one in attempts])
        if _child(autopsy, "record"):
            _record(_child(autopsy, "record"))
    click.get_current_context().exit(worst(codes))


@dead_letters.command()
@click.argument("ids", nargs=-1, type=LetterId(), metavar="[ID]...")
@_filters
@click.option("--all", "all_", is_flag=True, help="All of them, when neither ids nor filters are given.")
@_JSON
def replay(*, ids: tuple[str, ...], all_: bool, as_json: bool, **filters: str | None) -> None:
    """Replay dead letters, by id or by filter.

    Their analyses go again from the beginning; records are taken in again by the next bridge that runs. By filter the
    oldest go first; it ends when all of them have gone.
    """
    wanted = _given(filters)
    if bool(ids) + bool(wanted) + all_ != 1:
        raise click.UsageError("Give either ids, or filters, or --all.")
    remote = connect().dead_letters
    if ids:
        found, codes = ask_each(ids, remote.replay)
        for one in found:
            if as_json:
                output.json_line(one)
            elif "origin" in one:
                # a record has no analysis yet
                output.result(f"{one.get('id')} goes again as soon as a bridge takes it in")
            else:
                output.result(f"analysis {one.get('id')} goes again")
        _note_without_bridge()
        click.get_current_context().exit(worst(codes))
    # what fails again meanwhile is for the next time, or this would never end
    wanted.setdefault("until", Moment().convert("0s", None, None))
    count, more = 0, True
    while more:
        part = remote.replay_all(wanted)
        count, more = count + part.count, part.more
    if as_json:
        output.json_line({"replayed": count})
    else:
        output.result(f"{count} go again" if count != 1 else "1 goes again")
    _note_without_bridge()


@dead_letters.command()
@_IDS
def discard(*, ids: tuple[str, ...]) -> None:
    """Discard dead letters: they are listed no more.

    Their analyses stay in the history, failed, and can still be sent again with `bifrost-cli retry`.
    """
    remote = connect().dead_letters

    def one(letter_id: str) -> Mapping[str, object]:
        remote.discard(letter_id)
        output.note(f"{letter_id} is discarded.")
        return {}

    _, codes = ask_each(ids, one)
    click.get_current_context().exit(worst(codes))


def _note_without_bridge() -> None:
    """A record that waits is in no list: say what it waits for."""
    with suppress(ApiError):  # the replay itself is done
        found = connect().heimdall()
        if found["replays"] and not (found["ok"] and found["bridges"]):
            output.note(f"{found['replays']} of Kafka's records wait for a bridge: {one_line(str(found['detail']))}.")


def _given(filters: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in filters.items() if value}


def _row(letter: Mapping[str, object]) -> tuple[str, ...]:
    error = _child(letter, "error")
    return (
        _text(letter, "id"),
        _moment(letter, "failed_at"),
        output.colored(_text(error, "code")),
        _text(letter, "stage"),
        _text(letter, "attempts"),
        _text(letter, "replays"),
        _text(letter, "service_name"),
        _text(error, "detail"),
    )


def _record(record: Mapping[str, object]) -> None:
    """Where it stands, and how its value begins."""
    value = base64.b64decode(_text(record, "value") or "")
    output.result(f"{_text(record, 'topic')}, partition {_text(record, 'partition')}, offset {_text(record, 'offset')}")
    output.result(one_line(value[:_VALUE_BYTES].decode(errors="replace")) + ("…" if len(value) > _VALUE_BYTES else ""))


def _attempt(attempt: Mapping[str, object]) -> tuple[str, ...]:
    names = ("stage", "attempt", "provider", "outcome")
    times = (_moment(attempt, "started_at"), _moment(attempt, "ended_at"))
    return (*times, *(_text(attempt, name) for name in names), _text(_child(attempt, "error"), "detail"))


def _child(value: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, object], name: str) -> str:
    found = value.get(name)
    return "" if found is None else one_line(str(found))


def _moment(value: Mapping[str, object], name: str) -> str:
    found = value.get(name)
    return datetime.fromisoformat(str(found)).astimezone().strftime("%Y-%m-%d %H:%M:%S") if found else ""
