"""Where a webhook goes: a URL that is read once, and addresses that are used as they were checked."""

import re
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from app.domain.errors import DeliveryFailed, WebhookUrlRefused
from app.publishers.addresses import is_public, public

MAX_URL_CHARS = 2048
_PORTS = {"http": 80, "https": 443}
#: RFC 3986's characters. `urlsplit` would drop tabs and line breaks, and others read a backslash as a slash.
_URL = re.compile(r"https?://[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+", re.IGNORECASE)
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
#: Below live servers that speak something else than HTTP, and might take a request for their own language.
_FIRST_OPEN_PORT = 1024
_MAX_NAME_CHARS = 253
_MAX_ADDRESSES = 4

#: Name and port -> addresses, as written. Raises `OSError`.
Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """A URL's parts. `host` in lower case, without brackets; `target` is the path with its query."""

    scheme: str
    host: str
    port: int
    target: str
    #: Whoever runs this server vouches for the host: any of its addresses may be connected to.
    trusted: bool

    @property
    def authority(self) -> str:
        """For the `Host` header: the port only when it is not the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"

    @property
    def lane(self) -> str:
        """One receiver: what it can take is shared by all that goes to it."""
        return f"{self.host}:{self.port}"


def read(url: str, *, allowed_hosts: Collection[str]) -> Destination:
    """Raises `WebhookUrlRefused` for whatever can be told without asking anybody."""
    if len(url) > MAX_URL_CHARS:
        raise WebhookUrlRefused(f"A webhook's URL has at most {MAX_URL_CHARS:,} characters.")
    if not _URL.fullmatch(url):
        raise WebhookUrlRefused(
            "A webhook's URL begins with http:// or https:// and has no fragment; what is not a character of URLs is "
            "encoded, and names beyond ASCII are written with xn--."
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise WebhookUrlRefused("A webhook's URL needs a valid host and port.") from error
    if "@" in parts.netloc:
        raise WebhookUrlRefused("A webhook's URL carries no user name and no password.")
    scheme = parts.scheme.lower()
    found = Destination(
        scheme=scheme,
        host=host,
        port=_PORTS[scheme] if port is None else port,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        trusted=host.rstrip(".") in allowed_hosts,
    )
    if not found.trusted:
        _check(found, bracketed="[" in parts.netloc)
    return found


def resolve(destination: Destination, resolver: Resolver) -> tuple[str, ...]:
    """The addresses to connect to, best first. Connect to these and to nothing else: a second look at the name may
    find another answer.

    Raises `DeliveryFailed` when there is none, `WebhookUrlRefused` when one of them is not of the public internet.
    """
    try:
        addresses = tuple(dict.fromkeys(resolver(destination.host, destination.port)))
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"The name {destination.host} could not be resolved.") from error
    if not addresses:
        raise DeliveryFailed(f"The name {destination.host} has no address.")
    if not destination.trusted and not all(public(address) for address in addresses):
        raise _not_public(destination.host)
    return addresses[:_MAX_ADDRESSES]


def system_resolver(host: str, port: int) -> Sequence[str]:
    """What this machine's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(place[0]) for *_, place in found]


def _check(destination: Destination, *, bracketed: bool) -> None:
    host = destination.host
    if destination.port not in _PORTS.values() and destination.port < _FIRST_OPEN_PORT:
        raise WebhookUrlRefused(f"A webhook's port is 80, 443, or {_FIRST_OPEN_PORT} and above.")
    name = host.rstrip(".")
    # resolvers also read 127.1, 0x7f.1, 017700000001 and 2130706433; no public name ends in a number
    if bracketed or _NUMBER.fullmatch(name.rpartition(".")[2]):
        _check_address(host, IPv6Address if bracketed else IPv4Address)
    elif not _NAME.fullmatch(host) or len(host) > _MAX_NAME_CHARS:
        raise WebhookUrlRefused("A webhook's URL needs a valid host.")
    elif name == "localhost" or name.endswith(".localhost"):
        raise _not_public(host)


def _check_address(host: str, kind: type[IPv4Address] | type[IPv6Address]) -> None:
    try:
        address = kind(host)
    except ValueError as error:
        raise WebhookUrlRefused(
            "A webhook's host is a name, four decimal numbers, or an IPv6 address in brackets."
        ) from error
    if not is_public(address):
        raise _not_public(host)


def _not_public(host: str) -> WebhookUrlRefused:
    return WebhookUrlRefused(f"{host} is not on the public internet; webhooks.allowed_hosts names exceptions.")
