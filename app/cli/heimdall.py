"""`heimdall`: the bridge to Kafka, for people."""

from collections.abc import Mapping
from typing import Any

import click

from app.cli import output
from app.cli.connection import connect
from app.cli.exits import Exit, Stop
from app.pipeline.escaping import one_line

_BRIDGES = ("BRIDGE", "KAFKA", "READS", "RECEIVED", "ACCEPTED", "KNOWN", "DEAD", "PUBLISHED", "LAG")
_PARTITIONS = ("BRIDGE", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "PAUSED")
_TOPICS = ("TOPIC", "PARTITIONS", "REPLICATION", "KEPT", "STATE", "")


@click.group()
def heimdall() -> None:
    """Show how the bridge to Kafka is, and make its topics."""


@heimdall.command()
@click.option("--json", "as_json", is_flag=True, help="Print the API's object.")
def status(*, as_json: bool) -> None:
    """Show the bridges: what they reach, read and publish, and how far behind they are.

    The exit code is 1 when none of them reaches Kafka, or when partitions have been held by none for long.
    """
    found: Mapping[str, Any] = connect().heimdall()
    if as_json:
        output.json_line(found)
    else:
        output.result(one_line(str(found["detail"])))
        output.result(
            f"{found['waiting']:,} events still to be published, {found['dead']:,} that Kafka refused for good, "
            f"{found['replays']:,} replays still to be taken in"
        )
        if found["bridges"]:
            output.table(_BRIDGES, [_bridge(one) for one in found["bridges"]])
            held = [_partition(one, part) for one in found["bridges"] for part in one["partitions"]]
            output.table(_PARTITIONS, held)
    if not found["ok"]:
        click.get_current_context().exit(Exit.ERROR)


@heimdall.command()
@click.option("--dry-run", is_flag=True, help="Only say what is there and what differs.")
@click.option(
    "--partitions",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Of requests and results; dead letters have 1.",
)
@click.option("--replication", type=click.IntRange(min=1), default=2, show_default=True, help="1 with a single broker.")
def topics(*, dry_run: bool, partitions: int, replication: int) -> None:
    """Make the topics that are missing, and say what differs about those that are there.

    Requests and results: 3 partitions, replication 2, kept for 7 days. Dead letters: 1 partition, replication 2, kept
    for 30 days. Nothing that is there is changed.

    The exit code is 1 when something differs, is missing or could not be made.
    """
    from app.cli.connection import kafka
    from app.kafka.checking import check
    from app.kafka.topics import State, Topics, agreed
    from app.settings import load

    settings = kafka(load())
    if not settings.bootstrap_servers:
        raise Stop("No Kafka is configured: set BIFROST_KAFKA__BOOTSTRAP_SERVERS.")
    check(settings)
    brokers, wanted = Topics(settings), agreed(settings, partitions=partitions, replication=replication)
    findings = brokers.compare(wanted) if dry_run else brokers.create(wanted)
    rows = [
        (
            one.topic.name,
            str(one.topic.partitions),
            str(one.topic.replication),
            f"{one.topic.retention_seconds / 86_400:g} days",
            one.state.value,
            one_line(one.detail),
        )
        for one in findings
    ]
    output.table(_TOPICS, rows)
    if any(one.state not in {State.SAME, State.CREATED} for one in findings):
        click.get_current_context().exit(Exit.ERROR)


def _bridge(one: Mapping[str, Any]) -> tuple[str, ...]:
    lags = [part["lag"] for part in one["partitions"]]
    return (
        one_line(one["name"]),
        "yes" if one["connected"] else "no",
        "yes" if one["reading"] else "no",
        *(f"{one[name]:,}" for name in ("received", "accepted", "known", "dead", "published")),
        "-" if None in lags or not lags else f"{sum(lags):,}",
    )


def _partition(bridge: Mapping[str, Any], part: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = (part["committed"], part["end"], part["lag"])
    return (
        one_line(bridge["name"]),
        one_line(part["topic"]),
        str(part["partition"]),
        *("-" if number is None else f"{number:,}" for number in numbers),
        "yes" if part["paused"] else "no",
    )
