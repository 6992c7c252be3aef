"""A log piece by piece: files and pipes of any size, packed or not."""

import codecs
import gzip
import sys
import zlib
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import cast

from app.cli.exits import Stop
from app.cli.inputs import STDIN
from app.pipeline.filtering import BLOCK

_GZIP = b"\x1f\x8b"
_ENCODINGS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def pieces(name: str, *, as_they_come: bool = False) -> Iterator[str]:
    """Text of the log, each piece as large as memory likes, or as soon as there is any. Raises `Stop`."""
    try:
        with _opened(name) as file:
            raw: BufferedReader = file
            if file.peek(2)[:2] == _GZIP:
                # a reader of readers: both have `peek`, `read` and `read1`
                raw = BufferedReader(gzip.GzipFile(fileobj=file))
            yield from _decoded(raw, as_they_come=as_they_come)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise Stop(f"{_told(name)}: {getattr(error, 'strerror', None) or error}") from error


def _decoded(raw: BufferedReader, *, as_they_come: bool) -> Iterator[str]:
    start = raw.peek(2)[:2]
    encoding = next((found for mark, found in _ENCODINGS if start == mark), "utf-8-sig")
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    while data := raw.read1(BLOCK) if as_they_come else raw.read(BLOCK):
        yield decoder.decode(data)
    yield decoder.decode(b"", final=True)


def _opened(name: str) -> BufferedReader:
    if name != STDIN:
        return Path(name).open("rb")
    if sys.stdin is None:
        raise Stop("standard input: closed, there is nothing to read.")
    found: object = sys.stdin.buffer
    # one that somebody has put in its place may not know how to peek
    return found if isinstance(found, BufferedReader) else BufferedReader(cast(RawIOBase, found))


def _told(name: str) -> str:
    return "standard input" if name == STDIN else name
