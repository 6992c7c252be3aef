"""How a log is made up: its records by level and by template."""

from collections import Counter

from app.domain.excerpts import LogStatistics, TemplateCount
from app.domain.logs import Level
from app.pipeline.preparation import PreparationLimits, prepare

#: Nothing is shown to a model here, so there is no budget to keep.
_NO_PROMPT = 0


def compose(log: str, *, most: int, limits: PreparationLimits) -> LogStatistics:
    """Counts of all records, and the `most` telling templates. The log is redacted before it is counted."""
    every = PreparationLimits(
        max_line_chars=limits.max_line_chars, max_templates=len(log) + 1, own_places=limits.own_places
    )
    prepared = prepare(log, limits=every, token_budget=_NO_PROMPT)
    levels: Counter[Level] = Counter()
    for template in prepared.templates:
        levels[template.level] += template.count
    coverage = prepared.coverage
    return LogStatistics(
        lines=coverage.lines_total,
        lines_blank=coverage.lines_blank,
        records=coverage.records,
        levels={level: levels[level] for level in sorted(levels, reverse=True)},
        redactions=coverage.redactions,
        templates=tuple(
            TemplateCount(
                pattern=template.pattern,
                level=template.level,
                records=template.count,
                lines=template.lines,
                first=template.first,
                last=template.last,
            )
            for template in prepared.templates[:most]
        ),
        first_error=prepared.first_error,
    )
