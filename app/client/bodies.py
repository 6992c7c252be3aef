"""Puts a submission into a body in the way that adds the fewest bytes: the log as it is, its fields in the query."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeGuard
from urllib.parse import urlencode

import orjson

#: Smaller ones are sent sooner than packed.
_PACKED_FROM_BYTES = 64 * 1024
#: Web servers and proxies refuse request lines of 4 to 8 KB.
_LONGEST_QUERY = 2000
#: Level 3 packs some hundred MB in a second, to about a tenth.
_ZSTD_LEVEL = 3

Query = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """A body, and the headers and parameters without which it cannot be read."""

    body: bytes
    headers: Mapping[str, str]
    query: Query = field(default_factory=list)


def load(log: str | bytes, fields: Mapping[str, object]) -> Load:
    """Bytes that are not UTF-8 travel as they are: the server replaces and counts them."""
    data = log.encode(errors="surrogatepass") if isinstance(log, str) else log
    query = _query(fields)
    media, body = ("application/json", _json(data, fields)) if query is None else ("text/plain; charset=utf-8", data)
    packed = _packed(body)
    encoding = {} if packed is None else {"Content-Encoding": "zstd"}
    return Load(body=body if packed is None else packed, headers={"Content-Type": media, **encoding}, query=query or [])


def load_json(whole: Mapping[str, object]) -> Load:
    """Any object as JSON; texts may hold bytes that are not UTF-8 (`text_of`)."""
    body = _dumped(whole)
    packed = _packed(body)
    encoding = {} if packed is None else {"Content-Encoding": "zstd"}
    return Load(
        body=body if packed is None else packed,
        headers={"Content-Type": "application/json", **encoding},
    )


def text_of(log: str | bytes) -> str:
    """For `load_json`: bytes that are not UTF-8 travel as they are."""
    data = log.encode(errors="surrogatepass") if isinstance(log, str) else log
    return data.decode("utf-8", "surrogateescape")


def _query(fields: Mapping[str, object]) -> Query | None:
    """The fields as parameters; None when they would not arrive as they are."""
    try:
        pairs = [_pairs(name, value) for name, value in fields.items()]
        if None in pairs:
            return None
        found = [pair for some in pairs if some for pair in some]
        return found if len(urlencode(found)) <= _LONGEST_QUERY else None
    except (UnicodeEncodeError, orjson.JSONEncodeError):  # a name that is not UTF-8
        return None


def _pairs(name: str, value: object) -> Query | None:
    if name == "tags":
        return [(name, tag) for tag in value] if _are_words(value) else None
    if name == "metadata":
        return [(name, orjson.dumps(value).decode())]
    return [(name, str(value))] if isinstance(value, str | int | float) else None


def _are_words(tags: object) -> TypeGuard[list[str]]:
    """The query separates tags by commas, and drops what is blank around them."""
    return isinstance(tags, list) and all(
        isinstance(tag, str) and tag and tag == tag.strip() and "," not in tag for tag in tags
    )


def _json(data: bytes, fields: Mapping[str, object]) -> bytes:
    return _dumped({**fields, "log_content": data.decode("utf-8", "surrogateescape")})


def _dumped(whole: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(whole)
    except orjson.JSONEncodeError:  # not all of it is UTF-8
        return json.dumps(whole, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _packed(body: bytes) -> bytes | None:
    """None when it is not worth it."""
    if len(body) < _PACKED_FROM_BYTES:
        return None
    import zstandard

    packed = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)
    return packed if len(packed) < len(body) else None
