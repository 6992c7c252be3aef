"""Addresses and names of machines: where they stand. Hidden when the policy `mask` says so, and always reversible."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from app.domain.analyses import Mask
from app.pipeline.kinds.rule import Place

#: What is no octet is no address either: `_address` tells.
_OCTET = r"\d{1,3}"
#: Beginnings of addresses that are private whatever follows are left out: most logs have no others, and cost nothing.
_PUBLIC = (
    r"(?:(?:[1-9]|1[1-9]|[2-9]\d|1(?:0[1-9]|1\d|2[0-689]|[3-5]\d|6[0-8]|7[013-9]|8\d|9[013-79])|2(?:0[0-24-9]|1\d|2[0-3]))"
    rf"\.{_OCTET}|172\.(?:\d|1[0-5]|3[2-9]|[4-9]\d|1\d\d|2\d\d)|192\.(?:\d|[1-9]\d|1[0-57-9]\d|16[0-79]|2\d\d)"
    rf"|169\.(?:\d\d?|1\d\d|2[0-4]\d|25[0-35])|(?:100|198|203)\.{_OCTET})"
)
_REST = rf"\.{_OCTET}\.{_OCTET}"
_GLOBAL_6 = r"[23][0-9a-fA-F]{3}:[0-9a-fA-F:]{3,34}[0-9a-fA-F]"
_ANY_6 = r"[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}"
#: Last labels of names that are surely machines': of the Internet, of clusters, of private networks.
_LAST = (
    r"com|net|org|io|dev|app|cloud|co|info|biz|edu|gov|eu|uk|de|fr|kr|jp|cn|in|us|au|ca|nl|se|ch"
    r"|local|localdomain|internal|lan|corp|intra|intranet|home|private|svc|example|test"
)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_AFTER_NAME = r"(?i:\b(?:host(?:_?name)?|server_?name|node|upstream|peer|broker)[\"']?[=:] ?[\"']?)"
#: A browser's version, not an address: `Chrome/116.0.0.0`; but `db.example.com/192.0.2.7:5432` is one.
_VERSION_BEFORE = re.compile(rb"(?i:[a-z]/|version[ =:]{1,2}|[a-z]-|[\w.]|\bv)\Z")


def _public(value: str) -> bool:
    found = _address(value)
    return found is not None and found.is_global


def _any(value: str) -> bool:
    found = _address(value)
    return found is not None and not found.is_unspecified


def _machine(value: str) -> bool:
    return value != "localhost" and bool(re.search(r"[A-Za-z]", value))


def _address(value: str) -> IPv4Address | IPv6Address | None:
    """None for what only looks like one: `12:30:59`, `std::io`."""
    if ":" in value and (len(value) < 6 or not re.search(r"\d", value)):
        return None
    try:
        return ip_address(value)
    except ValueError:
        return None


def _no_version(before: bytes, after: bytes) -> bool:
    if re.match(rb"[\w-]|\.\d", after):
        return False
    return not _VERSION_BEFORE.search(before) or (before.endswith(b"/") and bool(re.match(rb":\d", after)))


_ALL = (
    Place(kind="IP", pattern=rf"\b{_OCTET}\.{_OCTET}{_REST}\b", accept=_any, fits=_no_version),
    Place(kind="IP", pattern=_ANY_6, accept=_any, fits=_no_version),
    Place(kind="HOST", pattern=r"(?:[a-z][a-z0-9+.-]{1,15}://)([\w][\w.-]{0,252})", accept=_machine),
    Place(kind="HOST", pattern=rf"{_AFTER_NAME}([A-Za-z0-9][A-Za-z0-9.-]{{0,252}})", accept=_machine),
    Place(kind="HOST", pattern=rf"\b((?:{_LABEL}\.){{1,8}}(?:{_LAST}))\b", accept=_machine),
    # of syslog: Jun 14 15:16:01 web-1 sshd[7]:
    Place(
        kind="HOST",
        pattern=r"(?m:^(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ([\w.-]{1,255}) )",
        accept=_machine,
    ),
)
#: Policy -> what it hides.
PLACES: dict[Mask, tuple[Place, ...]] = {
    Mask.NONE: (),
    Mask.PUBLIC: (
        Place(kind="IP", pattern=rf"\b(?:{_PUBLIC}{_REST}\b|{_GLOBAL_6})", accept=_public, fits=_no_version),
    ),
    Mask.ALL: _ALL,
}
