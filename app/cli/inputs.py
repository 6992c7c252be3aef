"""The logs to submit: files, directories, standard input."""

import gzip
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from app.cli.exits import Stop
from app.cli.output import note
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
    """Where a log is, or what is wrong there. `found`: in a directory, where an empty file is nobody's mistake."""

    name: str
    found: bool = False
    trouble: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """A log in UTF-8, except for those of its bytes that will be replaced."""

    name: str
    data: bytes
    bytes_replaced: int


def places(arguments: Iterable[str]) -> Iterator[Place]:
    """Every file named, and those in the directories named, sorted; what is not there has its trouble."""
    for argument in arguments:
        # of Path, an empty name is the directory we are in: nobody who left a variable unset means that
        if not argument:
            yield Place(name="''", trouble="an empty name. Is a variable unset?")
        elif argument == STDIN:
            yield Place(name=argument)
        else:
            yield from _at(argument)


def everything(directory: Path) -> Iterator[Place]:
    """Whatever in a directory is named like a log, sorted; what cannot be one has its trouble."""
    for path in sorted(directory.rglob("*")):
        if _is_named_so(path, directory):
            trouble = _trouble(path, directory)
            if trouble is not None:
                yield Place(name=str(path), trouble=trouble or None)


def read(place: Place) -> Log | None:
    """Its text; None for an empty file found in a directory. Raises `Stop` for what cannot be submitted."""
    name = "standard input" if place.name == STDIN else place.name
    if place.trouble:
        raise Stop(f"{name}: {place.trouble}")
    try:
        data = _bytes(place)
    except (OSError, EOFError, zlib.error) as error:
        raise Stop(f"{name}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > _MOST_BYTES:
        raise Stop(f"{name}: larger than {_MOST_BYTES // 2**20} MiB. Submit the part that matters.")
    encoded = data.decode("utf-16", errors="replace").encode() if data.startswith(_UTF_16) else data
    decoded = decode(encoded)
    if decoded.text.strip():
        return Log(name=name, data=encoded, bytes_replaced=decoded.bytes_replaced)
    if place.found:
        return None
    raise Stop(f"{name}: empty, there is nothing to analyze.")


def _at(name: str) -> Iterator[Place]:
    path = Path(name)
    try:
        is_directory = S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        yield Place(name=name, trouble="no such file or directory.")
    except OSError as error:
        yield Place(name=name, trouble=f"{error.strerror}.")
    else:
        yield from _in(path) if is_directory else (Place(name=name),)


def _in(directory: Path) -> Iterator[Place]:
    # a directory that goes away meanwhile, or may not be read, has no files
    files = sorted(
        file
        for parent, _, names in os.walk(directory)
        for file in map(Path(parent).joinpath, names)
        if _is_log(file, directory)
    )
    inside = [file for file in files if not file.is_symlink() or file.resolve().is_relative_to(directory.resolve())]
    if skipped := len(files) - len(inside):
        note(f"{directory}: {skipped} of its links lead out of it, skipped")
    if not inside:
        trouble = "no *.log, *.txt, *.out or *.err in this directory."
        yield Place(name=str(directory), trouble=trouble)
    yield from (Place(name=str(file), found=True) for file in inside)


def _is_log(file: Path, below: Path) -> bool:
    parts = file.relative_to(below).parts
    if any(part.startswith(".") for part in parts):
        return False
    name = file.name.removesuffix(".gz")
    # False also for what may not be looked at
    return Path(name).suffix.lower() in _SUFFIXES and os.path.isfile(file)  # noqa: PTH113 - Path.is_file would raise


def _is_named_so(path: Path, below: Path) -> bool:
    parts = path.relative_to(below).parts
    hidden = any(part.startswith(".") for part in parts)
    return not hidden and Path(path.name.removesuffix(".gz")).suffix.lower() in _SUFFIXES


def _trouble(path: Path, below: Path) -> str | None:
    """Why it cannot be read; empty when nothing speaks against it; None for a directory of logs."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "a link that leads nowhere." if path.is_symlink() else f"{error.strerror}."
    if S_ISDIR(mode):
        return None if any(_is_log(file, path) for file in path.rglob("*")) else "a directory, not a file."
    if not S_ISREG(mode):
        return "not a regular file."
    outside = path.is_symlink() and not path.resolve().is_relative_to(below.resolve())
    return "a link that leads out of the directory." if outside else ""


def _bytes(place: Place) -> bytes:
    if place.name == STDIN:
        if sys.stdin is None:
            raise Stop("standard input: closed, there is nothing to read.")
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
