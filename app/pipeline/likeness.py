"""What a log is known by again: its warnings and errors as templates, and the places of the lines that were quoted."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from app.domain.diagnoses import Evidence
from app.domain.likenesses import Likeness, Trace
from app.domain.logs import Level, Line, PreparedLog, Template
from app.pipeline.records import face
from app.pipeline.shapes import shape

#: Templates below this level come and go with the traffic: they say nothing of an incident.
LOUD = Level.WARNING


def likeness_key(prepared: PreparedLog) -> str | None:
    """SHA-256, hex, of the set of templates from `LOUD` on, with their levels; None when there is none.

    Neither their order nor their counts matter, nor whatever templates have as a variable: times, numbers, ids,
    addresses, and the header that a collector put before a line.
    """
    loud = {f"{int(one.level)} {one.pattern}" for one in prepared.templates if one.level >= LOUD}
    return hashlib.sha256("\n".join(sorted(loud)).encode()).hexdigest() if loud else None


def likeness_of(evidence: Sequence[Evidence], prepared: PreparedLog) -> Likeness | None:
    """What to store with an answer about `prepared` that quotes `evidence`; None for a log without a loud template."""
    key = likeness_key(prepared)
    if key is None:
        return None
    known = _traces(prepared, {quote.line for quote in evidence})
    return Likeness(key=key, traces=tuple(known.get(quote.line) for quote in evidence))


def template_key(template: Template) -> str:
    """Hash of pattern and level."""
    return _hash(f"{int(template.level)} {template.pattern}")


def shape_key(line: Line) -> str:
    """Hash of the line's words without their variable parts."""
    return _hash(" ".join(shape(face(line.text)).words))


def _traces(prepared: PreparedLog, numbers: set[int]) -> Mapping[int, Trace]:
    """Line number -> where that line belongs, of those of `numbers` that were shown or kept."""
    return {
        line.number: Trace(template=template_key(template), shape=shape_key(line), head=head)
        for line, template, head in _placed(prepared)
        if line.number in numbers
    }


def _placed(prepared: PreparedLog) -> Iterator[tuple[Line, Template, bool]]:
    """Lines with their templates, and whether they begin their record; exemplars last, since they know best."""
    for line, owner in prepared.placed:
        if owner is not None:
            yield line, prepared.templates[owner], False
    for template in prepared.templates:
        for record in template.exemplars:
            for line in record:
                yield line, template, line is record[0]


def _hash(text: str) -> str:
    # 64 bits: compared within one log of some thousand templates
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
