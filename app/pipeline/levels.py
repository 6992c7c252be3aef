"""How loudly a line speaks: its own word for it first, then what it says.

Digits matter only where `constants` keeps them, see there.
"""

import re
from collections.abc import Mapping

import re2

from app.domain.logs import Level
from app.pipeline.evidence import (
    ACCESS,
    BENIGN,
    CRITICAL,
    ECHOED,
    ERRORS,
    LOGIN,
    LOWER,
    NAMED,
    PASSED,
    STATUS,
    STRONG,
    TELLING,
    TRIED_AGAIN,
    UPPER,
    WARNINGS,
    either,
    said_in,
)
from app.pipeline.wrappers import KLOG, PROGRAM, Unwrapped

#: Words for levels, as programs write them, lower case.
WORDS: Mapping[str, Level] = {
    **dict.fromkeys(("trace", "verbose", "debug", "dbg", "debu", "fine", "finer", "finest"), Level.DEBUG),
    **dict.fromkeys(
        ("info", "inf", "information", "informational", "notice", "note", "system", "log", "config"), Level.INFO
    ),
    **dict.fromkeys(("warn", "warning", "wrn"), Level.WARNING),
    **dict.fromkeys(("error", "err", "eror", "erro", "severe", "err!", "alert"), Level.ERROR),
    **dict.fromkeys(("fatal", "critical", "crit", "crt", "emerg", "emergency", "panic", "dpanic"), Level.CRITICAL),
}
#: Bytes of a line that are read for its level.
_BYTES = 4000
_LETTERS = {"d": "debug", "i": "info", "w": "warning", "e": "error", "f": "fatal"}
#: Names under which JSON and logfmt lines keep their level, likeliest first.
FIELDS = (
    "level",
    "severity",
    "lvl",
    "levelname",
    "loglevel",
    "log_level",
    "log.level",
    "@level",
    "level_name",
    "s",
    "priority",
    "PRIORITY",
)
#: Names of the field with the message itself.
MESSAGES = ("msg", "message", "@message", "event", "log", "text", "short_message", "MESSAGE")


#: A level in capitals among the first words: `2024-05-01 INFO [main]`, `[ERROR]`, `12:00 | WARN |`.
_CAPITALS = re.compile(rf"(?:^|[\s\[(|<:/,])({UPPER})(?=$|[\s\])|>\"',:/])")
_CAPITALS_WITHIN = 120
#: The same in small letters, where it can hardly be a word of a sentence.
_SMALL = either(
    rf"^\W{{0,3}}(?i:({LOWER}))(?:\[\w+\]| [A-Z]{{1,6}}\d+)?(?:\]|\)|: |:$| - |\s*\|)",
    rf"\[(?:[\w.-]{{1,24}}:)?({LOWER})\]",
    rf"\b(?:level|lvl|severity|loglevel)[\"']?[=:] ?[\"']?(?i:({LOWER}|eror))\b",
    r"[:\d\])] (?:fatal )?(error|warning|note)(?:\[\w+\]| [A-Z]{1,6}\d+)?: ",
    r"^(?:npm|yarn|pnpm) (?i:(ERR!|error|warn|notice))",
    r"^::(error|warning|notice)\b",
    # MySQL and MariaDB: `2025-04-26T01:02:29Z 0 [Note] [MY-010914] …`
    r"^\d+ \[(Note|System|Warning|Error|ERROR)\] ",
    r"^##\[(error|warning|debug)\]",
)
_REDIS = re.compile(r"\d+:[XCSM] \d\d \w{3} \d{4} [\d:.]+ ([.*#-]) ")
_REDIS_MARKS = {".": Level.DEBUG, "-": Level.DEBUG, "*": Level.INFO, "#": Level.WARNING}
_LOGCAT = re.compile(r"([VDIWEF])/[\w.]+\s*\(?\s*\d*\)?: ")


def level_of(line: Unwrapped) -> Level:
    """The level of one line. An explicit level below WARNING gives way only to `STRONG` evidence and HTTP 5xx."""
    if line.fields is not None:
        claimed, text = _from_fields(line.fields)
        data = text.encode()
        said = said_in(data)
    else:
        data = line.message.encode()
        said = said_in(data)
        claimed = _claimed(line, named=NAMED in said)
    if not said & TELLING:
        return Level.UNKNOWN if claimed is None else claimed
    http, access = _from_status(data) if ACCESS in said or STATUS in said else (None, False)
    # an application that logs its own answer at INFO means it; only a failure or an access log overrules it
    if http is not None and (claimed is None or (http > claimed and (access or http >= Level.ERROR))):
        return http
    if claimed is not None and claimed >= Level.WARNING:
        return claimed
    if claimed is None and ECHOED in said:
        return Level.UNKNOWN
    critical = CRITICAL in said
    if len(data) > _BYTES:
        data = data[:_BYTES]
        said = said_in(data)
    if STRONG in said:
        return Level.CRITICAL if critical else Level.ERROR
    return claimed if claimed is not None else _from_words(data, said)


def _claimed(line: Unwrapped, *, named: bool) -> Level | None:
    """The level that the line itself names: by a letter or a mark, or by a word, if it has one at all (`named`)."""
    klog = KLOG.match(line.payload)
    if klog:
        return WORDS[_LETTERS[klog["letter"].lower()]]
    redis = _REDIS.match(line.payload)
    if redis:
        return _REDIS_MARKS[redis[1]]
    logcat = _LOGCAT.match(line.message)
    if logcat:
        return WORDS[_LETTERS.get(logcat[1].lower(), "debug")]
    if not named:
        return None
    small = _SMALL.search(line.message[:200]) or _small_after_program(line.message)
    capitals = _CAPITALS.search(line.message, 0, _CAPITALS_WITHIN)
    if small and (not capitals or small.start() < capitals.start()):
        return WORDS[next(word for word in small.groups() if word).lower()]
    return WORDS[capitals[1].lower()] if capitals else None


def _small_after_program(message: str) -> re2._Match | None:
    program = PROGRAM.match(message)
    return _SMALL.search(message[program.end() : program.end() + 200]) if program else None


def _from_fields(fields: Mapping[str, object]) -> tuple[Level | None, str]:
    """Level and text of a JSON line."""
    claimed = next((found for name in FIELDS if (found := _named(name, fields.get(name))) is not None), None)
    nested = fields.get("log")
    if claimed is None and isinstance(nested, dict):
        claimed = _named("level", nested.get("level"))
    shown = [str(fields[name]) for name in MESSAGES if isinstance(fields.get(name), str)]
    shown += [
        f"{name}={value}" for name, value in fields.items() if name not in MESSAGES and isinstance(value, str | int)
    ]
    return claimed, " ".join(shown)[:2000]


def _named(name: str, value: object) -> Level | None:
    """A level given as a word, a letter (MongoDB), pino's 10 to 60 or syslog's 0 to 7."""
    text = str(value).strip().lower()
    if text in WORDS:
        return WORDS[text]
    if name == "s" and text in _LETTERS:
        return WORDS[_LETTERS[text]]
    if not text.isdecimal() or len(text) > 2:
        return None
    number = int(text)
    if number <= 7 and name.lower() in ("priority", "level", "severity"):
        return (
            Level.CRITICAL,
            Level.CRITICAL,
            Level.CRITICAL,
            Level.ERROR,
            Level.WARNING,
            Level.INFO,
            Level.INFO,
            Level.DEBUG,
        )[number]
    return Level(min(max(number // 10 * 10, 10), 60) - 10) if number > 10 else Level.DEBUG


def _from_status(text: bytes) -> tuple[Level | None, bool]:
    """What an HTTP status says, and whether an access log says so. 404 is how the web works; other 4xx may matter."""
    access = ACCESS.search(text)
    match = access or STATUS.search(text)
    if not match:
        return None, False
    status = match[1]
    if status.startswith(b"5"):
        return Level.ERROR, bool(access)
    if status.startswith(b"4") and status != b"404":
        return Level.WARNING, bool(access)
    return (Level.INFO if access else None), bool(access)


def claims_error(line: Unwrapped) -> bool:
    """Does the line itself say that it is an error, or only speak of failure?"""
    if line.fields is not None:
        claimed, text = _from_fields(line.fields)
    else:
        claimed, text = _claimed(line, named=True), line.message
    return (claimed is not None and claimed >= Level.ERROR) or bool(STRONG.search(text.encode()[:_BYTES]))


def _from_words(text: bytes, said: frozenset[re2._Regexp]) -> Level:
    if PASSED in said:
        return Level.INFO
    if BENIGN in said:
        said = said_in(BENIGN.sub(b" ", text))
    if LOGIN in said:
        return Level.WARNING
    if ERRORS in said:
        if CRITICAL in said:
            return Level.CRITICAL
        return Level.WARNING if TRIED_AGAIN in said else Level.ERROR
    return Level.WARNING if WARNINGS in said else Level.UNKNOWN
