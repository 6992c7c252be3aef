"""How templates and lines stand in a prompt, and what they cost there."""

from collections.abc import Iterable, Sequence

from app.domain.logs import Level, Line, Template
from app.pipeline.tokens import estimate

#: Stands where lines were left out.
GAP = "…"
#: Characters of a pattern that stands for its records without an example, when there is room and when there is not.
PATTERN_CHARS, PATTERN_CHARS_SHORT = 200, 72
_NAMES = {level: level.name for level in Level} | {Level.UNKNOWN: "-"}


def line(shown: Line) -> str:
    """One line of the log. The number in front of it also keeps its text from posing as the end of the log."""
    return f"{shown.number}| {shown.text}"


def line_cost(shown: Line) -> int:
    """Tokens of it at most, with a gap before it."""
    return estimate(f"{line(shown)}\n{GAP}\n")


def row(template: Template, *, chars: int = 0) -> str:
    """One template: how often, how loud, where. With `chars`, what it looks like in as many characters."""
    where = f"{template.first}" if template.count == 1 else f"{template.first}-{template.last}"
    pattern = template.pattern if len(template.pattern) <= chars else f"{template.pattern[: max(chars - 1, 0)]}…"
    return f"x{template.count} {_NAMES[template.level]} {where}" + (f": {pattern}" if chars else "")


def row_cost(template: Template, *, chars: int = 0) -> int:
    """Tokens of it with its end of line."""
    return estimate(row(template, chars=chars) + "\n")


def body(shown: Sequence[Line], rows: Iterable[str]) -> str:
    """The log as a prompt shows it: the table of templates, then the lines between their delimiters."""
    parts = ["Templates (times, level, first-last line; a pattern where no line is shown below):", *rows, "", "<log>"]
    before = 0
    for one in shown:
        if one.number != before + 1:
            parts.append(GAP)
        parts.append(line(one))
        before = one.number
    parts.append("</log>")
    return "\n".join(parts)
