"""Is it a log at all? Random bytes, invisible characters and ornaments show no error, and are not healthy either."""

import re
import unicodedata

from app.domain.diagnoses import Coverage
from app.domain.logs import PreparedLog
from app.providers.rules.wording import Words

#: Templates that are looked at, and characters of each one's first line.
TEMPLATES, CHARS = 300, 400
#: Share of the bytes that were not text, from which the rest must be readable.
REPLACED = 0.1
#: Share of the visible characters that stand in words: below the first among replaced bytes, below the second anywhere.
FEW_WORDS, NO_WORDS = 0.2, 0.02
_WORD = re.compile(r"[^\W\d_]{2,}")


def unreadable(log: PreparedLog, text: Words) -> str | None:
    """Why this is no log, in words; None when it may be one."""
    visible = words = 0
    for template in log.templates[:TEMPLATES]:
        line = template.exemplars[0][0].text[:CHARS]
        visible += sum(map(_visible, line)) * template.count
        words += sum(map(len, _WORD.findall(line))) * template.count
    replaced = _replaced(log.coverage)
    if replaced >= REPLACED and words < visible * FEW_WORDS:
        return text.unreadable_bytes.format(share=f"{replaced:.0%}")
    if not visible:
        return text.unreadable_empty
    return text.unreadable_words if words < visible * NO_WORDS else None


def _visible(char: str) -> bool:
    """Neither a space nor a control, nor a character of no width."""
    return unicodedata.category(char)[0] not in "CZ"


def _replaced(coverage: Coverage) -> float:
    """Share of the bytes that were sent. Each one that was replaced takes three now; those removed take none."""
    replaced = coverage.bytes_replaced
    sent = max(coverage.bytes_total - 2 * replaced, replaced)
    return replaced / sent if sent else 0.0
