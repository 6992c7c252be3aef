"""What goes on beside a worker's tasks: heartbeat, listening, and how it ends."""

import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from app.domain.errors import StorageUnavailable
from app.domain.ports import StopRequest
from app.settings import Settings
from tests.support.kernels import kernel
from tests.support.tiny_providers import Hanging, scripted
from tests.support.waiting import until
from worker import attending

pytestmark = pytest.mark.integration


@dataclass
class Deaf:
    """A database that can be asked, but not listened to."""

    asked: int = 0

    def listen(self) -> bool:
        self.asked += 1
        raise StorageUnavailable

    def wait(self, timeout: float) -> list[StopRequest]:
        raise StorageUnavailable

    def close(self) -> None: ...


def test_while_nobody_can_listen_the_heartbeat_tells_of_a_cancel(store):
    call = Hanging()
    made = kernel(store, scripted(call))
    analysis_id = made.submit(log="ERROR log")
    made.work()
    ended, deaf = threading.Event(), Deaf()
    settings = Settings.model_validate({"worker": {"heartbeat_seconds": 0.1}})
    attending.attend(SimpleNamespace(settings=settings, execution=made.execution, stops=deaf), ended)
    thread = threading.Thread(target=made.work)
    thread.start()
    try:
        assert call.began.wait(10)
        made.analyses.cancel(store.project, analysis_id)
        until(lambda: made.get(analysis_id).status == "cancelled", what="the heartbeat having heard")
        until(lambda: deaf.asked > 1, what="another try to listen")
    finally:
        ended.set()
        thread.join(10)


LEAVING = """
import sys, threading, time
from worker.leaving import Leaving
def say(word): print(word, flush=True)
def stuck(): say("handing back"); time.sleep(60)
hand_back = stuck if "stuck" in sys.argv else lambda: say("handed back")
leaving = Leaving(grace=1.0, cut=lambda: say("cut"), hand_back=hand_back)
leaving.ask()
if "finishes" in sys.argv:
    time.sleep(0.2); leaving.done(); time.sleep(1.5); say("ended by itself")
else:
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("how", "said", "seconds"),
    [
        ("finishes", ["cut", "ended by itself"], (1.5, 4.0)),
        ("hangs", ["cut", "handed back"], (0.4, 3.0)),
        ("stuck", ["cut", "handing back"], (0.9, 3.0)),
    ],
)
def test_a_worker_ends_within_its_grace_period_whatever_its_tasks_and_the_database_do(how, said, seconds):
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", LEAVING, how], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.split("\n")[:-1] == said
    assert seconds[0] < time.monotonic() - began < seconds[1]
