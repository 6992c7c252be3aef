"""An answer against the log: every quote is looked up, and what does not stand there is dropped."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from app.domain.diagnoses import Diagnosis, Doubt, Evidence, Severity
from app.domain.logs import Level, PreparedLog
from app.pipeline.addressing import addressed, is_answer
from app.pipeline.interpretation import Answer, Citation
from app.pipeline.lines import MARKER

#: Characters of one piece of evidence.
EVIDENCE_CHARS = 500
#: Highest confidence of a problem for which nothing in the log was quoted truly.
UNSUPPORTED = 0.3
#: Highest confidence in what a model says of a log that speaks to it.
ADDRESSED = 0.5
_HIGHEST = {
    Doubt.UNSUPPORTED: UNSUPPORTED,
    # lowered already, by the share of its quotes that are true
    Doubt.INVENTED: 1.0,
    Doubt.CONTRADICTED: UNSUPPORTED,
    Doubt.ADDRESSED: ADDRESSED,
}
_CITATIONS = 50
#: A shorter quote stands in many lines by chance: it is looked for in the cited line only.
_TELLING_CHARS = 8
#: Where a quote may skip text: our marks of a cut and of a variable, and a writer's own dots.
_SKIPS = re.compile(MARKER.pattern + r"|\s*<\*>\s*|\s*(?:…|\.\.\.|\[\.\.\.\])\s*")
#: Models copy the number in front of a line, too.
_NUMBERED = re.compile(r"^\s*\d{1,9}\|\s?")
_PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*_\d{1,9}>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounded:
    """The diagnosis with true evidence only, and how many citations there were and were dropped."""

    diagnosis: Diagnosis
    cited: int
    dropped: int


def ground(answer: Answer, prepared: PreparedLog, *, ours: bool = False) -> Grounded:
    """Check `answer` against what the model was shown.

    A quote must stand in the line it names, or, told apart by at least 8 characters, in exactly one other line, whose
    number it then gets. White space is not compared. Quotes that skip text are compared piece by piece.

    Confidence is the model's, times the share of its citations that are true; at most `UNSUPPORTED` for a problem
    without a single one, and of an answer that is milder than the log's own levels: a log may ask to be called
    healthy. Then its first error is quoted as well. `ours`: the answer is the rules', which obey nobody and know which
    errors are none. Values behind reversible placeholders are put back, in the answer alone.
    """
    texts = _texts(prepared)
    spoken_to = not ours and addressed(text for own in texts.values() for text in own)
    # an answer that stands in the log would prove itself
    quotable = {at: own for at, own in texts.items() if not is_answer(own[0])} if spoken_to else texts
    found: dict[tuple[int, str], Evidence] = {}
    cited = dropped = 0
    for citation in _citations(answer):
        cited += 1
        place = _locate(citation, quotable)
        if place is None:
            dropped += 1
            continue
        found.setdefault(place, Evidence(line=place[0], text=place[1]))
    confidence = answer.confidence * ((cited - dropped) / cited if cited else 1.0)
    doubts = _doubts(answer, prepared, (len(found), dropped), ours=ours, spoken_to=spoken_to)
    if Doubt.CONTRADICTED in doubts:
        first = _first_error(prepared, texts)
        found.update({(quote.line, quote.text): quote for quote in first if quote.line not in {at for at, _ in found}})
    confidence = min([confidence, *(_HIGHEST[doubt] for doubt in doubts)])
    diagnosis = Diagnosis(
        summary=answer.summary,
        root_cause=answer.root_cause,
        recommendation=answer.recommendation,
        severity=answer.severity,
        confidence=round(confidence, 4),
        evidence=tuple(found.values()),
        issues_found=answer.issues_found,
        doubts=doubts,
    )
    return Grounded(diagnosis=restored(diagnosis, prepared.placeholders), cited=cited, dropped=dropped)


def restored(diagnosis: Diagnosis, placeholders: Mapping[str, str]) -> Diagnosis:
    """A diagnosis with the values behind reversible placeholders put back, and its evidence cut to `EVIDENCE_CHARS`."""
    return replace(
        diagnosis,
        summary=_restored(diagnosis.summary, placeholders),
        root_cause=_restored(diagnosis.root_cause, placeholders),
        recommendation=_restored(diagnosis.recommendation, placeholders),
        evidence=tuple(
            replace(one, text=_restored(one.text, placeholders)[:EVIDENCE_CHARS]) for one in diagnosis.evidence
        ),
    )


def _doubts(
    answer: Answer, prepared: PreparedLog, quotes: tuple[int, int], *, ours: bool, spoken_to: bool
) -> tuple[Doubt, ...]:
    true, dropped = quotes
    loudest = max((template.level for template in prepared.templates), default=Level.UNKNOWN)
    milder = (not answer.issues_found and loudest >= Level.ERROR) or (
        answer.severity is Severity.LOW and loudest >= Level.CRITICAL
    )
    reasons = (
        (Doubt.UNSUPPORTED, answer.issues_found and not true),
        (Doubt.INVENTED, true > 0 and dropped > 0),
        (Doubt.CONTRADICTED, milder and not ours),
        (Doubt.ADDRESSED, spoken_to),
    )
    return tuple(doubt for doubt, holds in reasons if holds)


def _first_error(prepared: PreparedLog, texts: Mapping[int, tuple[str, ...]]) -> Iterator[Evidence]:
    """What the log itself says is wrong; nothing when it is not among the lines that were kept."""
    first = prepared.first_error or 0
    if (own := texts.get(first, ())) and own[0].strip():
        text = _verbatim(own[0], (0, len(own[0])))
        yield Evidence(line=first, text=_restored(text, prepared.placeholders)[:EVIDENCE_CHARS])


def _texts(prepared: PreparedLog) -> Mapping[int, tuple[str, ...]]:
    """Line number -> its text as shown and as kept in an exemplar (they may be cut differently)."""
    texts: dict[int, tuple[str, ...]] = {}
    records = (record for template in prepared.templates for record in template.exemplars)
    for lines in (prepared.shown, *records):
        for line in lines:
            known = texts.get(line.number, ())
            if line.text not in known:
                texts[line.number] = (*known, line.text)
    return texts


def _citations(answer: Answer) -> Iterator[Citation]:
    """Quotes of several lines taken apart."""
    given = 0
    for citation in answer.evidence:
        parts = [part for part in citation.quote.split("\n") if part.strip()] or [""]
        for offset, part in enumerate(parts):
            if given >= _CITATIONS:
                return
            given += 1
            yield Citation(line=citation.line + offset, quote=_NUMBERED.sub("", part, count=1))


def _locate(citation: Citation, texts: Mapping[int, tuple[str, ...]]) -> tuple[int, str] | None:
    """Where the quote really stands, as (line, that piece of it); None when nowhere, or in several places."""
    own = texts.get(citation.line, ())
    if not citation.quote.strip():
        return (citation.line, _verbatim(own[0], (0, len(own[0])))) if own and own[0].strip() else None
    pieces = _pieces(citation.quote)
    if not pieces:
        return None
    for text in own:
        if span := _span(pieces, text):
            return _found(citation.line, _verbatim(text, span))
    if sum(len(piece) for piece in pieces) < _TELLING_CHARS:
        return None
    patterns = [_pattern(piece) for piece in pieces]
    elsewhere: dict[int, str] = {}
    for number, others in texts.items():
        for text in others:
            if span := _search(patterns, text):
                elsewhere.setdefault(number, _verbatim(text, span))
        if len(elsewhere) > 1:
            return None
    return next((_found(number, text) for number, text in elsewhere.items()), None)


def _found(number: int, text: str) -> tuple[int, str] | None:
    """None when nothing of the line itself was quoted, only our mark of a cut."""
    return (number, text) if text.strip() else None


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
    begin, end = span
    for match in chain(_PLACEHOLDER.finditer(text), MARKER.finditer(text)):
        if match.start() < end and match.end() > begin:
            begin, end = min(begin, match.start()), max(end, match.end())
    return max(MARKER.split(text[begin:end]), key=len)


def _restored(text: str, placeholders: Mapping[str, str]) -> str:
    if not placeholders:
        return text
    return _PLACEHOLDER.sub(lambda match: placeholders.get(match[0], match[0]), text)
