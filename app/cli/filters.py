"""The options that say which analyses are meant, for `list` and `export`."""

from collections.abc import Mapping

import click

from app.cli.moments import Moment
from app.cli.options import choice, with_options
from app.domain.analyses import Source, Status
from app.domain.diagnoses import Severity

filter_options = with_options(
    click.option("--status", type=choice(Status), help="Only in this state."),
    click.option("--severity", type=choice(Severity), help="Only with this severity."),
    click.option("--service", "service_name", metavar="NAME", help="Only of this service."),
    click.option("--env", "environment", metavar="NAME", help="Only of this environment."),
    click.option("--model", metavar="NAME", help="Only answered by this model."),
    click.option("--source", type=choice(Source), help="Only with this source."),
    click.option("--tag", metavar="TAG", help="Only with this tag."),
    click.option("--since", type=Moment(), help="Only newer: a time, or an age such as 90m, 24h, 7d."),
    click.option("--until", type=Moment(), help="Only older: a time, or an age."),
)


def wanted_of(filters: Mapping[str, str | None]) -> dict[str, str]:
    """As the API wants them."""
    wanted = {name: value for name, value in filters.items() if value}
    if "severity" in wanted:
        wanted["severity"] = wanted["severity"].upper()
    return wanted
