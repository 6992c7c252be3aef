"""Receives a request's bytes: bounded before and after decompression, and not for ever."""

import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

import zstandard
from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected
from werkzeug.exceptions import NotImplemented as TransferCodingUnsupported

from app.api.admission import aside
from app.api.context import limits
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Compression:
    """`padding`: bytes that may follow a frame and mean nothing; tape drives and block devices leave such zeros."""

    begin: Callable[[], _Decompressor]
    padding: bytes


def receive(request: Request, limit: int) -> bytes:
    """The whole body, decompressed; never more than `limit` bytes, nor of what came over the wire.

    Raises `LogTooLarge`, `BodyUnreadable`, `BodyTooSlow`, `MediaTypeUnsupported`, `TransferCodingUnsupported`.
    """
    # gunicorn lets `gzip, chunked` pass and takes off only the second
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        raise TransferCodingUnsupported
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    compression = _ENCODINGS.get(encoding)
    if compression is None and encoding != "identity":
        raise MediaTypeUnsupported(f"Content-Encoding can be one of {', '.join(_ENCODINGS)}; not several at once.")
    with aside(request.environ):
        raw = _received(request, limit)
    return raw if compression is None else _decompressed(raw, compression, limit)


def _received(request: Request, limit: int) -> bytes:
    """Not `get_data()`: with a limit it cuts a chunked body silently, without one it reads without end."""
    if (request.content_length or 0) > limit:
        raise _too_large()
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
            raise _too_large()
    if reading and reading.cut:
        raise BodyTooSlow
    return b"".join(chunks)


def _decompressed(raw: bytes, compression: _Compression, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    frame, frames = compression.begin(), 1
    try:
        for piece in _pieces(raw):
            rest = piece
            while rest:
                if frame.eof:
                    rest = rest.lstrip(compression.padding)
                    if not rest:
                        break
                    frame, frames = compression.begin(), frames + 1
                chunk = frame.decompress(rest)
                rest = frame.unused_data if frame.eof else b""
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise _too_large()
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


_GZIP = _Compression(begin=_gzip, padding=b"\0")
_ENCODINGS: Mapping[str, _Compression] = {
    "gzip": _GZIP,
    "x-gzip": _GZIP,
    "zstd": _Compression(begin=_zstd, padding=b""),
}


def _too_large() -> LogTooLarge:
    return LogTooLarge(
        f"The log may have up to {limits().max_log_bytes:,} bytes as UTF-8 (`limits.max_log_bytes`). This body has "
        "more than such a log needs. A log sent as text/plain needs the fewest."
    )
