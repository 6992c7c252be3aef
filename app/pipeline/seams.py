"""Secrets that a line's end cuts in two: wrapped by a collector, by a terminal, or begun on the line before."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.pipeline.blocks import Lines
from app.pipeline.kinds.cuts import NAMED, SEEN
from app.pipeline.redaction import redact
from app.pipeline.suspects import Suspects, compiled

#: Lines of one run that are joined at a time, and characters of each; those beyond are looked at by themselves.
_RUN = 16
_CHARS = 20_000
_PLACEHOLDER = re.compile(r"<([A-Z][A-Z0-9_]*)_(\d{1,9})>")
#: A collector's line that goes on in its next one: CRI marks it P, Docker leaves the newline away.
_CRI = re.compile(r"\S{10,40} (stdout|stderr) ([PF]) ")
_DOCKER = re.compile(r'\{"log":"')
_DOCKER_END = re.compile(r'(?<!\\n)","stream":"\w{1,10}"[^\n]*$')
_SEEN = compiled(SEEN)
_ENDS_NAMED = re.compile(rf"(?i:{NAMED})$")
#: A token's rest, not the time that begins the next record.
_CONTINUED = re.compile(r"(?!\d{4}[-/]\d\d[-/]|\d\d:)[\w.+/=~-]{4,}(?=$|[\s\"',;)}\]])")
#: Longest end of a line that a name may take, with what follows it.
_NAME_CHARS = 96
#: A terminal, a mail or a form wraps no shorter lines.
_WRAPPED_CHARS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """What one line adds to a run: its characters from `start` to `stop`, after `glue`."""

    index: int
    start: int
    stop: int
    glue: str = ""


def hide(lines: Lines, suspects: Suspects | None = None) -> Mapping[str, int]:
    """Replace in place the parts of secrets that stand on several lines; how many secrets of each kind."""
    suspects = suspects or Suspects(lines)
    counts: dict[str, int] = {}
    taken: dict[str, int] | None = None
    fresh: dict[int, str] = {}
    for pieces in _runs(lines, suspects):
        joined, places = _joined(lines, pieces)
        edits: list[tuple[_Piece, int, int, str]] = []
        for kind, start, stop in _secrets(joined):
            parts = [
                (piece, max(start, at), min(stop, end), at) for piece, at, end in places if start < end and at < stop
            ]
            # what one line shows by itself is found there
            if len(parts) == 1 and (parts[0][0] is pieces[0] or kind == "EMAIL"):
                continue
            taken = _taken(lines) if taken is None else taken
            taken[kind] = taken.get(kind, 0) + 1
            counts[kind] = counts.get(kind, 0) + 1
            name = f"<{kind}_{taken[kind]}>"
            edits += [
                (piece, piece.start + begin - at, piece.start + end - at, name) for piece, begin, end, at in parts
            ]
        for piece, begin, end, name in reversed(edits):
            line = fresh.get(piece.index) or lines[piece.index]
            fresh[piece.index] = f"{line[:begin]}{name}{line[end:]}"
    for changed in lines.replace(fresh):
        suspects.look_again(changed)
    return counts


def _runs(lines: Lines, suspects: Suspects) -> Iterator[list[_Piece]]:
    """Lines that belong together, each run once."""
    behind = 0
    for index in _cut(lines, suspects):
        if index < behind:
            continue
        pieces = _run(lines, index)
        if len(pieces) > 1:
            behind = pieces[-1].index + 1
            yield pieces


def _cut(lines: Lines, suspects: Suspects) -> Iterator[int]:
    """Lines that may go on in their next one."""
    for number in lines.numbers:
        found = suspects.lines_with(_SEEN, number)
        index, counted = lines.first(number) if found else 0, 0
        for start, _ in found:
            index += lines.block(number).count(b"\n", counted, start)
            counted = start
            yield index


def _run(lines: Sequence[str], index: int) -> list[_Piece]:
    line = lines[index]
    if (match := _CRI.match(line)) and match[2] == "P":
        return _of_cri(lines, index, match[1])
    if _DOCKER.match(line) and _DOCKER_END.search(line):
        return _of_docker(lines, index)
    if index + 1 == len(lines):
        return []
    named = _ENDS_NAMED.search(line[-_NAME_CHARS:].encode().decode("latin-1"))
    return _of_name(lines, index, named[0]) if named else _of_wrapped(lines, index)


def _of_name(lines: Sequence[str], index: int, name: str) -> list[_Piece]:
    """`password:` or an option before a backslash, and what the next line begins with."""
    line, following = lines[index], lines[index + 1]
    stop = len(line.rstrip(" \t\\|>+-" if ":" in name or "=" in name else " \t\\"))
    start = len(following) - len(following.lstrip(" \t-"))
    if not line[:stop].strip() or start == len(following):
        return []
    head = _Piece(index=index, start=max(0, stop - _CHARS), stop=stop)
    return [head, _Piece(index=index + 1, start=start, stop=min(len(following), start + _CHARS), glue=" ")]


def _of_wrapped(lines: Sequence[str], index: int) -> list[_Piece]:
    """A token that goes on in the next line."""
    line = lines[index]
    goes_on = _CONTINUED.match(lines[index + 1])
    if not goes_on or len(line) < _WRAPPED_CHARS or not re.search(r"\d|[a-z][A-Z]", goes_on[0]):
        return []
    head = _Piece(index=index, start=max(0, len(line) - _CHARS), stop=len(line))
    return [head, _Piece(index=index + 1, start=0, stop=goes_on.end())]


def _of_cri(lines: Sequence[str], index: int, stream: str) -> list[_Piece]:
    """Up to the next line of this stream that is no part; lines of the other stream may stand between."""
    pieces: list[_Piece] = []
    for at in range(index, min(index + 2 * _RUN, len(lines))):
        match = _CRI.match(lines[at])
        if not match:
            break
        if match[1] == stream:
            pieces.append(_Piece(index=at, start=match.end(), stop=min(len(lines[at]), match.end() + _CHARS)))
            if match[2] == "F" or len(pieces) == _RUN:
                break
    return pieces


def _of_docker(lines: Sequence[str], index: int) -> list[_Piece]:
    pieces: list[_Piece] = []
    for at in range(index, min(index + _RUN, len(lines))):
        head = _DOCKER.match(lines[at])
        if not head:
            break
        end = _DOCKER_END.search(lines[at])
        stop = end.start() if end else lines[at].find('\\n","stream"')
        pieces.append(_Piece(index=at, start=head.end(), stop=stop if stop > 0 else len(lines[at])))
        if not end:
            break
    return pieces


def _joined(lines: Sequence[str], pieces: Sequence[_Piece]) -> tuple[str, list[tuple[_Piece, int, int]]]:
    """The run as one line, and where in it each piece stands."""
    text = ""
    places = []
    for piece in pieces:
        text += piece.glue
        places.append((piece, len(text), len(text) + piece.stop - piece.start))
        text += lines[piece.index][piece.start : piece.stop]
    return text, places


def _secrets(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of each secret in one line."""
    found = Lines([text.encode()])
    if not redact(found).counts:
        return
    between = _PLACEHOLDER.split(found[0])
    position = 0
    # text, kind, number, text, kind, number, …: what was not replaced stands in `text` in the same order
    for at in range(0, len(between) - 1, 3):
        before, kind, after = between[at], between[at + 1], between[at + 3]
        start = position + len(before)
        if text.startswith(f"<{kind}_{between[at + 2]}>", start):  # it stood there already
            position = start + len(f"<{kind}_{between[at + 2]}>")
            continue
        stop = text.find(after, start + 1) if after else len(text)
        if stop < 0:
            return
        yield kind, start, stop
        position = stop


def _taken(lines: Lines) -> dict[str, int]:
    """Placeholders that already stand in the log keep their numbers to themselves."""
    highest: dict[str, int] = {}
    for block in lines.blocks():
        for kind, number in _PLACEHOLDER.findall(block.decode()) if b"<" in block else ():
            highest[kind] = max(highest.get(kind, 0), int(number))
    return highest
