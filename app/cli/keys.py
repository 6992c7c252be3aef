"""`keys`: who may use the API."""

from datetime import datetime, timedelta

import click

from app.cli import output
from app.cli.connection import administrative
from app.cli.moments import Span
from app.cli.parts import opened
from app.clock import SystemClock
from app.domain.keys import ApiKey, KeyLimits, Scope
from app.pipeline.escaping import one_line

_COLUMNS = ("PREFIX", "NAME", "PROJECT", "SCOPES", "AN HOUR", "CREATED", "LAST USED", "STATE")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object on each line.")
_SUBMITS = click.option(
    "--submits-per-hour",
    type=click.IntRange(min=0),
    help="Submissions it may make in an hour; 0: any number [default: as keys.submits_per_hour says].",
)
_READS = click.option(
    "--reads-per-hour",
    type=click.IntRange(min=0),
    help="Other requests it may make in an hour; 0: any number [default: as keys.reads_per_hour says].",
)


class Prefix(click.ParamType[str]):
    """Eight characters; people paste whole keys."""

    name = "prefix"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's signature
        """Without the `bf_` and the secret."""
        kind, _, rest = str(value).partition("_")
        return rest.partition("_")[0] if kind == "bf" and rest else str(value)


_PREFIX = click.argument("prefix", type=Prefix())


@click.group()
def keys() -> None:
    """Create, list, limit, rotate and revoke API keys."""


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
@_SUBMITS
@_READS
@_JSON
def create(
    *,
    name: str,
    project: str,
    scopes: tuple[str, ...],
    expires: float | None,
    submits_per_hour: int | None,
    reads_per_hour: int | None,
    as_json: bool,
) -> None:
    """Create an API key called NAME, and print it.

    It is shown this once: only a hash of it is stored.
    """
    until = SystemClock().now() + timedelta(seconds=expires) if expires is not None else None
    limits = KeyLimits(submits_per_hour=submits_per_hour, reads_per_hour=reads_per_hour)
    wanted = frozenset(Scope(scope) for scope in scopes)
    with opened(administrative()) as container:
        made = container.keys.create(name=name, project=project, scopes=wanted, expires_at=until, limits=limits)
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
@_PREFIX
@_SUBMITS
@_READS
@click.option("--default", "defaults", is_flag=True, help="Both as the server's settings say, unless given.")
@_JSON
def limit(
    *, prefix: str, submits_per_hour: int | None, reads_per_hour: int | None, defaults: bool, as_json: bool
) -> None:
    """Change how often the key that begins with bf_PREFIX may be used.

    \b
    bifrost-cli keys limit 1f0c9a2e --submits-per-hour 1000
    bifrost-cli keys limit 1f0c9a2e --default

    It holds in every process within 3 seconds. What was used in the last hour counts.
    """  # noqa: D301 - \b is click's: keep the lines
    given = {"submits_per_hour": submits_per_hour, "reads_per_hour": reads_per_hour}
    changes = {name: value for name, value in given.items() if defaults or value is not None}
    if not changes:
        raise click.UsageError("Say what to change: --submits-per-hour N, --reads-per-hour N or --default.")
    with opened(administrative()) as container:
        key = container.keys.limit(prefix, changes)
    if as_json:
        output.json_line(_fields(key))
    else:
        output.note(f"{prefix} may make {_an_hour(key)} submissions/other requests an hour.")


@keys.command()
@_PREFIX
@click.option(
    "--overlap", type=Span(), help="How long the old one stays valid [default: as keys.overlap_seconds says]."
)
@click.option("--at-once", is_flag=True, help="The old one ends now.")
@_JSON
def rotate(*, prefix: str, overlap: float | None, at_once: bool, as_json: bool) -> None:
    """Rotate the key that begins with bf_PREFIX: print a new one like it.

    \b
    bifrost-cli keys rotate 1f0c9a2e --overlap 7d

    The old one stays valid for a time, so that whoever uses it can change over. The new one is shown this once.
    """  # noqa: D301 - \b is click's: keep the lines
    if at_once and overlap is not None:
        raise click.UsageError("Give either --overlap or --at-once.")
    with opened(administrative()) as container:
        rotated = container.keys.rotate(prefix, overlap=0.0 if at_once else overlap)
    created, replaced = rotated.created, rotated.replaced
    if as_json:
        output.json_line({"created": {**_fields(created.key), "token": created.token}, "replaced": _fields(replaced)})
        return
    output.result(created.token)
    output.note(f"Keep it: it is not shown again. {prefix} is valid until {_day(replaced.expires_at)}.")


@keys.command()
@_PREFIX
def revoke(*, prefix: str) -> None:
    """Revoke the key that begins with bf_PREFIX: within 3 seconds no process takes it any more."""
    with opened(administrative()) as container:
        container.keys.revoke(prefix)
    output.note(f"{prefix} is revoked.")


def _state(key: ApiKey) -> str:
    return key.state(SystemClock().now())


def _an_hour(key: ApiKey) -> str:
    """Submissions/other requests."""
    words = {None: "default", 0: "any"}
    limits = (key.limits.submits_per_hour, key.limits.reads_per_hour)
    return "/".join(words.get(value) or f"{value:,}" for value in limits)


def _row(key: ApiKey) -> tuple[str, ...]:
    names = (key.prefix, one_line(key.name), one_line(key.project), ",".join(sorted(key.scopes)))
    return (*names, _an_hour(key), _day(key.created_at), _day(key.last_used_at), _state(key))


def _day(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "never"


def _fields(key: ApiKey) -> dict[str, object]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "project": key.project,
        "scopes": sorted(key.scopes),
        "submits_per_hour": key.limits.submits_per_hour,
        "reads_per_hour": key.limits.reads_per_hour,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "replaced_by": key.replaced_by,
        "state": _state(key),
    }
