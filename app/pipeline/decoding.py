"""Bytes to text: whatever comes in becomes valid Unicode, and what was lost is counted."""

import codecs
import re
from dataclasses import dataclass

#: Python keeps each undecodable byte as one of these when asked to (`surrogateescape`).
_ESCAPED = re.compile("[\udc80-\udcff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
#: A lone surrogate would take this many bytes if UTF-8 allowed it.
_SURROGATE_BYTES = 3
_WIDE = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """Valid Unicode without NUL. `bytes_replaced` were not text and became U+FFFD or nothing."""

    text: str
    bytes_replaced: int


def decode(data: bytes) -> Decoded:
    """UTF-8, or UTF-16 when it says so by its byte order mark (logs redirected by PowerShell). Never raises."""
    for mark, encoding in _WIDE:
        if data.startswith(mark):
            return clean(data[len(mark) :].decode(encoding, "replace"))
    raw = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    text, replaced = (raw, 0) if raw.isascii() else _ESCAPED.subn("\ufffd", raw)
    cleaned = clean(text)
    return Decoded(text=cleaned.text, bytes_replaced=replaced + cleaned.bytes_replaced)


def clean(text: str) -> Decoded:
    """Drop NUL, which PostgreSQL cannot hold, and replace lone surrogates, which UTF-8 cannot."""
    nuls = text.count("\x00")
    if nuls:
        text = text.replace("\x00", "")
    lone = 0
    if not text.isascii():
        text, lone = _SURROGATES.subn("\ufffd", text)
    return Decoded(text=text, bytes_replaced=nuls + lone * _SURROGATE_BYTES)
