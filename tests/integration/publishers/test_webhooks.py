"""The publisher against receivers of every kind."""

import socket
import time

import pytest

from app.clock import SystemClock
from app.domain.errors import DeliveryFailed, ReceiverGone, WebhookUrlRefused
from app.publishers import signing
from app.publishers.posting import Patience, system_connector
from tests.support import receivers
from tests.support.announcements import ANALYSIS, announcement, webhooks
from tests.support.model_server import closed_port
from tests.support.receivers import SECRET, Receiver, certificate, say

pytestmark = pytest.mark.integration

QUICK = Patience(connect=1, total=0.6)


@pytest.fixture
def receiver():
    with Receiver() as running:
        yield running


def send(url: str, **changes) -> None:
    webhooks(**changes).publish(announcement(url), ANALYSIS)


def refusal(url: str, **changes) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as raised:
        send(url, **changes)
    return raised.value


def test_an_acknowledged_event_arrived_whole_and_signed(receiver):
    send(receiver.url)
    (found,) = receiver.received
    assert found.path == "/hook?to=me"
    assert found.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert found.headers["content-type"] == "application/json"
    assert (found.event["type"], found.event["id"]) == ("analysis.completed", 7)
    timestamp = int(found.headers["webhook-timestamp"])
    assert abs(timestamp - SystemClock().now().timestamp()) < 60
    expected = signing.headers(found.event_id, found.body, timestamp=timestamp, keys=signing.keys(SECRET))
    assert expected.items() <= found.headers.items()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_acknowledges(receiver, status):
    receiver.script(say(status))
    send(receiver.url)


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504])
def test_nothing_else_does(receiver, status):
    receiver.script(say(status, b"secrets of the network", Location=receiver.url))
    error = refusal(receiver.url)
    assert str(status) in error.detail
    assert "secrets" not in error.detail
    assert error.retryable
    assert len(receiver.received) == 1, "a redirect is not followed"


def test_a_redirect_to_the_inside_is_not_followed(receiver):
    with Receiver() as inside:
        for status in (301, 302, 303, 307, 308):
            receiver.script(say(status, Location=inside.url))
            assert "redirects are not followed" in refusal(receiver.url).detail
        assert inside.received == []


def test_the_name_is_asked_once_and_its_answer_is_what_is_connected_to(receiver):
    """Whoever owns the name answers with a public address first, and with one inside when asked again."""
    answers = [["1.1.1.1"], ["127.0.0.1"], ["169.254.169.254"]]
    asked: list[str] = []
    connected: list[str] = []

    def resolver(name: str, _: int) -> list[str]:
        asked.append(name)
        return answers[len(asked) - 1]

    def connector(address: str, _: int, seconds: float) -> socket.socket:
        connected.append(address)
        return system_connector("127.0.0.1", receiver.port, seconds)

    url = f"http://rebinding.example:{receiver.port}/"
    send(url, resolver=resolver, connector=connector, allowed_hosts=frozenset())
    assert (asked, connected) == (["rebinding.example"], ["1.1.1.1"])
    for _ in range(2):
        error = refusal(url, resolver=resolver, connector=connector, allowed_hosts=frozenset())
        assert "not on the public internet" in error.detail
    assert connected == ["1.1.1.1"], "what the name leads to now is not connected to"
    assert len(receiver.received) == 1


def test_gone_is_final(receiver):
    receiver.script(say(410))
    with pytest.raises(ReceiverGone) as raised:
        send(receiver.url)
    assert not raised.value.retryable


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999999999999999", 86_400),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("²", None),
        ("", None),
    ],
)
def test_the_receiver_may_ask_for_a_pause(receiver, wish, seconds):
    receiver.script(say(503, Retry_After=wish.encode().decode("latin-1")))
    assert refusal(receiver.url).retry_after == seconds


@pytest.mark.parametrize(
    ("behavior", "words"),
    [
        (receivers.hang, "in time"),
        (receivers.drip, "in time"),
        (receivers.garbage, "HTTP"),
        (receivers.leave, "closed the connection"),
        (receivers.reset, "could not be reached"),
    ],
)
def test_a_receiver_that_misbehaves_has_not_acknowledged_and_is_left_in_time(receiver, behavior, words):
    receiver.script(behavior)
    began = time.monotonic()
    assert words in refusal(receiver.url, patience=QUICK).detail
    assert time.monotonic() - began < 3


def test_an_answer_without_an_end_is_not_read_to_its_end(receiver):
    receiver.script(receivers.flood)
    send(receiver.url)
    assert receiver.flooded < 32 * 1024 * 1024


def test_nobody_there_is_a_failed_delivery():
    assert "refused" in refusal(f"http://127.0.0.1:{closed_port()}/").detail


def test_the_second_address_is_tried_when_the_first_does_not_answer(receiver):
    tried = []

    def connector(address: str, port: int, seconds: float) -> socket.socket:
        tried.append(address)
        if address == "192.0.2.1":
            raise TimeoutError
        return system_connector(address, port, seconds)

    url = receiver.url.replace("127.0.0.1", "hooks.internal")
    options = {"allowed_hosts": frozenset({"hooks.internal"}), "connector": connector}
    send(url, resolver=lambda *_: ["192.0.2.1", "127.0.0.1"], **options)
    assert tried == ["192.0.2.1", "127.0.0.1"]
    assert receiver.received[0].headers["host"] == f"hooks.internal:{receiver.port}"


def test_a_proxy_of_the_environment_is_not_asked(receiver, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    send(receiver.url)


def test_a_certificate_is_of_the_name_and_of_somebody_trusted(tmp_path):
    tls, authority = certificate(tmp_path, "hooks.internal")
    with Receiver(tls) as receiver:
        here = {"allowed_hosts": frozenset({"hooks.internal", "other.internal"}), "resolver": lambda *_: ["127.0.0.1"]}
        url = f"https://hooks.internal:{receiver.port}/"
        send(url, ca_file=str(authority), **here)
        assert "certificate" in refusal(url, **here).detail
        other = url.replace("hooks", "other")
        assert "certificate" in refusal(other, ca_file=str(authority), **here).detail
        plain = url.replace("https", "http")
        refusal(plain, ca_file=str(authority), patience=QUICK, **here)
        assert len(receiver.received) == 1


def test_who_does_not_speak_tls_is_not_told_anything(receiver):
    assert "TLS" in refusal(receiver.url.replace("http", "https"), patience=QUICK).detail
    assert receiver.received == []


def test_a_tls_handshake_that_never_ends_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        began = time.monotonic()
        assert "in time" in refusal(url, patience=QUICK).detail
        assert time.monotonic() - began < 3


def test_a_url_that_is_refused_today_is_not_connected_to(receiver):
    assert "public internet" in refusal(receiver.url, allowed_hosts=frozenset()).detail
    assert receiver.received == []


def test_without_a_secret_nobody_is_told(receiver):
    with pytest.raises(WebhookUrlRefused, match=r"webhooks\.secret"):
        webhooks(secret=None).callback({"url": receiver.url})
    assert "webhooks.secret" in refusal(receiver.url, secret=None).detail
    assert receiver.received == []


def test_what_is_stored_names_the_receiver():
    found = webhooks().callback({"kind": "webhook", "url": "https://Example.com/x"})
    assert found == {"kind": "webhook", "url": "https://Example.com/x", "lane": "example.com:443"}
