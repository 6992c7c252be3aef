"""Lines to records: stack traces and other continuation lines belong to the line that they explain.

Each line becomes one letter, the log becomes a word, and a grammar over the letters finds the records:

    b  blank                                        i  indented, or a frame: continues whatever it follows
    h  begins with a time, below WARNING            c  `Caused by: …`, continues and says why
    H  the same, WARNING or above                   j  continues after a blank line: `goroutine 1 [running]:`
    t  `Traceback (most recent call last):`         g  a frame of a Go stack: `main.main()`
    x  `some.Exception: …`                          p  plain, below WARNING       P  plain, WARNING or above
    k  `panic: …`, the last words of a program      r  `NoMethodError (…):`, frames follow, after blank lines too
    o  a JSON object, below WARNING: whole           O  the same, WARNING or above
    n  `/app/cart.js:18`, as Node begins its last   v  `Node.js v20.11.1`, as it ends them
    u  `thread 'main' panicked at …`, of Rust: the message is the next line
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.logs import Level
from app.pipeline.levels import level_of
from app.pipeline.wrappers import Unwrapped, unwrap

#: Longer runs are cut into several records, so that one of them can never be the whole log.
LONGEST = 200

#: The id of a request, as Rails puts it before each line.
_TAG = r"(?:\[[\w-]{8,64}\] )?"
_CAUSE = re.compile(r"\s*(?:Caused by: |Suppressed: |\[cause\]: )")
_FRAME = re.compile(
    r"\s*at \S+\s?\(|\s+at |\s*\.\.\. \d+ (?:more|common frames)|\s*File \"|\s*from \S+:\d+:in "
    r"|\s*#\d+ +|\s*--- End of |created by \S+\(?"
    r"|\s*\^+\s*$|[)\]}]+[,;]?\s*$|\s*\d+: +0x[0-9a-f]+ - "
    r"|stack backtrace:\s*$|note: (?:[Rr]un with|Some details are omitted)"
    # Rails: neither indented nor marked, the name of a gem or the id of the request before it
    rf"|{_TAG}(?:[\w-]{{1,80}} \([\w.]{{1,40}}\) )?[\w./@+-]{{1,300}}:\d+:in [`'][^']{{1,300}}'\s*$"
    r"|\[(?=[\w-]*\d)[\w-]{8,64}\]\s*$"
)
#: How Rails names an exception.
_RAILS_EXCEPTION = re.compile(rf"{_TAG}(?:[A-Z]\w*::){{0,8}}[A-Z]\w* \(.*\):\s*$")
_JOINER = re.compile(
    r"goroutine \d+ \[|During handling of the above exception|The above exception was the direct cause|\[signal SIG"
)
_TRACEBACK = re.compile(r"(?:\s*[|+-]+ )?(?:Exception Group )?Traceback \(most recent call last\):")
_EXCEPTION = re.compile(
    r"(?:Exception in thread \"[^\"]*\" |Uncaught |Unhandled )?"
    r"(?:[A-Za-z_$][\w$]*\.){0,12}[A-Z_a-z$][\w$]*(?:Error|Exception|Exit|Interrupt|Timeout|Throwable"
    r"|Failure|Fault|Warning)(?: \[\w+\])?(?::(?:\s|$)|\s*$)|Error: "
)
_PANIC = re.compile(r"panic: |fatal error: ")
_RUST_PANIC = re.compile(r"thread '[^']*' (?:\(\d+\) )?panicked at ")
_NODE_PLACE = re.compile(r"(?:node:|file://|/|[A-Z]:\\)[^\s:]{1,300}:\d+$")
_NODE_BANNER = re.compile(r"Node\.js v\d")
_GO_FRAME = re.compile(r"[\w./*()-]{1,200}\([^)\s]{0,80}(?:, [^)\s]{0,80}){0,12}\)$|exit status \d+$")

_PYTHON = "t(?:i*[xpP]?(?:b{0,2}jb{0,2}(?:ti*[xpP]?)?)*)"
_GO = "k[igj]*(?:b{1,2}j[igj]*)*"
_RAILS = "r(?:b{0,2}[ic]+)+"
_JAVA = "x(?:[ic]+|b{1,2}j[ig]*)+"
_NODE = "n[ip]*b{0,2}[xpP][ic]*(?:b{0,2}x[ic]+)*(?:b{0,2}v)?"
_RUST = "u[pPx]?[ic]*"
#: Records of more than one line, in a log whose records begin with a time …
_WITH_TIMES = re.compile(
    f"H(?:{_PYTHON}|b{{1,2}}{_JAVA}|b{{0,2}}{_RAILS}|(?:b{{1,2}}j)?[xcigjp])+|h[ip]+|P?{_PYTHON}|{_JAVA}|{_RAILS}|{_GO}|{_NODE}|{_RUST}"
    "|[pPgj][ic]+".encode()
)
#: … and in one of plain lines, where only indentation and stack traces tell.
_WITHOUT_TIMES = re.compile(
    f"H(?:{_PYTHON}|b{{1,2}}{_JAVA}|b{{0,2}}{_RAILS}|[xcig])+|h[ic]+|P?{_PYTHON}|{_JAVA}|{_RAILS}|{_GO}|{_NODE}|{_RUST}"
    "|[pPgj][ic]+".encode()
)


#: Letters that are records by themselves, when there are no others.
_ALONE = b"bpPoO"
_NO_HEADS = re.compile(rb"[^hHoO]+")


class Face(NamedTuple):
    """What all lines of one skeleton have in common."""

    unwrapped: Unwrapped
    level: Level
    letter: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A record of more than one line: lines `start` to `stop` (0-based, half open), told by lines `head` and `telling`.

    `telling` is the line that says why: the last cause, or the exception below a traceback; -1 when the head says all.
    """

    start: int
    stop: int
    telling: int
    level: Level


def face(line: str) -> Face:
    """Look at one line."""
    if not line or line.isspace():
        return Face(unwrapped=Unwrapped(payload="", message="", headed=False), level=Level.UNKNOWN, letter=ord("b"))
    unwrapped = unwrap(line)
    level = level_of(unwrapped)
    return Face(unwrapped=unwrapped, level=level, letter=ord(_letter(unwrapped, level)))


def spans(letters: bytes, faces: Sequence[Face], of_line: Sequence[int]) -> list[Span]:
    """Records of more than one line. Every other line that is not blank is a record by itself."""
    if not letters.translate(None, _ALONE):
        return []
    headed = sum(map(letters.count, (b"h", b"H", b"o", b"O")))
    plain = letters.count(b"p") + letters.count(b"P")
    grammar = _WITH_TIMES if headed >= plain and headed > 0 else _WITHOUT_TIMES
    found: list[Span] = []
    for match in _records(letters, grammar):
        start, end = match.span()
        while letters[end - 1] == ord("b"):
            end -= 1
        for begin in range(start, end, LONGEST):
            stop = min(begin + LONGEST, end)
            if stop - begin > 1:
                found.append(_span(letters, faces, of_line, (begin, stop)))
    return found


def _records(letters: bytes, grammar: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Matches of the grammar. No record has a second head in it, so that runs of heads need no look."""
    for rest in _NO_HEADS.finditer(letters):
        start, end = rest.span()
        yield from grammar.finditer(letters, max(start - 1, 0), end)


#: What lines without a time of their own are, the first that fits.
_LETTERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("c", _CAUSE),
    ("t", _TRACEBACK),
    ("j", _JOINER),
    ("b", re.compile(r"\s*$")),
    ("i", _FRAME),
    ("i", re.compile(r"\s")),
    ("x", _EXCEPTION),
    ("r", _RAILS_EXCEPTION),
    ("g", _GO_FRAME),
    ("k", _PANIC),
    ("u", _RUST_PANIC),
    ("n", _NODE_PLACE),
    ("v", _NODE_BANNER),
)
#: All of them in one look: the number of the group that matched is their place in the table.
_ANY_LETTER = re.compile("|".join(f"({pattern.pattern})" for _, pattern in _LETTERS))


def _letter(line: Unwrapped, level: Level) -> str:
    loud = level >= Level.WARNING
    if line.fields is not None:
        return "O" if loud else "o"
    if line.headed:
        return "H" if loud else "h"
    found = _ANY_LETTER.match(line.payload)
    if found and found.lastindex:
        return _LETTERS[found.lastindex - 1][0]
    return "P" if loud else "p"


def _span(letters: bytes, faces: Sequence[Face], of_line: Sequence[int], bounds: tuple[int, int]) -> Span:
    start, stop = bounds
    word = letters[start:stop]
    telling = _telling(word)
    head = faces[of_line[start]].level
    plain = word[0] not in b"hH"
    # a plain head claims nothing: the loudest of its lines does
    level = max(faces[number].level for number in dict.fromkeys(of_line[start:stop])) if plain else head
    if plain and level == Level.UNKNOWN and (b"t" in word or word[0] in b"xrnu"):
        level = Level.ERROR
    if telling < 0 and plain and level > head:
        # none of them, when only the form of the record says so
        telling = next((i for i in range(stop - start) if faces[of_line[start + i]].level == level), -1)
    return Span(start=start, stop=stop, telling=start + telling if telling > 0 else -1, level=level)


def _telling(word: bytes) -> int:
    """Index of the line that says why; -1 when there is none beyond the head."""
    cause = word.rfind(b"c")
    if cause > 0:
        return cause
    traceback = word.rfind(b"t")
    if traceback >= 0:
        end = traceback + 1
        while end < len(word) and word[end] == ord("i"):
            end += 1
        if end < len(word) and word[end] in b"xpP":
            return end
    exception = max(word.rfind(b"x"), word.rfind(b"r"))
    return exception if exception > 0 else -1
