"""What is sent with a log, its service, its environment and the question, redacted like a line of it."""

import re
from collections.abc import Mapping

from app.pipeline.lines import split
from app.pipeline.redaction import redact

_PLACEHOLDER = re.compile(r"<([A-Z][A-Z0-9_]*)_\d{1,9}>")


def hidden(name: str | None, placeholders: Mapping[str, str]) -> str | None:
    """`name` on one line, without its secrets.

    `placeholders`: of the log, with what they stand for. A value that the log has, too, gets the same one. Any other
    one gets no number, `<SECRET>`, so that nobody takes it for one of the log's.
    """
    if not name:
        return name
    lines = split(" ".join(name.split()))
    redacted = redact(lines)
    of_log = {value: placeholder for placeholder, value in placeholders.items()}
    return _PLACEHOLDER.sub(
        lambda match: of_log.get(redacted.placeholders.get(match[0], ""), f"<{match[1]}>"), " ".join(lines)
    )
