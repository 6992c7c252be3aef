"""Which templates tell most: level first, then rarity, position and burst."""

from collections.abc import Sequence
from math import log2

from app.domain.logs import Level
from app.pipeline.templates import Mined

#: Lines without a level may be anything, a crash too: they come before what calls itself information.
_CLASS = {Level.CRITICAL: 5, Level.ERROR: 4, Level.WARNING: 3, Level.UNKNOWN: 2, Level.INFO: 1, Level.DEBUG: 0}
#: What the parts of a score weigh; each part is between 0 and 1.
_RARE, _BEGINS, _ENDS, _BURSTS = 1.0, 1.5, 0.5, 0.7
#: The end of a log, as a share of its lines: what a crashed program said last.
_END = 0.05


def rank(templates: Sequence[Mined], *, records: int, lines: int) -> list[int]:
    """Indices into `templates`, most telling first."""
    first_error = first_significant(templates)
    scores = [
        (-_CLASS[template.level], -_score(template, (records, lines), template.first == first_error), template.first)
        for template in templates
    ]
    return sorted(range(len(templates)), key=scores.__getitem__)


def first_significant(templates: Sequence[Mined]) -> int | None:
    """Line index of the first record that is an error; None in a log without one."""
    return min((template.first for template in templates if template.level >= Level.ERROR), default=None)


def _score(template: Mined, size: tuple[int, int], begins: bool) -> float:
    records, lines = size
    rarity = log2(records / template.count) / max(log2(records), 1.0)
    ends = template.last >= lines * (1 - _END)
    reach = template.last - template.first + template.lines
    # many within few lines: something happened there
    burst = min(1.0, log2(template.count) / 10) * (template.lines / reach) if template.count > 1 else 0.0
    return _RARE * rarity + _BEGINS * begins + _ENDS * ends + _BURSTS * burst
