r"""Text to physical lines: what can be displayed, numbered as in the log that was sent.

Lines end at `\n` alone (a `\r` before it belongs to it). `str.splitlines` would also end them at U+2028, form feeds
and others, and the numbers would no longer be those of an editor, `sed` or `grep -n`.
"""

import re
from collections.abc import Iterator

import re2

from app.pipeline.blocks import SIZE, Lines

#: The middle of a line longer than this is dropped before anything else, so that one line of 10 MB costs no more
#: than a few pages. Far more than is ever displayed.
GIANT = 32_768

_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
#: C0 and C1 controls but tab and newline; direction marks, tag characters and those without any width, which hide text
#: from people only, or split a secret for them only.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
    "\U000e0000-\U000e007f]"
)
#: The same as UTF-8: re2 finds out at memory speed that there is none.
_CONTROL_BYTES = (
    rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f\xad]|\xe1\xa0\x8e|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]|\xe2\x81[\xa0-\xa4\xa6-\xa9]"
    rb"|\xef\xbb\xbf|\xf3\xa0[\x80\x81]"
)
#: Without anything but ASCII it is faster to look for one after the other.
_CONTROL_ASCII = tuple(bytes((one,)) for one in (*range(9), *range(0x0B, 0x20), 0x7F))
#: What a cut would leave of a word, at most this much of it.
_BEFORE_CUT = re.compile(r"(?<=[\s,;&])[^\s,;&]{1,512}\Z")
_AFTER_CUT = re.compile(r"\A[^\s,;&]{1,512}(?=[\s,;&])")
#: Those that separate become a space; the others vanish.
_SPACES = frozenset("\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")


def latin1() -> re2.Options:
    """Options for patterns over bytes: re2 reads them as they are, without decoding or copying."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    # a pattern that outgrows it falls back to a slower engine: no reason to write to stderr
    options.log_errors = False
    return options


_HAS_CONTROL = re2.compile(_CONTROL_BYTES, latin1())


def split(text: str) -> Lines:
    """Lines without their ends. The newline that ends the log begins no further line."""
    return Lines([_clean(piece) for piece in _pieces(text)])


def size(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else sum(len(piece.encode()) for piece in _pieces(text))


def trim_giants(lines: Lines, *, limit: int = GIANT) -> dict[int, int]:
    """Cut the middle out of lines longer than `limit` characters, in place; index -> characters lost."""
    lost: dict[int, int] = {}
    fresh: dict[int, str] = {}
    half = limit // 2
    for number, block in enumerate(lines.blocks()):
        if not _has_giant(block, limit):
            continue
        for index, line in enumerate(block.decode().split("\n"), lines.first(number)):
            if len(line) > limit:
                # at a gap between words, when there is one: half of a secret is recognized by nobody
                head = _BEFORE_CUT.sub("", line[:half])
                tail = _AFTER_CUT.sub("", line[-half:])
                lost[index] = len(line) - len(head) - len(tail)
                # a space, so that no token grows together out of two halves
                fresh[index] = f"{head} {tail}"
    lines.replace(fresh)
    return lost


def display(line: str, *, limit: int, lost: int = 0) -> str:
    """`line` within `limit` characters: head and tail kept, the cut in the middle said with its size."""
    if len(line) <= limit and not lost:
        return line
    room = max(limit - len(marker(len(line) + lost)), 8)
    tail = room * 2 // 5
    head = room - tail
    return f"{line[:head]}{marker(len(line) - room + lost)}{line[-tail:]}"


def marker(characters: int) -> str:
    """What stands in a displayed line where its middle was."""
    return f" …[{characters:,} characters cut]… "


#: Finds `marker` in a displayed line or in a quote of one, also when a model changed its spaces.
MARKER = re.compile(r"\s*…\s*\[[\d,. ]{1,15}characters cut\]\s*…\s*")


def _pieces(text: str) -> Iterator[str]:
    """`text` in runs of whole lines, their ends included."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + SIZE) + 1 or len(text)
        yield text[begin:end]
        begin = end


def _clean(piece: str) -> bytes:
    if "\r" in piece:
        piece = piece.replace("\r\n", "\n")
    piece = piece.removesuffix("\n")
    data = piece.encode()
    return _CONTROL.sub(_separate, _ANSI.sub("", piece)).encode() if _has_control(data) else data


def _separate(match: re.Match[str]) -> str:
    return " " if match[0] in _SPACES else ""


def _has_control(data: bytes) -> bool:
    if data.isascii():
        return any(map(data.__contains__, _CONTROL_ASCII))
    return _HAS_CONTROL.search(data) is not None


def _has_giant(block: bytes, limit: int) -> bool:
    """Is there a line of more than `limit` bytes? Looks at the last newline within each `limit` bytes."""
    begin = 0
    while len(block) - begin > limit:
        end = block.rfind(b"\n", begin, begin + limit + 1)
        if end < 0:
            return True
        begin = end + 1
    return False
