"""What is refused at once, and that nothing but the public internet is ever connected to."""

import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import BifrostError, DeliveryFailed, WebhookUrlRefused
from app.publishers import destinations
from tests.support.announcements import ANALYSIS, announcement, webhooks

pytestmark = pytest.mark.unit

NOWHERE = frozenset()


def read(url: str, *allowed: str) -> destinations.Destination:
    return destinations.read(url, allowed_hosts=allowed or NOWHERE)


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "authority"),
    [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("http://example.com/", "example.com", 80, "/", "example.com"),
        ("HTTPS://Example.COM:8443/a/b?c=d&e=%20", "example.com", 8443, "/a/b?c=d&e=%20", "example.com:8443"),
        ("https://example.com?x=1", "example.com", 443, "/?x=1", "example.com"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
        ("https://1.1.1.1/", "1.1.1.1", 443, "/", "1.1.1.1"),
        ("http://[2606:4700::1111]:8080/x", "2606:4700::1111", 8080, "/x", "[2606:4700::1111]:8080"),
        ("https://example.com./", "example.com.", 443, "/", "example.com."),
    ],
)
def test_a_url_is_read_once_for_all(url, host, port, target, authority):
    found = read(url)
    assert (found.host, found.port, found.target, found.authority) == (host, port, target, authority)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com", "ftp://example.com", "file:///etc/passwd", "gopher://example.com",
        "javascript:alert(1)", "http:example.com", "http:///x", "https://", "https://?x", "http://:80/",
        "https://user@example.com", "https://user:pass@example.com", "https://example.com@127.0.0.1",
        "https://example.com#x", "https://exa mple.com", "https://example.com/\r\nX: y", "https://example.com/\tx",
        "https://example.com\\@127.0.0.1", "https://example.com/\x00", "https://bücher.example/", "https://①②⑦.0.0.1/",
        "https://example.com:0/", "https://example.com:22/", "https://example.com:25/", "https://example.com:65536/",
        "https://example.com:x/", "https://-example.com/", "https://exa%6dple.com/", "https://a..b/", "https://./",
        "https://" + "a" * 64 + ".com/", "https://" + "a." * 130 + "com/", "https://example.com/" + "a" * 2048,
        "http://localhost/", "http://LOCALHOST:8080/", "http://localhost./", "http://a.localhost/",
        "http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://2130706433/", "http://0x7f000001/",
        "http://0x7f.1/", "http://0177.0.0.1/", "http://017700000001/", "http://0/", "http://00000000/", "http://0x/",
        "http://8.8.8.8./", "http://08.8.8.8/", "http://134744072/", "http://example.1/", "http://1.1.1.1.1/",
        "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:7f00:1::]/", "http://[fe80::1%25eth0]/", "http://[fd00:ec2::254]/",
        "http://[127.0.0.1]/", "http://[v1.x]/", "http://[::1/", "http://::1/",
    ],
)  # fmt: skip
def test_what_can_be_told_without_asking_is_refused_at_once(url):
    with pytest.raises(WebhookUrlRefused):
        read(url)


def test_a_host_that_is_vouched_for_may_be_anywhere():
    for url in ("http://127.0.0.1:25/", "http://LocalHost:8080/", "http://hooks.internal./"):
        found = read(url, "127.0.0.1", "localhost", "hooks.internal")
        assert found.trusted
        assert destinations.resolve(found, lambda *_: ["127.0.0.1"]) == ("127.0.0.1",)


@pytest.mark.parametrize("also", ["127.0.0.1", "::1", "fe80::1%eth0", "10.1.2.3", "64:ff9b::a00:1", "what"])
def test_one_address_inside_is_enough_to_refuse_them_all(also):
    with pytest.raises(WebhookUrlRefused):
        destinations.resolve(read("https://example.com/"), lambda *_: ["1.1.1.1", also])


def test_a_name_that_leads_nowhere_is_a_failed_delivery():
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    for resolver in (unknown, lambda *_: []):
        with pytest.raises(DeliveryFailed):
            destinations.resolve(read("https://example.com/"), resolver)


def test_the_systems_resolver_reads_numbers_as_numbers():
    assert list(destinations.system_resolver("127.0.0.1", 80)) == ["127.0.0.1"]


# every way to write an address, and names that lead anywhere, differently each time they are asked

_V4 = st.one_of(
    st.ip_addresses(v=4),
    st.sampled_from(["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "224.0.0.1", "8.8.8.8"]).map(
        IPv4Address
    ),
)
_WRITTEN_V4 = _V4.flatmap(
    lambda v4: st.sampled_from(
        [
            str(v4),
            str(int(v4)),
            hex(int(v4)),
            f"0{int(v4):o}",
            ".".join(hex(part) for part in v4.packed),
            ".".join(f"0{part:o}" for part in v4.packed),
            f"{v4.packed[0]}.{int(v4) & 0xFFFFFF}",
            f"{v4}.",
        ]
    )
)
_WRITTEN_V6 = st.one_of(
    st.ip_addresses(v=6).map(str),
    _V4.flatmap(
        lambda v4: st.sampled_from(
            [
                f"::{v4}",
                f"::ffff:{v4}",
                f"::ffff:0:{v4}",
                f"64:ff9b::{v4}",
                f"64:ff9b:1::{v4}",
                str(IPv6Address((0x2002 << 112) | (int(v4) << 80))),
                str(IPv6Address((0x20010000 << 96) | (int(v4) ^ 0xFFFFFFFF))),
                f"fe80::{v4}%25eth0",
            ]
        )
    ),
).map(lambda v6: f"[{v6}]")
_NAMES = st.sampled_from(["example.com", "localhost", "rebinding.example", "metadata.google.internal", "db", "a.b."])
_HOSTS = st.one_of(_WRITTEN_V4, _WRITTEN_V6, _NAMES)
_ADDRESSES = st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), _V4).map(str), min_size=1, max_size=3)


@settings(max_examples=400)
@given(
    host=_HOSTS,
    scheme=st.sampled_from(["http", "https"]),
    port=st.sampled_from(["", ":80", ":443", ":8080", ":25"]),
    answers=st.lists(_ADDRESSES, min_size=1, max_size=4),
)
def test_nothing_but_the_public_internet_is_ever_connected_to(host, scheme, port, answers):
    connected: list[str] = []

    def resolver(name: str, _: int) -> list[str]:
        """As a real one for numbers, in any spelling; for names another answer each time."""
        with suppress(ValueError):
            return [str(ip_address(name))]
        with suppress(OSError):
            return [socket.inet_ntoa(socket.inet_aton(name))]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connector(address: str, _port: int, _seconds: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    url = f"{scheme}://{host}{port}/"
    made = webhooks(allowed_hosts=frozenset(), resolver=resolver, connector=connector)
    for _ in range(3):
        with pytest.raises(DeliveryFailed):
            made.publish(announcement(url), ANALYSIS)
    for address in map(ip_address, connected):
        assert address.is_global
        assert not address.is_multicast
        assert getattr(address, "ipv4_mapped", None) is None
        assert getattr(address, "sixtofour", None) is None
        assert not str(address).startswith("64:ff9b:")


@given(st.text(max_size=60))
def test_any_text_at_all_is_read_or_refused(text):
    for url in (text, f"https://{text}", f"http://example.com{text}"):
        with suppress(BifrostError):
            assert read(url).host
