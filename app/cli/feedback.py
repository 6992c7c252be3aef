"""`feedback`: what a person says of a diagnosis."""

import click

from app.cli import output
from app.cli.connection import connect
from app.domain.stored_prompts import Rating
from app.pipeline.escaping import one_line


@click.command()
@click.argument("analysis_id", type=click.IntRange(min=1), metavar="ID")
@click.argument("rating", required=False, type=click.Choice([rating.value for rating in Rating]))
@click.option("--comment", metavar="TEXT", help="Why; for whoever writes the prompts.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's object.")
def feedback(*, analysis_id: int, rating: str | None, comment: str | None, as_json: bool) -> None:
    """Say whether the diagnosis of an analysis was of use.

    Without a rating, show what was said. An analysis has one feedback, and the last word counts, its comment included;
    `prompts stats` shows how many each version of a prompt got.

    \b
      bifrost-cli feedback 42 up
      bifrost-cli feedback 42 down --comment "The disk was full long before."
      bifrost-cli feedback 42
    """  # noqa: D301 - \b is click's: keep the lines
    if rating is None and comment is not None:
        raise click.UsageError("A comment goes with a rating: up or down.")
    said = connect().feedback(analysis_id) if rating is None else connect().rate(analysis_id, rating, comment)
    if as_json:
        output.json_line(said)
    elif rating is not None:
        output.note(f"analysis {analysis_id}: {rating}")
    else:
        why = said.get("comment")
        output.result(f"{said['rating']}: {one_line(str(why))}" if why else str(said["rating"]))
