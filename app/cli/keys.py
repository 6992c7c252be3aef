"""`keys`: who may use the API."""

from datetime import datetime, timedelta

import click

from app.cli import output
from app.cli.connection import administrative
from app.cli.moments import Span
from app.cli.parts import opened
from app.clock import SystemClock
from app.domain.keys import ApiKey, Scope
from app.pipeline.escaping import one_line

_COLUMNS = ("PREFIX", "NAME", "PROJECT", "SCOPES", "CREATED", "LAST USED", "STATE")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object on each line.")


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option("--project", default="default", show_default=True, help="The project whose analyses it sees.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    default=(Scope.SUBMIT.value, Scope.READ.value),
    show_default=True,
    help="What it may do; repeatable.",
)
@click.option("--expires", type=Span(), help="How long it is valid: 12h, 90d, 52w [default: until it is revoked].")
@_JSON
def create(*, name: str, project: str, scopes: tuple[str, ...], expires: float | None, as_json: bool) -> None:
    """Create an API key called NAME, and print it.

    It is shown this once: only a hash of it is stored.
    """
    until = SystemClock().now() + timedelta(seconds=expires) if expires is not None else None
    with opened(administrative()) as container:
        made = container.keys.create(
            name=name, project=project, scopes=frozenset(Scope(scope) for scope in scopes), expires_at=until
        )
    if as_json:
        output.json_line({**_fields(made.key), "token": made.token})
        return
    output.result(made.token)
    output.note(f"Keep it: it is not shown again. Revoke it with `bifrost-cli keys revoke {made.key.prefix}`.")


@keys.command("list")
@_JSON
def list_(*, as_json: bool) -> None:
    """List all keys, newest first."""
    with opened(administrative()) as container:
        found = container.keys.list()
    if as_json:
        for key in found:
            output.json_line(_fields(key))
    elif found:
        output.table(_COLUMNS, [_row(key) for key in found])
    else:
        output.note("There is no key yet: `bifrost-cli keys create NAME`.")


@keys.command()
@click.argument("prefix")
def revoke(*, prefix: str) -> None:
    """Revoke the key that begins with bf_PREFIX."""
    # people paste whole keys
    kind, _, rest = prefix.partition("_")
    short = rest.partition("_")[0] if kind == "bf" and rest else prefix
    with opened(administrative()) as container:
        container.keys.revoke(short)
    output.note(f"{short} is revoked.")


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    return "valid" if key.usable(SystemClock().now()) else "expired"


def _row(key: ApiKey) -> tuple[str, ...]:
    names = (key.prefix, one_line(key.name), one_line(key.project), ",".join(sorted(key.scopes)))
    return (*names, _day(key.created_at), _day(key.last_used_at), _state(key))


def _day(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "never"


def _fields(key: ApiKey) -> dict[str, object]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "project": key.project,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "state": _state(key),
    }
