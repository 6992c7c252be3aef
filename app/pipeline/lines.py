r"""Text to physical lines: what can be displayed, numbered as in the log that was sent.

Lines end at `\n` alone (a `\r` before it belongs to it). `str.splitlines` would also end them at U+2028, form feeds
and others, and the numbers would no longer be those of an editor, `sed` or `grep -n`.
"""

import re
from collections.abc import Iterator, Sequence

import re2

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
#: Without anything but ASCII it is enough to count.
_CONTROL_ASCII = bytes((*range(9), *range(0x0B, 0x20), 0x7F))
#: Bytes that are worked on at a time, about: copies of the whole log would be what preparation takes most memory for.
_BLOCK = 1 << 20
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


def split(text: str) -> list[str]:
    """Lines without their ends. The newline that ends the log begins no further line."""
    if not text:
        return []
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    text = text.removesuffix("\n")
    if _has_control(text):
        text = _CONTROL.sub(_separate, _ANSI.sub("", text))
    return text.split("\n")


def blocks(lines: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """All lines in runs of about a megabyte: the index of a run's first line, and the run joined by newlines, UTF-8."""
    size = sum(map(len, lines)) + len(lines)
    step = max(1, len(lines) * _BLOCK // max(size, 1))
    for begin in range(0, len(lines), step):
        yield begin, "\n".join(lines[begin : begin + step]).encode()


def trim_giants(lines: list[str], *, limit: int = GIANT) -> dict[int, int]:
    """Cut the middle out of lines longer than `limit` characters, in place; index -> characters lost."""
    if not lines or max(map(len, lines)) <= limit:
        return {}
    lost: dict[int, int] = {}
    half = limit // 2
    for index, line in enumerate(lines):
        if len(line) > limit:
            # at a gap between words, when there is one: half of a secret is recognized by nobody
            head = _BEFORE_CUT.sub("", line[:half])
            tail = _AFTER_CUT.sub("", line[-half:])
            lost[index] = len(line) - len(head) - len(tail)
            # a space, so that no token grows together out of two halves
            lines[index] = f"{head} {tail}"
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


def blank(lines: Sequence[str]) -> list[bool]:
    """Which lines hold nothing but white space."""
    return [not line or line.isspace() for line in lines]


def _separate(match: re.Match[str]) -> str:
    return " " if match[0] in _SPACES else ""


def _has_control(text: str) -> bool:
    data = text.encode()
    if text.isascii():
        return len(data.translate(None, _CONTROL_ASCII)) < len(data)
    return _HAS_CONTROL.search(data) is not None
