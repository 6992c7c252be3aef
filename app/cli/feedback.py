"""`feedback`: what a person says of a diagnosis."""

import click

from app.cli import output
from app.cli.connection import connect
from app.domain.stored_prompts import Rating


@click.command()
@click.argument("analysis_id", type=click.IntRange(min=1), metavar="ID")
@click.argument("rating", type=click.Choice([rating.value for rating in Rating]))
@click.option("--comment", metavar="TEXT", help="Why; for whoever writes the prompts.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's object.")
def feedback(*, analysis_id: int, rating: str, comment: str | None, as_json: bool) -> None:
    """Say whether the diagnosis of an analysis was of use.

    An analysis has one feedback, and the last word counts; `prompts stats` shows how many each version of a prompt got.

    \b
      bifrost-cli feedback 42 up
      bifrost-cli feedback 42 down --comment "The disk was full long before."
    """  # noqa: D301 - \b is click's: keep the lines
    said = connect().rate(analysis_id, rating, comment)
    if as_json:
        output.json_line(said)
    else:
        output.note(f"analysis {analysis_id}: {rating}")
