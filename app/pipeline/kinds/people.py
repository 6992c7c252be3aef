"""Personal data. E-mail addresses may be put back into an answer, the rest never."""

from collections.abc import Callable

from app.pipeline.kinds.judges import iban, luhn, mailbox
from app.pipeline.kinds.rule import EDGE, EDGE_SEEN, Rule

_BIRTH = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_SOCIAL = r"(?:00[1-9]|0[1-9]\d|[1-578]\d\d|6(?:[0-57-9]\d|6[0-57-9]))-(?:0[1-9]|[1-9]\d)-\d{4}"
_CARD = r"4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6(?:011|5\d\d)|35\d\d"
#: Between the digits of a card, other than a blank and a hyphen: also longer dashes.
_GAP = r"(?:[._]|\xe2\x80[\x90-\x95])"
_LICENSE = r"(?:1[1-9]|2[0-8])-\d{2}-\d{6}-\d{2}"


def _number(kind: str, seen: str, pattern: str, accept: Callable[[str], bool] | None = None) -> Rule:
    """`seen` (re2) finds what `pattern` then looks at; neither inside of longer numbers and words."""
    return Rule(
        kind=kind, trigger=rf"{EDGE_SEEN}(?:{seen})", finder=seen, pattern=rf"{EDGE}(?:{pattern})", accept=accept
    )


#: Letters beyond ASCII: Latin, Greek, Cyrillic and their like; Korean, Chinese, Japanese and others. No punctuation.
_LETTER_2 = r"[\xc3-\xdf][\x80-\xbf]"
_LETTER_3 = r"(?:[\xe0\xe1\xe4-\xee][\x80-\xbf]|\xe3[\x81-\xbf])[\x80-\xbf]"
_LABELS = rf"(?:(?:[A-Za-z0-9-]|{_LETTER_2}|{_LETTER_3}){{1,63}}\.){{1,6}}"
#: A domain, and one that needs a letter beyond ASCII.
_DOMAIN = rf"{_LABELS}(?:[A-Za-z]{{2,24}}|(?:{_LETTER_2}|{_LETTER_3}){{2,12}})(?![\w-]|\.\w)"
_WIDE_DOMAIN = (
    rf"(?=[\w.-]*[\xc3-\xee]){_LABELS}"
    rf"(?:[A-Za-z]{{2,24}}(?![\w-]|\.\w)|(?:{_LETTER_2}|{_LETTER_3}){{2,12}})"
)
#: Letters in the text around an address stand next to it in some languages: before ASCII only a run of them alone.
_LOCAL = (
    rf"(?=[\w.%+-]*{_LETTER_2})(?:[\w.%+-]|{_LETTER_2})+|(?:[\w.%+-]|{_LETTER_2}|{_LETTER_3})*{_LETTER_3}"
    rf"|(?:{_LETTER_3}){{1,64}}(?:[._-][\w.-]{{1,40}}|\d{{0,8}})"
)

PEOPLE: tuple[Rule, ...] = (
    Rule(
        # a name in quotation marks: "john doe"@example.com
        kind="EMAIL",
        trigger=r"[^\s\"\\]\\{0,3}\"@[A-Za-z0-9]",
        finder=r"\\{0,3}\"[^\"\\\n]{1,64}\\{0,3}\"@[A-Za-z0-9]",
        pattern=rf"\\{{0,3}}\"[^\"\\\n]{{1,64}}\\{{0,3}}\"@{_DOMAIN}",
        reversible=True,
        accept=mailbox,
    ),
    Rule(
        # internationalized (RFC 6531): letters beyond ASCII in the name or in the domain
        kind="EMAIL",
        trigger=rf"(?:{_LETTER_2}|{_LETTER_3})[\w.%+-]*@[A-Za-z0-9\xc3-\xee]|@[A-Za-z0-9.-]{{0,64}}[\xc3-\xee]",
        finder=rf"(?:[\w.%+-]|{_LETTER_2}|{_LETTER_3})+@[A-Za-z0-9\xc3-\xee]",
        pattern=rf"(?:{_LOCAL})@{_DOMAIN}|[\w.%+-]+@{_WIDE_DOMAIN}",
        reversible=True,
        accept=mailbox,
    ),
    Rule(
        kind="EMAIL",
        trigger=r"[\w%+-](?:@|%40)[A-Za-z0-9][A-Za-z0-9-]*\.",
        finder=r"[\w.%+-]+(?:@|%40)[A-Za-z0-9]",
        pattern=(
            r"[\w.%+-]+(?:@|%40)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}"
            r"(?![\w-]|\.\w)"
        ),
        reversible=True,
        accept=mailbox,
    ),
    _number("RRN", rf"{_BIRTH}-[1-8]\d{{6}}\b", rf"{_BIRTH}-[1-8]\d{{6}}(?![\w-])"),
    # South Korean driver's license: region, year, number, check
    _number("KR_LICENSE", rf"{_LICENSE}\b", rf"{_LICENSE}(?![\w-])"),
    _number("SSN", r"\d{3}-\d{2}-\d{4}\b", rf"{_SOCIAL}(?![\w-]|\.\d)"),
    _number(
        "IBAN",
        r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3}",
        r"[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)(?![\w-])",
        iban,
    ),
    _number(
        "CARD",
        r"[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b|3[47]\d\d[ -]?\d{6}[ -]?\d{5}\b",
        (
            rf"(?:(?:{_CARD})(?P<gap>[ -]?)\d{{4}}(?P=gap)\d{{4}}(?P=gap)\d{{4}}"
            r"|3[47]\d\d(?P<space>[ -]?)\d{6}(?P=space)\d{5})(?![\w/-]|[.:]\d)"
        ),
        luhn,
    ),
    _number(
        # by other separators
        "CARD",
        rf"[2-6]\d{{3}}{_GAP}\d{{4}}{_GAP}\d{{4}}{_GAP}\d{{4}}\b|3[47]\d\d{_GAP}\d{{6}}{_GAP}\d{{5}}\b",
        (
            rf"(?:(?:{_CARD})(?P<gap>{_GAP})\d{{4}}(?P=gap)\d{{4}}(?P=gap)\d{{4}}"
            rf"|3[47]\d\d(?P<space>{_GAP})\d{{6}}(?P=space)\d{{5}})(?![\w/-]|[.:]\d)"
        ),
        luhn,
    ),
    _number(
        "PHONE",
        r"01[016789][-. ]\d{3,4}[-. ]\d{4}\b|010\d{8}\b|0\d{1,2}-\d{3,4}-\d{4}\b|[2-9]\d\d-[2-9]\d\d-\d{4}\b",
        (
            r"(?:01[016789](?P<gap>[-. ])\d{3,4}(?P=gap)\d{4}|010[2-9]\d{7}(?!\.\d)"
            r"|0(?:2|[3-6]\d|70)-\d{3,4}-\d{4}|[2-9]\d\d-[2-9]\d\d-\d{4})(?![\w-])"
        ),
    ),
    Rule(
        # from anywhere: with the code of its country, or of its area in North America
        kind="PHONE",
        trigger=r"\+\d{1,3}[ -]\(?\d{1,4}\)?[ -]\d{3,4}[ -]\d{3,4}\b|\+[1-9]\d{9,13}\b|\(\d{3}\) \d{3}-\d{4}\b",
        pattern=(
            r"(?<![\d+])\+\d{1,3}[ -]\(?\d{1,4}\)?[ -]\d{3,4}[ -]\d{3,4}(?![\w-])"
            r"|(?<![\w.+-])\+[1-9]\d{9,13}(?![\w.-])|(?<!\w)\(\d{3}\) \d{3}-\d{4}(?![\w-])"
        ),
    ),
)
