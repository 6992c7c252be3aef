"""What is told of the bridges: connected is not reading, and what nobody holds is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from app.domain.ports import Health
from app.domain.records import BridgeState
from app.services.bridges import Bridges
from worker.bridge.tally import Place, Progress, Tally

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
TOPIC = "analysis.request"
FIRST, SECOND = (TOPIC, 0), (TOPIC, 1)
PROGRESS = {FIRST: Progress(committed=3, end=10), SECOND: Progress(committed=0, end=2)}


def bridge(*places: Place, unheld: tuple[Place, ...] = (), seconds: float = 0.0) -> BridgeState:
    tally = Tally(name="a:1:x", started_at=NOW, connected=True, trouble="")
    tally.assigned(list(places))
    tally.saw_unheld(unheld, 0.0)
    return tally.state(PROGRESS, seconds)


def health(*states: BridgeState) -> Health:
    @contextmanager
    def stored() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(bridges=SimpleNamespace(list=lambda **_: states))

    return Bridges(stored, configured=True, session_timeout=30).health()


def test_only_with_partitions_it_reads():
    assert bridge(FIRST).reading
    assert bridge(FIRST).detail == "reads and publishes"
    assert not bridge().reading
    assert bridge().detail == "connected, without partitions"


def test_a_bridge_without_partitions_is_fine_while_another_holds_them():
    found = health(bridge(FIRST, SECOND), bridge())
    assert found.ok
    assert found.detail == "2 connected, 1 reading, 9 records behind, 1 without partitions"


@pytest.mark.parametrize(("seconds", "ok"), [(29.0, True), (31.0, False)])
def test_what_nobody_holds_for_longer_than_a_session_is_not_fine(seconds, ok):
    found = health(bridge(unheld=(FIRST, SECOND), seconds=seconds))
    assert found.ok is ok
    assert "0 reading, 9 records behind" in found.detail
    assert "2 partitions of the requests held by no bridge" in found.detail


def test_what_one_misses_and_another_holds_by_now_is_fine():
    assert health(bridge(FIRST, SECOND), bridge(unheld=(FIRST,), seconds=99.0)).ok


def test_the_clock_begins_anew_when_all_were_held_in_between():
    tally = Tally(name="a:1:x", started_at=NOW, connected=True, trouble="")
    tally.saw_unheld([FIRST], 0.0)
    tally.saw_unheld([SECOND], 10.0)
    assert tally.state({}, 20.0).unheld_seconds == 20.0
    tally.saw_unheld([], 30.0)
    tally.saw_unheld([FIRST], 40.0)
    assert tally.state({}, 50.0).unheld_seconds == 10.0
