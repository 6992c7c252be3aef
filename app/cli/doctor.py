"""`doctor`: is everything there, and what to do when it is not."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

import click

from app.cli import output
from app.cli.connection import administrative, connect
from app.cli.exits import Exit, Stop
from app.cli.parts import opened
from app.client import ApiError, ClientError
from app.clock import SystemClock
from app.domain.errors import BifrostError
from app.domain.ports import Health
from app.pipeline.escaping import one_line

#: More than that, and leases and deadlines read strangely.
_CLOCK_SECONDS = 5.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, as_json: bool) -> None:
    """Check everything Bifrost depends on, and say what to do.

    The exit code is 1 when something is broken. A provider that nobody counts on may be off.
    """
    found = []
    for health in _checks():
        found.append(health)
        if not as_json:
            output.result(f"{_mark(health)}  {health.name:<20}{one_line(health.detail)}")
    broken = any(not (health.ok or health.optional) for health in found)
    if as_json:
        checks = [
            {"name": health.name, "ok": health.ok, "optional": health.optional, "detail": health.detail}
            for health in found
        ]
        output.json_line({"ok": not broken, "checks": checks})
    if broken:
        click.get_current_context().exit(Exit.ERROR)


def _mark(health: Health) -> str:
    if health.ok:
        return click.style("ok  ", fg="green")
    return click.style("off ", dim=True) if health.optional else click.style("FAIL", fg="red", bold=True)


def _checks() -> Iterator[Health]:
    yield from _api()
    try:
        settings = administrative()
    except Stop as error:
        yield Health(name="database", ok=False, detail=error.message)
        return
    try:
        with opened(settings) as container:
            yield from container.health.doctor()
    except BifrostError as error:
        yield Health(name="configuration", ok=False, detail=error.detail)


def _api() -> Iterator[Health]:
    """Does it answer, and does its clock agree with ours?"""
    try:
        client = connect()
    except Stop as error:
        yield Health(name="api", ok=False, detail=error.message)
        return
    try:
        date = client.check()
        yield Health(name="api", ok=True, detail=f"answers at {client.url}")
    except ApiError as error:
        date = None
        yield Health(name="api", ok=False, detail=f"{client.url}: {error}")
    except ClientError as error:
        yield Health(name="api", ok=False, detail=f"{error}: start it with `bifrost-cli up` or `serve`")
        return
    if date:
        yield _clock(parsedate_to_datetime(date))


def _clock(theirs: datetime) -> Health:
    apart = abs((SystemClock().now() - theirs).total_seconds())
    ok = apart <= _CLOCK_SECONDS
    advice = "agrees with the server's" if ok else f"{apart:.0f} s off the server's: synchronize both (NTP)"
    return Health(name="clock", ok=ok, detail=advice)
