"""`webhooks`: what was sent to those who wanted to be told, and what was not."""

from datetime import datetime

import click

from app.cli import output
from app.cli.connection import connect
from app.cli.exits import worst
from app.cli.moments import Moment
from app.cli.options import choice
from app.cli.several import ask_each
from app.client import Delivery
from app.domain.deliveries import DeliveryStatus
from app.pipeline.escaping import one_line

_COLUMNS = ("ID", "EVENT", "ANALYSIS", "STATUS", "ATTEMPTS", "NEXT ATTEMPT", "RECEIVER", "LAST ERROR")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the API's objects, one on each line.")


_HELP = """List deliveries of webhooks, and send them again.

\b
  bifrost-cli webhooks list --status given_up
  bifrost-cli webhooks redeliver 3f0c7a52-5c1f-4a57-9d0e-6b0f4f2f8f10
"""


@click.group(help=_HELP)
def webhooks() -> None:
    """The group."""


@webhooks.command("list")
@click.option("--status", type=choice(DeliveryStatus), help="Only those that stand so.")
@click.option("--analysis", "analysis_id", type=click.IntRange(min=1), metavar="ID", help="Only of this analysis.")
@click.option("--since", type=Moment(), help="Only of later events: a time, or an age such as 90m, 24h, 7d.")
@click.option("--until", type=Moment(), help="Only of earlier events: a time, or an age.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@_JSON
def list_(*, limit: int, as_json: bool, **filters: str | int | None) -> None:
    """List deliveries, latest event first.

    Of a receiver's address only the host is shown: the rest may be a secret.
    """
    wanted = {name: str(value) for name, value in filters.items() if value is not None}
    found = list(connect().webhooks.list(wanted, limit=limit))
    if as_json:
        for one in found:
            output.json_line(one.raw)
    elif found:
        output.table(_COLUMNS, [_row(one) for one in found])
    else:
        output.note("No delivery is like that." if wanted else "Nobody wanted to be told of anything.")


@webhooks.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_JSON
def redeliver(*, ids: tuple[str, ...], as_json: bool) -> None:
    """Send deliveries again, whatever became of them.

    Under the same id and at once; when the receiver fails, on the schedule from its beginning. A receiver that had
    answered 410 is sent to again.
    """
    found, codes = ask_each(ids, connect().webhooks.redeliver)
    for one in found:
        if as_json:
            output.json_line(one.raw)
        else:
            output.result(f"{one_line(one.id)} is sent again to {one_line(one.receiver)}")
    click.get_current_context().exit(worst(codes))


def _row(one: Delivery) -> tuple[str, ...]:
    words = (one.id, one.type.removeprefix("analysis."), str(one.analysis_id), one.status, str(one.attempts))
    error = f"{one.error.code}: {one.error.detail}" if one.error else ""
    return (*map(one_line, words), _moment(one.next_attempt_at), one_line(one.receiver), one_line(error))


def _moment(value: datetime | None) -> str:
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S") if value else ""
