import socket
from contextlib import ExitStack
from time import monotonic

import pytest

from app.api.slow_clients import CROWD, GRACE, LEAST_RATE, Watchman
from tests.support.waiting import until

pytestmark = pytest.mark.integration


def test_a_crowd_of_slow_bodies_is_ended_sooner_and_those_that_arrive_are_not():
    watchman = Watchman()
    with ExitStack() as open_:
        pairs = [socket.socketpair() for _ in range(CROWD + 2)]
        for pair in pairs:
            for end in pair:
                open_.callback(end.close)
        began = monotonic()
        readings = [open_.enter_context(watchman.watching(ours)) for ours, _ in pairs]
        quick, *slow = readings
        quick.received = int(LEAST_RATE * GRACE)
        until(lambda: all(reading.cut for reading in slow), timeout=GRACE)
        assert monotonic() - began < GRACE
        assert not quick.cut
        # cut: whoever reads sees an end
        assert pairs[1][0].recv(1) == b""
