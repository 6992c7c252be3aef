"""Which addresses are of the public internet: a table of our own.

`ipaddress.is_global` says yes to multicast, to IPv4 addresses translated into IPv6 (NAT64 of 169.254.169.254) and to
6to4 of loopback. Sources: IANA's IPv4 and IPv6 special-purpose address registries (RFC 6890 and its successors).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_CLOSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host; Linux connects to itself
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' private; cloud metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's control address that looks public
        "169.254.0.0/16",  # link-local; cloud metadata at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; cloud metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
#: All that was ever given out. Outside are loopback, link-local, private (fc00::/7), multicast, IPv4-mapped and
#: -compatible addresses, and NAT64 (64:ff9b::/96, 64:ff9b:1::/48).
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3ffe::/16",  # given back
        "3fff::/20",  # documentation
    )
)
#: ISATAP: the second half of the address says "an IPv4 address follows".
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def is_public(address: Address) -> bool:
    """True for an address that may belong to a stranger's server."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    if address not in _OPEN_V6 or address.scope_id is not None:
        return False
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return not any(address in network for network in _CLOSED_V6)


def public(text: str) -> bool:
    """The same for an address as a resolver writes it. What is no address is not public."""
    try:
        return is_public(ip_address(text))
    except ValueError:
        return False
