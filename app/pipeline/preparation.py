"""Log text to a prepared log: runs the steps and accounts for every line."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.domain.analyses import Mask
from app.domain.diagnoses import Coverage, LeftOut
from app.domain.logs import PreparedLog
from app.pipeline import lines
from app.pipeline.kinds.rule import Place
from app.pipeline.masking import needed
from app.pipeline.prompting import overhead
from app.pipeline.steps import GROUPING, STEPS, Draft
from app.pipeline.templates import grouped
from app.pipeline.windows import WindowLimits

_BLANK = ord("b")


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparationLimits:
    """Characters a displayed line may have, templates kept, and what one analysis may ask for."""

    max_line_chars: int = 1000
    max_templates: int = 2000
    #: What an operator wants hidden beside what is always hidden.
    own_places: tuple[Place, ...] = ()
    #: No windows, unless told.
    windows: WindowLimits = field(default_factory=WindowLimits)


def prepare(
    log: str,
    *,
    limits: PreparationLimits,
    token_budget: int,
    bytes_replaced: int = 0,
    mask: Mask = Mask.NONE,
    text: str | None = None,
) -> PreparedLog:
    """Redact, read, mine and fit a log that `decoding.clean` has cleaned. Takes any such text; time is linear in it.

    `token_budget` is for the whole prompt, instructions included. `text`: of a stored prompt; None: the master.
    """
    draft = Draft(
        text=log,
        max_line_chars=limits.max_line_chars,
        max_templates=limits.max_templates,
        token_budget=token_budget,
        mask=mask,
        own_places=limits.own_places,
        overhead=overhead(token_budget, text),
        max_windows=limits.windows.most(token_budget),
    )
    for step in STEPS:
        step(draft)
    return PreparedLog(
        templates=tuple(draft.templates),
        shown=draft.fitted.shown if draft.fitted else (),
        templates_shown=draft.fitted.templates_shown if draft.fitted else (),
        first_error=draft.first_error,
        coverage=_coverage(draft, lines.size(log), bytes_replaced),
        placeholders=needed(draft.placeholders, _texts(draft)),
        windows=draft.windows,
        owners=draft.fitted.owners if draft.fitted else (),
    )


def _texts(draft: Draft) -> Iterator[str]:
    """All that a model may see of the log."""
    records = (record for template in draft.templates for record in template.exemplars)
    windows = (window.shown for window in draft.windows.parts) if draft.windows else ()
    for shown in (draft.fitted.shown if draft.fitted else (), *windows, *records):
        for line in shown:
            yield line.text
    for template in draft.templates:
        yield template.pattern


def groups(log: str) -> list[int | None]:
    """Only the grouping of a log, without redaction and budget: the template of each line, None of a blank one."""
    draft = Draft(text=log, max_line_chars=1000, max_templates=0, token_budget=0, overhead=0)
    for step in GROUPING:
        step(draft)
    found = grouped(draft.reading).templates_of_lines()
    return [None if letter == _BLANK else one for letter, one in zip(draft.reading.letters, found, strict=True)]


def _coverage(draft: Draft, size: int, replaced: int) -> Coverage:
    mining, fitted = draft.mining, draft.fitted
    assert mining is not None
    assert fitted is not None
    blank = draft.reading.letters.count(b"b")
    left_out = fitted.left_out
    beyond = len(draft.lines) - blank - len(fitted.shown) - fitted.lines_counted - sum(part.lines for part in left_out)
    if beyond:
        left_out = (*left_out, LeftOut(reason="template_limit", lines=beyond))
    return Coverage(
        bytes_total=size,
        bytes_replaced=replaced,
        lines_total=len(draft.lines),
        lines_blank=blank,
        lines_sent=len(fitted.shown),
        lines_cut=sum(bool(lines.MARKER.search(line.text)) for line in fitted.shown),
        lines_counted=fitted.lines_counted,
        left_out=left_out,
        records=mining.records,
        templates=len(mining.templates),
        templates_sent=len(fitted.templates_shown),
        redactions=draft.redactions,
        tokens_estimated=draft.overhead + fitted.tokens,
        token_budget=draft.token_budget,
    )
