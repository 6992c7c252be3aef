"""Where a quote stands in a log, and what is shown of its line."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain

from app.pipeline.interpretation import Citation
from app.pipeline.lines import MARKER

#: Characters of one piece of evidence.
EVIDENCE_CHARS = 500
#: Characters of a quote, without what it skips, that prove something. A shorter one, a letter or a word such as
#: `ERROR` or `WARNING`, stands in most lines of most logs, so whoever invents a line number is right by chance. Eight
#: are more than any level has. A line that is shorter itself has to be quoted in whole.
QUOTE_CHARS = 8
#: Where a quote may skip text: our marks of a cut and of a variable, and a writer's own dots.
_SKIPS = re.compile(MARKER.pattern + r"|\s*<\*>\s*|\s*(?:…|\.\.\.|\[\.\.\.\])\s*")
#: What stands for a value that was hidden.
PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*_\d{1,9}>")


def locate(citation: Citation, texts: Mapping[int, tuple[str, ...]]) -> tuple[int, str] | None:
    """Where the quote really stands, as (line, its text); None when nowhere, or in several places."""
    own = texts.get(citation.line, ())
    if not citation.quote.strip():
        return (citation.line, whole(own[0], (0, len(own[0])))) if own and own[0].strip() else None
    pieces = _pieces(citation.quote)
    if not pieces:
        return None
    telling = sum(len(piece) for piece in pieces) >= QUOTE_CHARS
    for text in own:
        if (span := _span(pieces, text)) and (telling or text.strip() == text[slice(*span)]):
            return _found(citation.line, text, span)
    if not telling:
        return None
    patterns = [_pattern(piece) for piece in pieces]
    elsewhere: dict[int, tuple[str, tuple[int, int]]] = {}
    for number, others in texts.items():
        for text in others:
            if span := _search(patterns, text):
                elsewhere.setdefault(number, (text, span))
        if len(elsewhere) > 1:
            return None
    return next((_found(number, *place) for number, place in elsewhere.items()), None)


def _found(number: int, text: str, span: tuple[int, int]) -> tuple[int, str] | None:
    """None when nothing of the line itself was quoted, only our mark of a cut."""
    return (number, whole(text, span)) if _verbatim(text, span).strip() else None


def _pieces(quote: str) -> list[str]:
    return [piece for part in _SKIPS.split(quote) if (piece := part.strip())]


def _span(pieces: Sequence[str], text: str) -> tuple[int, int] | None:
    # most quotes are word for word, the rules' always: a pattern costs a hundred times as much to make
    if len(pieces) == 1 and (begin := text.find(pieces[0])) >= 0:
        return begin, begin + len(pieces[0])
    return _search([_pattern(piece) for piece in pieces], text)


def _pattern(piece: str) -> re.Pattern[str]:
    """`piece` with any white space where it has some."""
    return re.compile(r"\s+".join(map(re.escape, piece.split())))


def _search(patterns: Sequence[re.Pattern[str]], text: str) -> tuple[int, int] | None:
    """All pieces in order: from where the first begins to where the last ends."""
    begin, end = -1, 0
    for pattern in patterns:
        match = pattern.search(text, end)
        if not match:
            return None
        begin = match.start() if begin < 0 else begin
        end = match.end()
    return (begin, end) if begin >= 0 else None


def _verbatim(text: str, span: tuple[int, int]) -> str:
    """What stands at `span`, with whole placeholders, and of a line without its middle the longer side of the cut."""
    return text[slice(*_longest_side(text, span))]


def _longest_side(text: str, span: tuple[int, int]) -> tuple[int, int]:
    begin, end = span
    for match in chain(PLACEHOLDER.finditer(text), MARKER.finditer(text)):
        if match.start() < end and match.end() > begin:
            begin, end = min(begin, match.start()), max(end, match.end())
    cuts = [match.span() for match in MARKER.finditer(text, begin, end)]
    edges = [begin, *chain.from_iterable(cuts), end]
    return max(zip(edges[::2], edges[1::2], strict=True), key=lambda side: side[1] - side[0])


def _side_of(text: str, place: int) -> tuple[int, int]:
    """From the end of the cut before `place` to the beginning of the one behind it."""
    cuts = [match.span() for match in MARKER.finditer(text)]
    before = max((end for _, end in cuts if end <= place), default=0)
    return before, min((begin for begin, _ in cuts if begin >= place), default=len(text))


def whole(text: str, span: tuple[int, int]) -> str:
    """The line around `span`: of one without its middle the side that was quoted, of a long one from where the quote is
    still within `EVIDENCE_CHARS`.
    """
    begin, end = _longest_side(text, span)
    side = _side_of(text, begin)
    if end - side[0] > EVIDENCE_CHARS:
        # a placeholder is never begun in its middle: the quote does not begin in one, either
        return text[begin : side[1]]
    return text[slice(*side)]
