"""An earlier answer for another log of the same incident: its quotes are looked up anew, in this log."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from app.domain.likenesses import Earlier, Trace
from app.domain.logs import Line, PreparedLog, Template
from app.pipeline.grounding import Grounded, ground
from app.pipeline.interpretation import Answer, Citation
from app.pipeline.likeness import shape_key, template_key


def recall(earlier: Earlier, prepared: PreparedLog, *, least: float) -> Grounded | None:
    """The earlier diagnosis with this log's own lines as evidence; None when it does not hold here.

    A quote stands for a line of its template: this log's exemplar of the same template is quoted in its place, the
    first one first. A quote without one must stand word for word in this log. What does not is dropped, and lowers the
    confidence as `ground` has it.

    It holds when at least the share `least` of its evidence is left. An answer without evidence never does, nor one
    that found nothing wrong: there is nothing in it that could be checked again.
    """
    found = earlier.diagnosis
    if not found.issues_found or not found.evidence:
        return None
    places = _places(earlier.traces, prepared)
    citations = tuple(
        # an empty quote stands for the whole line
        Citation(line=place.number, quote="") if place else Citation(line=quote.line, quote=quote.text)
        for quote, place in zip(found.evidence, places, strict=True)
    )
    answer = Answer(
        summary=found.summary,
        root_cause=found.root_cause,
        recommendation=found.recommendation,
        severity=found.severity,
        confidence=found.confidence,
        issues_found=found.issues_found,
        evidence=citations,
    )
    grounded = ground(answer, prepared)
    left = 1 - grounded.dropped / grounded.cited if grounded.cited else 0.0
    return grounded if grounded.diagnosis.evidence and left >= least else None


def _places(traces: Sequence[Trace | None], prepared: PreparedLog) -> Iterator[Line | None]:
    """This log's line for each trace. Those that are traced alike get one after the other, as far as there are."""
    templates: Mapping[str, Template] = {template_key(one): one for one in prepared.templates}
    given: dict[Trace, int] = defaultdict(int)
    for trace in traces:
        template = None if trace is None else templates.get(trace.template)
        lines = [] if trace is None or template is None else _lines(trace, template)
        if trace is None or not lines:
            yield None
            continue
        yield lines[min(given[trace], len(lines) - 1)]
        given[trace] += 1


def _lines(trace: Trace, template: Template) -> list[Line]:
    """Lines of the template's exemplars with the same words; else, for what begins a record, how those begin."""
    spoken = [line for record in template.exemplars for line in record if line.text.strip()]
    alike = [line for line in spoken if shape_key(line) == trace.shape]
    if alike or not trace.head:
        return alike
    return [record[0] for record in template.exemplars if record[0].text.strip()]
