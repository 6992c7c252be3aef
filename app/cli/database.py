"""`db`: the database's schema."""

import sys

import click

from app.cli import output
from app.cli.connection import administrative, database_url
from app.cli.exits import Exit

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def db() -> None:
    """Upgrade, downgrade and show the database's schema."""


@db.command()
@_JSON
def upgrade(*, as_json: bool) -> None:
    """Bring the schema to this version's.

    Safe to repeat, and while others do the same.
    """
    from app.storage import schema

    url = database_url(administrative())
    before = schema.current(url)
    schema.upgrade(url)
    _moved(before, schema.current(url), as_json=as_json)


@db.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_JSON
def downgrade(*, revision: str, yes: bool, as_json: bool) -> None:
    """Bring the schema back to REVISION (`base`: nothing at all).

    What the older schema has no place for is lost.
    """
    from app.storage import schema

    if revision not in (known := ("base", *schema.revisions())):
        raise click.UsageError(f"There is no revision {revision}: it is one of {', '.join(known)}.")
    url = database_url(administrative())
    if not yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise click.UsageError("Data may be lost. Say --yes.")
        click.confirm(f"Data may be lost. Go back to {revision}?", abort=True, err=True)
    before = schema.current(url)
    schema.downgrade(url, revision)
    _moved(before, schema.current(url), as_json=as_json)


@db.command()
@_JSON
def current(*, as_json: bool) -> None:
    """Show the schema's revision.

    The exit code is 1 when it is not the one this version needs.
    """
    from app.storage import schema

    found, needed = schema.current(database_url(administrative())), schema.head()
    if as_json:
        output.json_line({"current": found, "needed": needed})
    else:
        output.result(found or "none")
    if found != needed:
        output.warn(f"Revision {needed} is needed: run `bifrost-cli db upgrade`.")
        click.get_current_context().exit(Exit.ERROR)


def _moved(before: str | None, after: str | None, *, as_json: bool) -> None:
    if as_json:
        output.json_line({"before": before, "current": after})
    elif before == after:
        output.result(f"{after or 'none'}: nothing to do")
    else:
        output.result(f"{before or 'none'} → {after or 'none'}")
