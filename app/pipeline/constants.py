"""Numbers that mean something: HTTP statuses, exit codes, errno, "0 errors". They stay in templates, others do not.

The patterns run over whole logs in re2, as bytes. Levels may only depend on digits that are named here, because lines
that differ in other digits share one classification.
"""

import re

import re2

from app.pipeline.lines import latin1

#: What precedes a meaningful number, with the number.
_MEANINGS = (
    rb'HTTP/[123](?:\.\d)?(?:"? +[1-5]\d\d\b)?',
    rb"\bHTTP(?: status| code| response)? ?[1-5]\d\d\b",
    rb"(?i:(?:status|code|\berrno|\brc|\bsignal|\bexited with)[\"']?(?:\s?[:=]\s?|\s)[\"'(\[]?-?\d{1,3}\b)",
    rb"\b[45]\d\d (?:Bad|Unauthorized|Forbidden|Not |Method|Request|Conflict|Gone|Too |Internal|Service|Gateway)",
    rb"(?i:\b(?:returned|exited|exit) [1-9]\d{0,2}\b)|\bError [1-9]\d{0,2}(?m:$)",
    rb"\(os error \d{1,3}\)|\[Errno -?\d{1,3}\]|\(\d{1,3}: [A-Z]",
    # nothing happened: these must not look like their opposites
    rb"(?i:\b0 (?:\w+ )?(?:error|fail|warning|exception|problem|timeout|retr|drop|loss|lost)\w*)",
    rb"(?i:(?:error|fail|warning|exception|timeout|retr|dropp?|lost|killed)\w*[\"']?\s?[:=]\s?[\"']?0(?:\.0+)?\b)",
    # levels written as numbers
    rb'"(?:level|severity|priority|PRIORITY|@level|log_level)"\s?:\s?"?\d{1,2}\b',
    rb"(?m:^<\d{1,3}>)",
    # names that end in digits
    (
        rb"(?i:\b(?:log4j|utf-?8|utf-?16|x86_64|amd64|arm64|ipv[46]|oauth2|sha(?:1|256|512)|md5"
        rb"|tlsv?1\.[0-3]|base64|http2|s3|ec2|k8s|ssh2|p9[059]|int(?:32|64)|float(?:32|64)|win32)\b)"
    ),
    # error codes of products: ORA-00600, TS2304, E0382, SQLSTATE 23505
    rb"\b(?:ORA-\d{5}|TS\d{4}|CS\d{4}|E\d{4}\]|MY-\d{6}|SQLSTATE[\[ :(=]+[0-9A-Z]{5})\b",
)
PATTERN = re2.compile(b"|".join(b"(?:%s)" % meaning for meaning in _MEANINGS), latin1())

#: Digits that stay, hidden where no mask and no collapsing sees them: control characters cannot stand in a line.
_HIDDEN = bytes(range(0x10, 0x1A))
HIDE = bytes.maketrans(b"0123456789", _HIDDEN)
_SHOW = {hidden: str(digit) for digit, hidden in enumerate(_HIDDEN)}
HIDDEN = re.compile("[\x10-\x19]")


def hide(text: str) -> str:
    """`text` with the digits of its meaningful numbers hidden."""
    data = text.encode()
    parts: list[bytes] = []
    end = 0
    for match in PATTERN.finditer(data):
        parts += (data[end : match.start()], match[0].translate(HIDE))
        end = match.end()
    parts.append(data[end:])
    return b"".join(parts).decode()


def show(text: str) -> str:
    """Undo `hide`."""
    return text.translate(_SHOW)
