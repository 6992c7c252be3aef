"""Numbers that mean something: HTTP statuses, exit codes, errno, "0 errors". They stay in templates, others do not.

The patterns run over whole logs in re2, as bytes. Levels may only depend on digits that are named here, because lines
that differ in other digits share one classification.
"""

import re
from collections.abc import Iterable, Iterator

import re2

from app.pipeline.lines import latin1

#: An HTTP status; and any but the commonest one, which is the same as none where only differences count.
_STATUS, _NOT_200 = rb"[1-5]\d\d", rb"(?:[1345]\d\d|2(?:0[1-9]|[1-9]\d))"
_METHODS = (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS")
#: What may stand between the path of a request and its status: `GET /orders/7 -> 500`, `GET /orders/7 responded 500`.
_LINKS = rb"(?:[-=]> |- |responded )?\"?"

#: What precedes a status, with the status. %s: which statuses.
_OF_STATUS = (
    rb'HTTP/[123](?:\.\d)?"? +%s\b',
    rb"\bHTTP(?: status| code| response)? ?%s\b",
    rb"\b(?i:responded(?: with)?) %s\b",
)
#: What precedes another meaningful number, with the number.
_OTHERS = (
    rb"(?i:(?:status|code|\berrno|\brc|\bsignal|\bexited with)[\"']?(?:\s?[:=]\s?|\s)[\"'(\[]?-?\d{1,3}\b)",
    rb"\b[45]\d\d (?:Bad|Unauthorized|Forbidden|Not |Method|Request|Conflict|Gone|Too |Internal|Service|Gateway)",
    rb"(?i:\b(?:returned|exited|exit) [1-9]\d{0,2}\b)|\bError [1-9]\d{0,2}(?m:$)",
    rb"\(os error \d{1,3}\)|\[Errno -?\d{1,3}\]|\(\d{1,3}: [A-Z]",
    # nothing happened: these must not look like their opposites
    rb"(?i:\b0 (?:\w+ )?(?:error|fail|warning|exception|problem|timeout|retr|drop|loss|lost)\w*)",
    (
        rb"(?i:(?:error|fail|warning|exception|timeout|retr|dropp?|lost|killed|unreach|reject|refus|abort|crash)\w*"
        rb"[\"']?\s?[:=]\s?[\"']?0(?:\.0+)?\b)"
    ),
    # levels written as numbers
    rb'"(?:level|severity|priority|PRIORITY|@level|log_level)"\s?:\s?"?\d{1,2}\b',
    rb"(?m:^<\d{1,3}>)",
    # names that end in digits
    (
        rb"(?i:\b(?:log4j|utf-?8|utf-?16|x86_64|amd64|arm64|ipv[46]|oauth2|sha(?:1|256|512)|md5"
        rb"|tlsv?1\.[0-3]|base64|http2|s3|k8s|ssh2|p9[059]|int(?:32|64)|float(?:32|64)|win32)\b)"
    ),
    # error codes of products: ORA-00600, TS2304, E0382, SQLSTATE 23505
    rb"\b(?:ORA-\d{5}|TS\d{4}|CS\d{4}|E\d{4}\]|MY-\d{6}|SQLSTATE[\[ :(=]+[0-9A-Z]{5})\b",
)
#: The version of a protocol: worth showing, not worth telling lines apart.
_VERSION = rb"HTTP/[123](?:\.\d)?"


def _any(*patterns: bytes) -> re2._Regexp:
    return re2.compile(b"|".join(b"(?:%s)" % pattern for pattern in patterns), latin1())


_MEANINGS = _any(*(pattern % _STATUS for pattern in _OF_STATUS), *_OTHERS, _VERSION)


def _status(mark: bytes, before: Iterable[bytes]) -> re.Pattern[bytes]:
    """The status that follows a request in the access lines of applications: `GET /orders/7 500 30ms`.

    The path has digits of its own, so only the group means something. `mark` leads `re` there at memory speed.
    """
    requests = b"|".join(rb"(?<=\b%s%s)" % (method, end) for method in _METHODS for end in before)
    return re.compile(rb"%s(?:%s)\S*+ %s(%s)(?![\w.:%%/-])" % (mark, requests, _LINKS, _STATUS))


_STATUSES = {b" /": _status(b" /", (b" /",)), b"://": _status(b"://", (b" http://", b" https://"))}
#: All of it in one pass, for whole logs: what tells lines apart is the last number of a match.
_DIFFERENCES = _any(
    *(pattern % _NOT_200 for pattern in _OF_STATUS),
    *_OTHERS,
    rb"\b(?:%s) (?:https?:/)?/\S* %s%s(?:[^\w.:%%/-]|(?m:$))" % (b"|".join(_METHODS), _LINKS, _NOT_200),
)

#: What follows a number, and what one is made of.
_NO_DIGITS = bytes(byte for byte in range(256) if byte not in b"0123456789")
_OF_NUMBERS = b"0123456789.ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#: Digits that stay, hidden where no mask and no collapsing sees them: control characters cannot stand in a line.
_HIDDEN = bytes(range(0x10, 0x1A))
_HIDE = bytes.maketrans(b"0123456789", _HIDDEN)
_SHOW = bytes.maketrans(_HIDDEN, b"0123456789")


def hide(text: str) -> str:
    """`text` with the digits of its meaningful numbers hidden."""
    data = text.encode()
    hidden = _hidden(data, _meaningful(data))
    return text if hidden is data else hidden.decode()


def show(text: str) -> str:
    """Undo `hide`."""
    return text.encode().translate(_SHOW).decode()


def hide_differences(data: bytes) -> bytes:
    """The same for a block of lines, at memory speed: the digits that may tell two lines of it apart are hidden."""
    parts: list[bytes] = []
    done = 0
    for match in _DIFFERENCES.finditer(data):
        start, end = match.span()
        told = data[start:end].rstrip(_NO_DIGITS)
        number = len(told.rstrip(_OF_NUMBERS))
        parts += (data[done : start + number], told[number:].translate(_HIDE))
        done = start + len(told)
    return b"".join((*parts, data[done:])) if parts else data


def _meaningful(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the meaningful numbers of `data` (UTF-8) stand, in no order."""
    for match in _MEANINGS.finditer(data):
        yield match.span()
    for mark, pattern in _STATUSES.items():
        for match in pattern.finditer(data) if mark in data else ():
            yield match.span(1)


def _hidden(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    hidden = None
    for start, end in spans:
        hidden = hidden or bytearray(data)
        hidden[start:end] = data[start:end].translate(_HIDE)
    return data if hidden is None else bytes(hidden)
