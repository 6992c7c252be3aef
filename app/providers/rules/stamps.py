"""The time that a line shows, as it shows it."""

import re

#: Where a line's own time may begin: after a host, a pod name or a bracket, never deep in a message.
HEAD_CHARS = 90

_FORMS = (
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d",  # ISO 8601, and what most loggers write
    r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d",  # nginx error log, Go
    r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d",  # access log
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: \d{4})?",  # Apache error log, ctime
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d",  # syslog
    r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d",  # Spark
    r"[IWEF]\d{4} \d\d:\d\d:\d\d",  # klog
    r"\b\d{6} \d{6}\b",  # HDFS
    r"\b\d\d:\d\d:\d\d\b",  # only the time of day
)
_STAMP = re.compile("|".join(f"(?:{form})" for form in _FORMS))


_LEAD = re.compile(rf"^\W{{0,3}}(?:{'|'.join(_FORMS)})(?:[.,]\d+)?(?:Z|\s?[+-]\d\d:?\d\d)?[\])]?[\s|-]*")


def unstamped(text: str) -> str:
    """The line without the time it begins with."""
    return _LEAD.sub("", text, count=1)


def stamp(text: str) -> str | None:
    """The first time in the head of a line; None when it shows none."""
    found = _STAMP.search(text[:HEAD_CHARS])
    return found.group().lstrip("IWEF") if found else None
