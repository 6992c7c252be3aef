"""The form of an answer, and the pieces that every answer is made of."""

from collections.abc import Iterable
from typing import TypedDict

from app.domain.logs import Line
from app.providers.rules.wording import Words

MAX_EVIDENCE = 8
QUOTE_CHARS = 400


class Quote(TypedDict):
    """A line of evidence."""

    line: int
    quote: str


class Reply(TypedDict):
    """The answer's schema, as every provider gives it."""

    summary: str
    root_cause: str
    recommendation: str
    severity: str
    confidence: float
    issues_found: bool
    evidence: list[Quote]


def often(count: int, text: Words) -> str:
    """How many times, in words."""
    return text.once if count == 1 else text.times.format(count=count)


def numbered(steps: Iterable[str]) -> str:
    """Steps, one a line."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def cut(line: Line, offset: int = 0) -> Quote:
    """The line word for word; of a long one the piece around what was found in it."""
    start = max(0, min(offset - QUOTE_CHARS // 4, len(line.text) - QUOTE_CHARS)) if len(line.text) > QUOTE_CHARS else 0
    return Quote(line=line.number, quote=line.text[start : start + QUOTE_CHARS].strip())


def distinct(quotes: Iterable[Quote]) -> list[Quote]:
    """Each line once, in this order, blank ones left out, at most `MAX_EVIDENCE`."""
    kept: dict[int, Quote] = {}
    for quote in quotes:
        if quote["quote"]:
            kept.setdefault(quote["line"], quote)
    return list(kept.values())[:MAX_EVIDENCE]
