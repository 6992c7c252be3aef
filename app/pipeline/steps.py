"""What happens to a log, in order: the policy of preparation, one line per step, each in a file of its own."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.analyses import Mask
from app.domain.logs import Line, Template, Windows
from app.pipeline import layout, lines, seams
from app.pipeline.blocks import Lines
from app.pipeline.fitting import Fitted, Source, fit
from app.pipeline.kinds.rule import Place
from app.pipeline.masking import mask
from app.pipeline.prompting import SMALL
from app.pipeline.ranking import first_significant, rank
from app.pipeline.records import face, spans
from app.pipeline.redaction import redact
from app.pipeline.skeletons import skeletons
from app.pipeline.suspects import Suspects
from app.pipeline.templates import Mining, Reading, exemplified, mine
from app.pipeline.windows import divide

_NOTHING = Reading(of_line=(), example=(), letters=b"", faces=(), spans=())


@dataclass(kw_only=True, slots=True)
class Draft:
    """A log on its way through `STEPS`: each one fills in its part and reads those before it."""

    text: str
    max_line_chars: int
    max_templates: int
    token_budget: int
    #: Tokens of the budget that instructions take.
    overhead: int
    mask: Mask = Mask.NONE
    own_places: Sequence[Place] = ()
    #: Prompts that may be asked beyond the first one.
    max_windows: int = 0

    #: Physical lines, displayable; redacted from the second step on. Characters lost of the giants among them.
    lines: Lines = field(default_factory=Lines)
    lost: Mapping[int, int] = field(default_factory=dict)
    redactions: Mapping[str, int] = field(default_factory=dict)
    placeholders: Mapping[str, str] = field(default_factory=dict)
    reading: Reading = _NOTHING
    mining: Mining | None = None
    #: Templates kept, most telling first, and their indices in `mining.templates`.
    templates: Sequence[Template] = ()
    kept: Sequence[int] = ()
    first_error: int | None = None
    fitted: Fitted | None = None
    windows: Windows | None = None

    def blank(self, index: int) -> bool:
        """Says line `index` (0-based) nothing, whatever a collector has put around it?"""
        return self.reading.letters[index] == ord("b")

    def line(self, index: int, limit: int) -> Line:
        """Line `index` (0-based) for display; an empty one when it is blank."""
        blank = self.blank(index)
        text = "" if blank else lines.display(self.lines[index], limit=limit, lost=self.lost.get(index, 0))
        return Line(number=index + 1, text=text, level=self.reading.faces[self.reading.of_line[index]].level)


def split(draft: Draft) -> None:
    """Lines without control characters; those that are far too long lose their middle at once."""
    draft.lines = lines.split(draft.text)
    draft.lost = lines.trim_giants(draft.lines, limit=max(lines.GIANT, 4 * draft.max_line_chars))


def hide(draft: Draft) -> None:
    """Secrets become placeholders before anything else looks at the log."""
    suspects = Suspects(draft.lines)
    split_up = seams.hide(draft.lines, suspects)
    redacted = redact(draft.lines, suspects)
    masked = mask(draft.lines, draft.mask, draft.own_places, suspects)
    counts = Counter(split_up) + Counter(redacted.counts) + Counter(masked.counts)
    draft.redactions = dict(sorted(counts.items()))
    draft.placeholders = {**redacted.placeholders, **masked.placeholders}


def read(draft: Draft) -> None:
    """Skeletons, levels and records."""
    if not draft.lines.numbers:
        return
    bones = skeletons(draft.lines)
    faces = [face(draft.lines[index]) for index in bones.example]
    letters = bytes(map([one.letter for one in faces].__getitem__, bones.of_line))
    found = spans(letters, faces, bones.of_line)
    draft.reading = Reading(of_line=bones.of_line, example=bones.example, letters=letters, faces=faces, spans=found)


def group(draft: Draft) -> None:
    """Templates, the most telling ones kept with their examples."""
    mining = draft.mining = mine(draft.reading)
    ranked = rank(mining.templates, records=mining.records, lines=len(draft.lines))
    draft.kept = ranked[: draft.max_templates]
    ends = {span.start: span.stop for span in draft.reading.spans}

    def cut_out(start: int) -> tuple[Line, ...]:
        return tuple(draft.line(index, draft.max_line_chars) for index in range(start, ends.get(start, start + 1)))

    draft.templates = [exemplified(mining.templates[index], cut_out) for index in draft.kept]
    first = first_significant(mining.templates)
    draft.first_error = None if first is None else first + 1


def choose(draft: Draft) -> None:
    """What is shown within the budget, and in how many further prompts the errors that it does not show."""
    mining = draft.mining
    assert mining is not None
    position = {index: place for place, index in enumerate(draft.kept)}

    def line(number: int) -> Line | None:
        return None if draft.blank(number - 1) else draft.line(number - 1, draft.max_line_chars)

    source = Source(
        total=len(draft.lines),
        line=line,
        template_of=lambda number: position.get(mining.template_of(number - 1)),
    )
    room = max(draft.token_budget - draft.overhead, 0)
    chars = layout.PATTERN_CHARS if draft.token_budget >= SMALL else layout.PATTERN_CHARS_SHORT
    draft.fitted = fit(draft.templates, source, room=room, chars=chars, first_error=draft.first_error)
    draft.windows = divide(draft.templates, source, draft.fitted, room=room, chars=chars, most=draft.max_windows)


#: The policy. Redaction comes before anything is counted, compared or kept.
STEPS: tuple[Callable[[Draft], None], ...] = (split, hide, read, group, choose)
#: Those of them that `templates.grouped` needs to tell which lines are alike.
GROUPING: tuple[Callable[[Draft], None], ...] = (split, read)
