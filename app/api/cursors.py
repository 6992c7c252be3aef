"""Cursors of lists: opaque to callers, a point in time and an id to us."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta

from app.domain.errors import CursorInvalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(rb"(?P<micros>[0-9]{1,18})\.(?P<id>[1-9][0-9]{0,18})")
MAX_ID = 2**63 - 1


def encode(before: tuple[datetime, int]) -> str:
    """The cursor for what comes after this (created_at, id)."""
    micros = (before[0] - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(b"%d.%d" % (micros, before[1])).decode().rstrip("=")


def decode(cursor: str) -> tuple[datetime, int]:
    """The (created_at, id) behind a cursor. Raises `CursorInvalid`."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found = _FORM.fullmatch(base64.b64decode(padded, altchars=b"-_", validate=True))
        if found is None or int(found["id"]) > MAX_ID:
            raise CursorInvalid
        return _EPOCH + timedelta(microseconds=int(found["micros"])), int(found["id"])
    except (UnicodeEncodeError, binascii.Error, OverflowError) as error:
        raise CursorInvalid from error
