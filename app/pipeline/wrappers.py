"""What collectors put around a line (CRI, Docker, Compose, kubectl, syslog, journald), and what programs put before it.

Only for recognizing: the line that is displayed stays as it stands.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?"
_ZONE = r"(?:[ ]?(?:Z|UTC|GMT|[A-Z]{3}T|[+-]\d\d:?\d\d)(?![A-Za-z]))?"
_DATE = r"(?:\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{2,4})"

#: Prefix of a line -> the rest is what the program wrote. Tried in turn, up to `_LAYERS` times.
WRAPPERS: tuple[re.Pattern[str], ...] = (
    # CRI: 2024-05-01T12:00:00.123456789Z stderr F message
    re.compile(r"\d{4}-\d\d-\d\dT\S{8,30} (?:stdout|stderr) [FP] ?"),
    # kubectl logs --prefix, stern, Compose
    re.compile(r"\[pod/[^\]]{1,300}\] "),
    re.compile(r"[\w.-]{1,100}[-_]\d+ {1,40}\| "),
    # RFC 5424: <34>1 2024-05-01T12:00:00Z host app 123 id [data] message
    re.compile(
        r"<\d{1,3}>1 \S{1,40} \S{1,255} (?P<program>\S{1,48}) \S{1,128} \S{1,32} (?:-"
        r"|(?:\[[^\]]{0,500}\])+) ?"
    ),
    # RFC 3164 and journald: Jun 14 15:16:01 host program[123]: message
    re.compile(
        rf"(?:<\d{{1,3}}>)?{_MONTH} {{1,2}}\d{{1,2}}(?: \d{{4}})? {_CLOCK} "
        r"(?![\[{])[\w.-]{1,255} (?=[\w(][^\s:]{0,80}: )"
    ),
    re.compile(r"\d{4}-\d\d-\d\dT[\d:.,]{8,18}(?:Z|[+-]\d\d:?\d\d) [\w.-]{1,255} (?=[\w./()-]{1,80}\[\d+\]: )"),
)
_LAYERS = 3
#: Most lines have none, and one look tells.
_WRAPPED = re.compile("|".join(wrapper.pattern for wrapper in WRAPPERS))

#: When it happened, at the start of what the program wrote.
TIMESTAMP = re.compile(
    rf"""\s{{0,4}}[\[(<]?(?:
        {_DATE}[T _-]{{1,2}}{_CLOCK}{_ZONE}
      | (?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ )?{_MONTH}\ +\d{{1,2}}(?:,?\ \d{{4}})?,?\ {_CLOCK}(?:\ \d{{4}})?{_ZONE}
      | (?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ )?\d{{1,2}}[ /-]{_MONTH}[ /-]\d{{4}}[ :]{_CLOCK}{_ZONE}
      | \d{{6}}\ \d{{6}}
      | {_CLOCK}
      | 1\d{{9}}(?:\.\d{{1,9}}|\d{{3}})?
      | \ *\d{{1,7}}\.\d{{6}}(?=\])
    )[\])>]?(?=[\s,:;|\]-]|$)[\s,:;|-]{{0,4}}""",
    re.VERBOSE,
)
#: A prefix that stands before the time in some logs: a file name, a process, a severity letter.
_BEFORE = re.compile(r"[^\s{]{1,80} ")
#: `program[123]: ` and klog's `E0501 12:00:00.123456    1 file.go:12] `
PROGRAM = re.compile(
    r"[\w./-]{1,64}(?:\([\w./-]{1,40}\))?\[\d{1,10}\]: |[A-Za-z][\w./-]{1,40}(?:\([\w./-]{1,40}\))?: (?=\S)"
)
KLOG = re.compile(r"(?P<letter>[DIWEF])\d{4} \d\d:\d\d:\d\d\.\d{1,9} +\d+ (?:[\w.-]+:\d+\] ?)?")


#: A line of an access log: its time stands behind who asked.
_ACCESS = re.compile(rf"\S{{1,255}} \S{{1,80}} \S{{1,80}} \[\d\d/{_MONTH}/\d{{4}}:")


class Unwrapped(NamedTuple):
    """A line without its wrapping: what the program wrote, split into its time and the rest."""

    payload: str
    #: `payload` after its timestamp; all of it without one.
    message: str
    #: It begins as records begin: with a time, a collector's syslog prefix or a JSON object.
    headed: bool
    #: The object, when the program writes JSON.
    fields: Mapping[str, object] | None = None


def unwrap(line: str) -> Unwrapped:
    """Take `line` (one physical line) apart. Looks at a bounded prefix of it, except for JSON."""
    payload, syslog = _peel(line)
    fields = as_object(payload)
    if fields is not None and isinstance(fields.get("log"), str) and len(fields) <= 5:
        # Docker's json-file driver: {"log":"message\n","stream":"stderr","time":"…"}
        inner, _ = _peel(str(fields["log"]).removesuffix("\n"))
        return _apart(inner, headed=False, fields=as_object(inner))
    return _apart(payload, headed=syslog, fields=fields)


def _peel(line: str) -> tuple[str, bool]:
    syslog = False
    for _ in range(_LAYERS if _WRAPPED.match(line) else 0):
        for number, wrapper in enumerate(WRAPPERS):
            match = wrapper.match(line)
            if match:
                line = line[match.end() :]
                syslog = syslog or number > 2
                break
        else:
            return line, syslog
    return line, syslog


def _apart(payload: str, *, headed: bool, fields: Mapping[str, object] | None) -> Unwrapped:
    if fields is not None:
        return Unwrapped(payload=payload, message=payload, headed=True, fields=fields)
    end = _end_of_time(payload)
    klog = KLOG.match(payload)
    if klog:
        end = klog.end()
    headed = headed or end > 0 or ("[" in payload and bool(_ACCESS.match(payload)))
    return Unwrapped(payload=payload, message=payload[end:], headed=headed)


def _end_of_time(payload: str) -> int:
    """Characters up to the end of the timestamp, with one word before it and a second one after it at most."""
    begin = 0
    match = TIMESTAMP.match(payload)
    if not match and not payload[:1].isspace():
        before = _BEFORE.match(payload)
        match = TIMESTAMP.match(payload, before.end()) if before else None
        # a word may stand before a date, but a sentence that goes on with a time is none
        if match and not re.match(rf"[\[(<]?{_DATE}", match[0].strip()):
            match = None
    if match:
        begin = match.end()
        again = TIMESTAMP.match(payload, begin)
        begin = again.end() if again else begin
    return begin


def as_object(text: str) -> Mapping[str, object] | None:
    """`text` as a JSON object; None when it is something else."""
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
