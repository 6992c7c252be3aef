"""Identical submissions through the real processes: one request to the model."""

import threading
from concurrent.futures import ThreadPoolExecutor

from app.client import Client, SubmitOptions
from app.domain.analyses import Status
from tests.support.model_behaviors import answer
from tests.support.model_server import ModelServer
from tests.support.sample_logs import REFUSED
from tests.support.stacks import providers_at, running


def test_twenty_identical_submissions_make_one_request_to_the_model(tmp_path):
    everybody = threading.Event()
    say = answer()

    def patient(exchange) -> None:
        everybody.wait(20)
        say(exchange)

    with ModelServer() as models, running(tmp_path, providers_at(models.url, read_timeout=20)) as bifrost:
        models.otherwise(patient)

        def submit(_: int):
            client = Client(bifrost.stack.state.url, bifrost.stack.state.api_key)
            return client.submit(REFUSED, SubmitOptions(source="local", service_name="flight")).analysis

        with ThreadPoolExecutor(20) as pool:
            accepted = list(pool.map(submit, range(20)))
        everybody.set()
        found = [bifrost.finished(each.id) for each in accepted]
        assert len(models.requests) == 1
    assert {each.status for each in found} == {Status.COMPLETED}
    assert {each.degraded for each in found} == {False}
    assert len({each.diagnosis for each in found}) == 1
    assert sorted(each.cached for each in found) == [False] + [True] * 19
    waiting = [each for each in accepted if each.raw["cached_from"] is not None]
    assert len(waiting) == 19
    assert not any(each.cached for each in waiting), "it waits for an answer, it has none yet"
