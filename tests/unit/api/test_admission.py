import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.api.admission import Admission, aside

pytestmark = pytest.mark.unit


class Counting:
    """An application that counts how many requests are inside, at most; `waits` of them wait for their client."""

    def __init__(self, crowd: int) -> None:
        self.most = 0
        self.met = threading.Barrier(crowd)
        self._inside = 0
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        with aside(environ):
            # all of them are here at once, or this raises
            self.met.wait(timeout=20)
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        threading.Event().wait(0.01)
        with self._lock:
            self._inside -= 1
        return []


def test_many_wait_for_their_clients_and_few_work():
    application = Counting(16)
    admitted = Admission(application, slots=2)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: list(admitted({}, None)), range(16)))
    assert application.most <= 2


def test_who_waited_long_goes_on_and_a_crash_gives_the_turn_back():
    inside, done = threading.Event(), threading.Event()

    def application(environ, start_response):
        if "stay" in environ:
            inside.set()
            done.wait(timeout=20)
        return 1 / environ["divisor"]

    admitted = Admission(application, slots=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(admitted, {"stay": True, "divisor": 1}, None)
        inside.wait(timeout=20)
        assert admitted({"divisor": 1}, None) == 1
        done.set()
        assert first.result(timeout=20) == 1
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            admitted({"divisor": 0}, None)
    assert admitted._slots.acquire(blocking=False)
