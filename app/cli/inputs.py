"""The logs to submit: files, directories, standard input."""

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from app.cli.exits import Stop
from app.pipeline.decoding import decode

STDIN = "-"
_SUFFIXES = frozenset({".log", ".txt", ".out", ".err"})
#: More than any server takes: reading on would only fill the memory.
_MOST_BYTES = 256 * 1024 * 1024
_GZIP = b"\x1f\x8b"
#: PowerShell's `>` writes these.
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a log is. `found`: in a directory, where an empty file is no mistake of the caller's."""

    name: str
    found: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """A log as text. `bytes_replaced` of it were not UTF-8."""

    name: str
    text: str
    bytes_replaced: int


def places(arguments: Iterable[str]) -> Iterator[Place]:
    """Every file named, and those in the directories named, sorted. Raises `Stop` for what is not there."""
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN or path.is_file() or path.is_fifo():
            yield Place(name=argument)
        elif path.is_dir():
            files = sorted(file for file in path.rglob("*") if _is_log(file, path))
            if not files:
                raise Stop(f"{argument}: no *.log, *.txt, *.out or *.err in this directory.")
            yield from (Place(name=str(file), found=True) for file in files)
        else:
            raise Stop(f"{argument}: no such file or directory.")


def read(place: Place) -> Log | None:
    """Its text; None for an empty file found in a directory. Raises `Stop` for what cannot be submitted."""
    name = "standard input" if place.name == STDIN else place.name
    try:
        data = _bytes(place)
    except (OSError, EOFError, zlib.error) as error:
        raise Stop(f"{name}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > _MOST_BYTES:
        raise Stop(f"{name}: larger than {_MOST_BYTES // 2**20} MiB. Submit the part that matters.")
    encoded = data.decode("utf-16", errors="replace").encode() if data.startswith(_UTF_16) else data
    decoded = decode(encoded)
    if decoded.text.strip():
        return Log(name=name, text=decoded.text, bytes_replaced=decoded.bytes_replaced)
    if place.found:
        return None
    raise Stop(f"{name}: empty, there is nothing to analyze.")


def _is_log(file: Path, below: Path) -> bool:
    parts = file.relative_to(below).parts
    if any(part.startswith(".") for part in parts):
        return False
    name = file.name.removesuffix(".gz")
    return Path(name).suffix.lower() in _SUFFIXES and file.is_file()


def _bytes(place: Place) -> bytes:
    if place.name == STDIN:
        return _unpacked(_most(sys.stdin.buffer))
    with Path(place.name).open("rb") as file:
        return _unpacked(_most(file))


def _most(file: BinaryIO) -> bytes:
    return file.read(_MOST_BYTES + 1)


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    with gzip.GzipFile(fileobj=BytesIO(data)) as file:
        return file.read(_MOST_BYTES + 1)
