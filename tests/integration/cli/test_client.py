"""The Python client against a real HTTP server."""

import pytest

from app.client import ApiError, Client, ServerUnreachable, SubmitOptions, UnexpectedAnswer, WaitTimeout
from app.clock import SystemClock
from tests.support.api_server import KEY, ApiServer

pytestmark = pytest.mark.integration


class FastClock(SystemClock):
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.elapsed += seconds


@pytest.fixture
def clock() -> FastClock:
    return FastClock()


@pytest.fixture
def client(server: ApiServer, clock: FastClock) -> Client:
    return Client(server.url, KEY, 5, clock=clock)


def test_an_analysis_is_read_into_dataclasses_and_kept_raw(client):
    number = client.submit("boom", SubmitOptions(tags=("a",))).analysis.id
    found = client.wait(number)
    assert found.finished
    assert found.diagnosis
    assert found.diagnosis.evidence[0].line == 3
    assert found.coverage
    assert found.coverage.redactions == {"email": 1}
    assert found.raw["new_field"] == "kept"
    assert found.tags == ("a",)


def test_the_same_idempotency_key_is_the_same_analysis(client):
    first, second = client.submit("x", idempotency_key="k"), client.submit("x", idempotency_key="k")
    assert (first.replayed, second.replayed) == (False, True)
    assert first.analysis.id == second.analysis.id


def test_polling_starts_quickly_and_slows_down_to_two_seconds(client, server, clock):
    server.steps = (("queued", "prepare"),) * 20
    client.wait(client.submit("x").analysis.id)
    assert clock.pauses[0] == pytest.approx(0.1)
    assert clock.pauses == sorted(clock.pauses)
    assert clock.pauses[-1] == 2.0


def test_each_change_is_told_once(client, server):
    server.steps = (("queued", "prepare"),) * 3 + (("running", "prepare"),) * 2 + (("running", "infer"),)
    seen = []
    client.wait(client.submit("x").analysis.id, on_change=lambda one: seen.append((one.status.value, one.stage)))
    assert seen == [("queued", "prepare"), ("running", "prepare"), ("running", "infer"), ("completed", "infer")]


def test_waiting_ends_after_its_timeout_with_the_last_state(client, server):
    server.steps = (("running", "infer"),) * 1000
    with pytest.raises(WaitTimeout) as caught:
        client.wait(client.submit("x").analysis.id, timeout=10)
    assert caught.value.analysis.status == "running"


def test_waiting_outlives_a_server_that_restarts(client, server):
    number = client.submit("x").analysis.id
    for _ in range(3):
        server.cut_connection()
    assert client.wait(number).finished


def test_retry_after_is_obeyed(client, server, clock):
    server.refuse(429, "rate_limited", retry_after="7")
    client.submit("x")
    assert clock.pauses == [7.0]


def test_a_date_in_retry_after_is_understood(client, server, clock):
    server.refuse(503, "storage_unavailable", retry_after="Wed, 01 Jan 2020 00:00:00 GMT")
    client.submit("x")
    assert len(clock.pauses) == 1


def test_a_server_that_stays_busy_is_given_up(client, server):
    for _ in range(20):
        server.refuse(503, "storage_unavailable", retry_after="1", detail="The database is away.")
    with pytest.raises(ApiError) as caught:
        client.submit("x")
    assert (caught.value.status, caught.value.code) == (503, "storage_unavailable")
    assert len(server.seen) <= 6


def test_nobody_there_is_told_after_a_few_tries(clock):
    with pytest.raises(ServerUnreachable, match="connection refused"):
        Client("http://127.0.0.1:9", KEY, 1, clock=clock).get(1)
    assert 1 <= len(clock.pauses) <= 5


def test_another_server_at_that_address_is_recognized(client, server):
    server.answer = lambda _: (404, {}, {"error": "nope"})
    with pytest.raises(UnexpectedAnswer, match="is the address right"):
        client.get(1)


def test_a_redirect_is_not_followed_with_the_key(client, server):
    server.answer = lambda _: (301, {"Location": "https://elsewhere.example/"}, {})
    with pytest.raises(UnexpectedAnswer, match="elsewhere"):
        client.get(1)


def test_an_answer_that_is_no_analysis_is_told(client, server):
    server.answer = lambda _: (200, {}, {"id": 1, "status": "exploded"})
    with pytest.raises(UnexpectedAnswer, match="cannot be read"):
        client.get(1)
