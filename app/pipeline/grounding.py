"""An answer against the log: every quote is looked up, and what does not stand there is dropped."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.domain.diagnoses import Diagnosis, Doubt, Evidence, Severity
from app.domain.logs import Level, PreparedLog
from app.pipeline.addressing import addressed, is_answer
from app.pipeline.interpretation import Answer, Citation
from app.pipeline.quoting import EVIDENCE_CHARS, PLACEHOLDER, locate, whole

#: Highest confidence of a problem for which nothing in the log was quoted truly.
UNSUPPORTED = 0.3
#: Highest confidence in what a model says of a log that speaks to it.
ADDRESSED = 0.5
#: Highest confidence in an answer to a part of the errors: the cause may be among the others. Our choice, as above.
UNREAD = 0.5
#: Highest confidence by doubt.
HIGHEST: Mapping[Doubt, float] = {
    Doubt.UNSUPPORTED: UNSUPPORTED,
    # lowered already, by the share of its quotes that are true
    Doubt.INVENTED: 1.0,
    Doubt.CONTRADICTED: UNSUPPORTED,
    Doubt.ADDRESSED: ADDRESSED,
    Doubt.MILDER: UNSUPPORTED,
    Doubt.UNREAD: UNREAD,
}
_CITATIONS = 50
#: Models copy the number in front of a line, too.
_NUMBERED = re.compile(r"^\s*\d{1,9}\|\s?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounded:
    """The diagnosis with true evidence only, and how many citations there were and were dropped."""

    diagnosis: Diagnosis
    cited: int
    dropped: int


def ground(answer: Answer, prepared: PreparedLog, *, ours: bool = False) -> Grounded:
    """Check `answer` against what the model was shown.

    A quote must have at least `QUOTE_CHARS`, or be all that its line says, and stand in the line it names, or in
    exactly one other line, whose number it then gets. White space is not compared. Quotes that skip text are compared
    piece by piece. The evidence is the whole line, up to `EVIDENCE_CHARS`: what stands beside a quote may turn its
    meaning.

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
        place = locate(citation, quotable)
        if place is None:
            dropped += 1
            continue
        found.setdefault(place, Evidence(line=place[0], text=place[1]))
    confidence = answer.confidence * ((cited - dropped) / cited if cited else 1.0)
    doubts = _doubts(answer, prepared, (len(found), dropped), ours=ours, spoken_to=spoken_to)
    if Doubt.CONTRADICTED in doubts:
        first = _first_error(prepared, texts)
        found.update({(quote.line, quote.text): quote for quote in first if quote.line not in {at for at, _ in found}})
    confidence = min([confidence, *(HIGHEST[doubt] for doubt in doubts)])
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
        text = whole(own[0], (0, len(own[0])))
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


def _restored(text: str, placeholders: Mapping[str, str]) -> str:
    if not placeholders:
        return text
    return PLACEHOLDER.sub(lambda match: placeholders.get(match[0], match[0]), text)
