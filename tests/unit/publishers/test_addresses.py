"""The table against an oracle of its own making, and against addresses whose nature is known."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.publishers.addresses import is_public, public

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",  # noqa: S104 - nothing is bound
        "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1",
        "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
        "64:ff9b::169.254.169.254", "64:ff9b::8.8.8.8", "64:ff9b:1::10.0.0.1", "100::1", "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
        "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "3ffe::1", "3fff::1", "3fff:fff::1", "5f00::1",
        "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
        "2600:1f00::5efe:10.0.0.1", "2600:1f00::200:5efe:10.0.0.1", "2606:4700::1111%1",
        "", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4 ", "1.2.3.4/32",
    ],
)  # fmt: skip
def test_what_is_not_of_the_public_internet_is_told(text):
    assert not public(text)


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "168.63.129.15", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888",
        "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "2c00::1",
    ],
)  # fmt: skip
def test_what_may_be_a_strangers_server_is_told(text):
    assert public(text)


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_public_that_python_calls_special(address):
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_is_public_that_python_calls_special_or_that_carries_another(address):
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast
        assert (address.ipv4_mapped, address.sixtofour, address.teredo) == (None, None, None)


WRAPPINGS = (
    IPv6Address,
    lambda v4: IPv6Address((0xFFFF << 32) | v4),
    lambda v4: IPv6Address((0xFFFF << 48) | v4),
    lambda v4: IPv6Address((0x64FF9B << 96) | v4),
    lambda v4: IPv6Address((0x64FF9B0001 << 80) | v4),
    lambda v4: IPv6Address((0x2002 << 112) | (v4 << 80)),
    lambda v4: IPv6Address((0x20010000 << 96) | (v4 ^ 0xFFFFFFFF)),
    lambda v4: IPv6Address((0x26001F00 << 96) | (0x5EFE << 32) | v4),
)


@given(v4=st.ip_addresses(v=4), wrap=st.sampled_from(WRAPPINGS))
def test_an_ipv4_address_inside_an_ipv6_address_is_never_public(v4, wrap):
    assert not is_public(wrap(int(v4)))


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_text_and_address_agree(address):
    assert public(str(address)) == is_public(address)
    assert isinstance(ip_address(str(address)), IPv4Address | IPv6Address)
