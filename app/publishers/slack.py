"""An analysis as people read it in a chat: a message for Slack's incoming webhooks and what is compatible with them.

What stands in it comes from logs and models. Nothing of it may ping anybody, look like a link of ours, or break out of
the quotes: https://docs.slack.dev/messaging/formatting-message-text for what is special, and for the limits
https://docs.slack.dev/reference/block-kit/composition-objects/text-object.
"""

import re
from collections.abc import Iterator, Mapping

import orjson

from app.domain.analyses import Analysis
from app.domain.announcements import Announcement
from app.domain.diagnoses import Diagnosis
from app.pipeline.escaping import one_line, printable

#: Of one text object, in UTF-16 units, which is how Slack's own libraries count.
MAX_TEXT = 3000
_MAX_SUMMARY = 1000
_MAX_NAME = 60
_MAX_EVIDENCE = 10
#: Shown as nothing. Between the two halves of what is special, it is not special any more.
_GAP = "\u200b"
_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
#: Slack marks mentions and links with `<…>`, which is escaped. Others that read its format also take these: `@here`, a
#: bare address, `[text](address)`.
_SPECIAL = re.compile(r"@(?=\w)|:(?=//)|\bwww(?=\.)|\bmailto(?=:)|\](?=[(\[])", re.IGNORECASE)
#: A cut may leave the beginning of an entity.
_HALF_ENTITY = re.compile(r"&[a-z]{0,3}$")
_UNKNOWN = "unknown"


def body(announcement: Announcement, analysis: Analysis) -> bytes:
    """JSON: `blocks` for Slack, `text` for notifications and for whoever knows no blocks."""
    head = _head(announcement, analysis)
    blocks = [_section(text) for text in (head, *_parts(analysis))]
    context = {"type": "context", "elements": [_mrkdwn(_foot(analysis))]}
    return orjson.dumps(
        {"text": head, "blocks": [*blocks, context], "unfurl_links": False, "unfurl_media": False},
    )


def escaped(text: str, room: int = MAX_TEXT) -> str:
    """Harmless, and at most `room` units long; what is cut ends in `…`."""
    for char, entity in _ENTITIES:
        text = text.replace(char, entity)
    text = _SPECIAL.sub(lambda match: match[0] + _GAP, text)
    units = text.encode("utf-16-le")
    if len(units) <= 2 * room:
        return text
    return _HALF_ENTITY.sub("", units[: 2 * (room - 1)].decode("utf-16-le", "ignore")) + "…"


def _head(announcement: Announcement, analysis: Analysis) -> str:
    """How bad, where, and what."""
    found = analysis.diagnosis
    word = found.severity.value if found and found.issues_found else announcement.kind.rpartition(".")[2]
    where = [_name(name) for name in (analysis.service_name, analysis.environment) if name]
    title = " · ".join([f"*{word}*", *where])
    if found:
        return f"{title}\n{_prose(found.summary, _MAX_SUMMARY)}"
    reason = f"{analysis.error.code}: {analysis.error.detail}" if analysis.error else "It was not finished."
    return f"{title}\n{_prose(reason, _MAX_SUMMARY)}"


def _parts(analysis: Analysis) -> Iterator[str]:
    found = analysis.diagnosis
    if found is None:
        return
    for title, text in (("Cause", found.root_cause), ("Do next", found.recommendation)):
        if text.strip():
            label = f"*{title}*\n"
            yield label + _prose(text, MAX_TEXT - len(label))
    if found.evidence:
        yield _quotes(found)


def _quotes(found: Diagnosis) -> str:
    """The lines as code; a backtick in one of them does not end it."""
    lines = [f"{quote.line} | {one_line(quote.text)}" for quote in found.evidence[:_MAX_EVIDENCE]]
    fence = "```"
    text = "\n".join(lines).replace("`", f"`{_GAP}")
    return fence + escaped(text, MAX_TEXT - 2 * len(fence)) + fence


def _foot(analysis: Analysis) -> str:
    """By whom, how to find it again, and why it may be wrong."""
    by = _name(" ".join(word for word in (analysis.provider or _UNKNOWN, analysis.model) if word))
    marks = [word for word, true in (("degraded", analysis.degraded), ("cached", analysis.cached)) if true]
    doubts = ", ".join(analysis.diagnosis.doubts) if analysis.diagnosis else ""
    return " · ".join([f"analysis {analysis.id}", by, *marks, *([f"*doubted*: {doubts}"] if doubts else [])])


def _prose(text: str, room: int) -> str:
    return escaped(printable(text).strip(), room)


def _name(text: str) -> str:
    return escaped(one_line(text), _MAX_NAME)


def _section(text: str) -> Mapping[str, object]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> Mapping[str, object]:
    """`verbatim`: Slack makes no links and mentions of what is none."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
