"""Receives a request's bytes: bounded before and after decompression, and not for ever."""

import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Protocol

import zstandard
from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from app.api.errors import BodyTooSlow, MediaTypeUnsupported
from app.api.slow_clients import WATCHMAN, Reading
from app.domain.errors import BodyUnreadable, LogTooLarge

_CHUNK_BYTES = 64 * 1024
#: Compressed bytes fed at once. At zstd's best this becomes 32 MB, which bounds what a bomb can make us hold.
_COMPRESSED_CHUNK_BYTES = 1024
#: Frames of one compressed body; tools that compress in parallel write one for every 64 KiB or more.
_MAX_FRAMES = 4096
_TOO_EARLY = "The connection ended before the body did."
_MAX_WINDOW_BYTES = 128 * 1024 * 1024


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def receive(request: Request, limit: int) -> bytes:
    """The whole body, decompressed; never more than `limit` bytes, nor of what came over the wire.

    Raises `LogTooLarge`, `BodyUnreadable`, `BodyTooSlow`, `MediaTypeUnsupported`.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    decompressor = _ENCODINGS.get(encoding)
    if decompressor is None and encoding != "identity":
        raise MediaTypeUnsupported(f"Content-Encoding can be one of {', '.join(_ENCODINGS)}; not several at once.")
    raw = _received(request, limit)
    return raw if decompressor is None else _decompressed(raw, decompressor, limit)


def _received(request: Request, limit: int) -> bytes:
    """Not `get_data()`: with a limit it cuts a chunked body silently, without one it reads without end."""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    connection = request.environ.get("gunicorn.socket")
    with WATCHMAN.watching(connection) if connection else nullcontext() as reading:
        try:
            data = _read_all(request.stream, limit, reading)
        except (ClientDisconnected, ParseException, OSError) as error:
            if reading and reading.cut:
                raise BodyTooSlow from error
            raise BodyUnreadable(_TOO_EARLY) from error
    # the web server says that it ends the stream, so Werkzeug does not compare: half a log must not pass for a whole
    if request.content_length is not None and len(data) < request.content_length:
        raise BodyUnreadable(_TOO_EARLY)
    return data


def _read_all(stream: _Stream, limit: int, reading: Reading | None) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := stream.read(min(_CHUNK_BYTES, limit + 1 - size)):
        chunks.append(chunk)
        size += len(chunk)
        if reading:
            reading.received = size
        if size > limit:
            raise _too_large(limit)
    if reading and reading.cut:
        raise BodyTooSlow
    return b"".join(chunks)


def _decompressed(raw: bytes, make: Callable[[], _Decompressor], limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    frame, frames = make(), 1
    try:
        for piece in _pieces(raw):
            rest = piece
            while rest:
                if frame.eof:
                    frame, frames = make(), frames + 1
                chunk = frame.decompress(rest)
                rest = frame.unused_data if frame.eof else b""
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                if frames > _MAX_FRAMES:
                    raise BodyUnreadable("The compressed body has too many frames.")
    except (zlib.error, zstandard.ZstdError) as error:
        raise BodyUnreadable("The body is not compressed as its Content-Encoding says.") from error
    if raw and not frame.eof:
        raise BodyUnreadable("The compressed body ends too early.")
    return b"".join(chunks)


def _pieces(raw: bytes) -> Iterable[bytes]:
    return (raw[start : start + _COMPRESSED_CHUNK_BYTES] for start in range(0, len(raw), _COMPRESSED_CHUNK_BYTES))


def _gzip() -> _Decompressor:
    return zlib.decompressobj(wbits=31)


def _zstd() -> _Decompressor:
    return zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()


_ENCODINGS: Mapping[str, Callable[[], _Decompressor]] = {"gzip": _gzip, "x-gzip": _gzip, "zstd": _zstd}


def _too_large(limit: int) -> LogTooLarge:
    return LogTooLarge(f"The body has more than {limit:,} bytes; a log sent as text/plain needs the fewest.")
