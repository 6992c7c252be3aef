"""Personal data. E-mail addresses may be put back into an answer, the rest never."""

from app.pipeline.kinds.judges import luhn, mailbox
from app.pipeline.kinds.rule import Rule

PEOPLE: tuple[Rule, ...] = (
    Rule(
        kind="EMAIL",
        trigger=r"[\w%+-]@[A-Za-z0-9][A-Za-z0-9-]*\.",
        finder=r"[\w.%+-]+@[A-Za-z0-9]",
        pattern=r"[\w.%+-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}(?![\w-]|\.\w)",
        reversible=True,
        accept=mailbox,
    ),
    Rule(
        kind="RRN",
        trigger=r"\b\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}\b",
        pattern=r"(?<![\w-])\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}(?![\w-])",
    ),
    Rule(
        kind="CARD",
        trigger=(
            r"\b(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6(?:011|5\d\d)|35\d\d)[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b"
            r"|\b3[47]\d\d[ -]?\d{6}[ -]?\d{5}\b"
        ),
        pattern=(
            r"(?<![\w./:-])(?:(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6(?:011|5\d\d)"
            r"|35\d\d)(?P<gap>[ -]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{4}"
            r"|3[47]\d\d(?P<space>[ -]?)\d{6}(?P=space)\d{5})(?![\w/:-]|\.\d)"
        ),
        accept=luhn,
    ),
    Rule(
        kind="PHONE",
        trigger=(
            r"\b01[016789]-\d{3,4}-\d{4}\b|\+\d{1,3}[ -]\(?\d{1,4}\)?[ -]\d{3,4}[ -]\d{3,4}\b"
            r"|\(\d{3}\) \d{3}-\d{4}\b"
        ),
        pattern=(
            r"(?<![\w-])01[016789]-\d{3,4}-\d{4}(?![\w-])"
            r"|(?<!\w)\+\d{1,3}[ -]\(?\d{1,4}\)?[ -]\d{3,4}[ -]\d{3,4}(?![\w-])"
            r"|(?<!\w)\(\d{3}\) \d{3}-\d{4}(?![\w-])"
        ),
    ),
)
