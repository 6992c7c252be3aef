"""`stats`: what the last hours were like."""

from collections.abc import Mapping
from typing import Any

import click

from app.cli import output
from app.cli.connection import connect
from app.pipeline.escaping import one_line

_COLUMNS = ("PROVIDER", "MODEL", "ENDED", "COMPLETED", "FAILED", "AVERAGE", "P50", "P95", "TOKENS", "COST")


@click.command()
@click.option(
    "--hours", type=click.IntRange(min=1), default=24, show_default=True, help="How many hours back, counted whole."
)
@click.option("--json", "as_json", is_flag=True, help="Print the API's object.")
def stats(*, hours: int, as_json: bool) -> None:
    """Show how many analyses ended lately, how, and how long they took.

    Durations are from acceptance to the end, of completed analyses that were not answered from the cache. P50 and P95
    are estimated from a histogram: right to the width of its buckets. The counts are some seconds old, and outlive the
    analyses.
    """
    found: Mapping[str, Any] = connect().statistics(hours)
    if as_json:
        output.json_line(found)
        return
    total = found["total"]
    output.result(f"{total['analyses']:,} analyses ended since {found['since']}")
    output.result(f"  {total['completed']:,} completed, {total['failed']:,} failed, {total['cancelled']:,} cancelled")
    output.result(f"  {total['cache_hits']:,} from the cache, {total['degraded']:,} degraded (no model answered)")
    if found["models"]:
        rows = [_row(one["provider"], one["model"], one) for one in found["models"]]
        everything = _row("all", "", {"tally": total, "cost_known": found.get("cost_known", True)})
        output.table(_COLUMNS, [*rows, everything])
        output.note("P50 and P95 are estimated from a histogram.")
        if not found.get("cost_known", True):
            output.note("?: a model without a price; the operator can give it one (`ai.prices`).")


def _row(provider: str, model: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    tally = one["tally"]
    took = tally["duration_seconds"]
    return (
        one_line(provider),
        one_line(model),
        f"{tally['analyses']:,}",
        f"{tally['completed']:,}",
        f"{tally['failed']:,}",
        *(_seconds(took[name]) for name in ("average", "p50", "p95")),
        f"{tally['prompt_tokens'] + tally['completion_tokens']:,}",
        _cost(tally["cost_usd"], known=one.get("cost_known", True)),
    )


def _cost(amount: float, *, known: bool) -> str:
    """With a `?` when more was spent than anybody knows."""
    return f"${amount:,.4f}" if known else f"${amount:,.4f} + ?" if amount else "?"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
