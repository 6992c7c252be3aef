"""Times and spans as people type them."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from app.cli.moments import Moment, Span

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("24h", 86_400), ("7d", 604_800), ("1w", 604_800)])
def test_a_span_is_a_number_and_a_unit(text, seconds):
    assert Span().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1h", "1.5h", "1y", "0s", "0w", "999999w"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(click.BadParameter):
        Span().convert(text, None, None)


def test_an_age_counts_back_from_now():
    found = datetime.fromisoformat(Moment().convert("2h", None, None))
    assert abs(datetime.now(UTC) - timedelta(hours=2) - found) < timedelta(seconds=10)  # noqa: TID251 - the real time


def test_a_time_keeps_its_offset_and_gets_ours_without_one():
    assert Moment().convert("2026-01-31T12:00:00Z", None, None) == "2026-01-31T12:00:00+00:00"
    assert datetime.fromisoformat(Moment().convert("2026-01-31", None, None)).tzinfo


@pytest.mark.parametrize("text", ["yesterday", "999999w", "2026-13-01"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(click.BadParameter):
        Moment().convert(text, None, None)
