"""Signatures as Standard Webhooks has them, so that a receiver can check them with any of its libraries."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

_PREFIX = "whsec_"


def keys(secret: str) -> tuple[bytes, ...]:
    """The signing keys in `whsec_…`; several, separated by blanks, while one replaces another."""
    return tuple(base64.b64decode(one.removeprefix(_PREFIX)) for one in secret.split())


def headers(event_id: str, body: bytes, *, timestamp: int, keys: Sequence[bytes]) -> Mapping[str, str]:
    """`timestamp`: seconds since 1970, of this attempt. Source: the Standard Webhooks specification, 1.0.0."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
