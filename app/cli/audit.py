"""`audit`: who did which administrative act."""

from dataclasses import replace
from datetime import datetime

import click
import orjson

from app.cli import output
from app.cli.connection import administrative
from app.cli.moments import Moment
from app.cli.parts import opened
from app.domain.audit import Act, Entry, EntryFilter
from app.pipeline.escaping import one_line

_COLUMNS = ("WHEN", "PROJECT", "WHO", "ACT", "ON", "DETAILS")
#: Entries read at a time.
_PAGE = 500


@click.command()
@click.option("--project", metavar="NAME", help="Only in this project.")
@click.option("--actor", metavar="PREFIX", help="Only with the key of this prefix, or by `operator`.")
@click.option("--act", type=click.Choice([act.value for act in Act]), help="Only such acts.")
@click.option("--since", type=Moment(), help="Only later: a time, or an age such as 90m, 24h, 7d.")
@click.option("--until", type=Moment(), help="Only earlier: a time, or an age.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object on each line.")
def audit(
    *,
    project: str | None,
    actor: str | None,
    act: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List administrative acts, latest first.

    \b
    bifrost-cli audit --since 7d --act key.create

    What was done with an API key has the key's prefix; what was done on the server itself, `operator`. Each entry was
    written in the transaction of its act.
    """  # noqa: D301 - \b is click's: keep the lines
    wanted = EntryFilter(
        project=project,
        actor=actor,
        act=Act(act) if act else None,
        since=datetime.fromisoformat(since) if since else None,
        until=datetime.fromisoformat(until) if until else None,
        limit=limit,
    )
    found = _read(wanted)
    if as_json:
        for entry in found:
            output.json_line(_fields(entry))
    elif found:
        output.table(_COLUMNS, [_row(entry) for entry in found])
    else:
        output.note("No act is like that.")


def _read(wanted: EntryFilter) -> tuple[Entry, ...]:
    """Page by page, so that a large limit holds no long transaction."""
    found: tuple[Entry, ...] = ()
    with opened(administrative()) as container:
        while True:
            size = min(_PAGE, wanted.limit - len(found))
            before = (found[-1].at, found[-1].id) if found else None
            page = container.auditing.list(replace(wanted, limit=size, before=before))
            found += page.items
            if page.next_before is None or len(found) >= wanted.limit:
                return found


def _row(entry: Entry) -> tuple[str, ...]:
    when = entry.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    told = {name: value for name, value in entry.details.items() if value is not None}
    details = one_line(orjson.dumps(told).decode()) if told else ""
    return (when, one_line(entry.project), entry.actor, entry.act, one_line(entry.subject), details)


def _fields(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "at": entry.at,
        "project": entry.project,
        "actor": entry.actor,
        "act": entry.act,
        "subject": entry.subject,
        "details": entry.details,
    }
