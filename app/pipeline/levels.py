"""How loudly a line speaks: its own word for it first, then what it says.

Digits matter only where `constants` keeps them, see there.
"""

import re
from collections.abc import Mapping

import re2

from app.domain.logs import Level
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


def _any(*patterns: str) -> re2._Regexp:
    """Any of the patterns. re2, because these run on every line that is new, and alternatives cost it nothing."""
    return re2.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_UPPER = (
    "TRACE|VERBOSE|DEBUG|DBG|INFO|INF|NOTICE|WARNING|WARN|WRN|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT"
    "|CRT|ALERT|EMERGENCY|EMERG|PANIC|LOG"
)
_LOWER = "trace|debug|info|notice|warning|warn|error|err|severe|fatal|critical|crit|alert|emerg|panic"
#: A level in capitals among the first words: `2024-05-01 INFO [main]`, `[ERROR]`, `12:00 | WARN |`.
_CAPITALS = re.compile(rf"(?:^|[\s\[(|<:/,])({_UPPER})(?=$|[\s\])|>\"',:/])")
_CAPITALS_WITHIN = 120
#: The same in small letters, where it can hardly be a word of a sentence.
_SMALL = _any(
    rf"^\W{{0,3}}(?i:({_LOWER}))(?:\[\w+\]| [A-Z]{{1,6}}\d+)?(?:\]|\)|: |:$| - |\s*\|)",
    rf"\[(?:[\w.-]{{1,24}}:)?({_LOWER})\]",
    rf"\b(?:level|lvl|severity|loglevel)[\"']?[=:] ?[\"']?(?i:({_LOWER}|eror))\b",
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

_ACCESS = _any(
    r"(?:HTTP/[123](?:\.\d)?\"? +(?:status: )?"
    r"|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (?:https?:/)?/\S* (?:[-=]> |- |responded )?\"?)([1-5]\d\d)"
    r"(?:[^\w.:%/-]|$)"
)
_STATUS = _any(
    r"(?i)\b(?:http )?(?:response )?(?:status|status_?code|http)[\"']?(?:\s?[:=]\s?"
    r"|\s)[\"']?([1-5]\d\d)\b"
)

#: A broken program, whatever level the line claims.
STRONG = _any(
    r"^panic: |\bpanic: runtime error|^fatal error: |^thread '[^']*' (?:\(\d+\) )?panicked at "
    r"|^Traceback \(most recent call last\)",
    r"(?i:\bout of memory: kill)|\boom-kill|\bOOMKilled\b|\bOutOfMemoryError\b",
    r"\bsegfault at\b|\b[Ss]egmentation fault\b|\bcore dumped\b",
    r"(?i:\bexit(?:ed)?(?: with)?[ _]?(?:code|status)?[\"']?\s?[:=]?\s?[\"']?(?:-?[1-9]\d{0,2})\b)",
    r"\bstatus=[1-9]\d{0,2}/[A-Z]+",
    r"\bCrashLoopBackOff\b|\bImagePullBackOff\b|\bErrImagePull\b",
    r"\bException in thread\b|\bUnhandled(?:PromiseRejection| exception| rejection)",
    r"\bBUILD FAILED\b|^FAILURE: |\bmake(?:\[\d+\])?: \*\*\*|^--- FAIL: |^FAILED \S+::",
    r"^E {3,}\S*(?:Error|Exception)",
)
_CRITICAL = _any(
    r"^panic: |\bpanic: runtime error|(?i:\bout of memory: kill)|\boom-kill|\bOOMKilled\b"
    r"|\bOutOfMemoryError\b|\bCrashLoopBackOff\b"
    r"|\bkernel panic\b|(?i:\bno space left on device)|(?i:\bdata corruption\b)"
)
#: An exception by its name, or a word for failure.
_ERRORS = _any(
    r"\b[A-Z]\w*(?:Error|Exception)\b"
    r"|(?i:\b(?:error|errors|exception|fatal|failures?|failed|fails|crash(?:ed|ing)?|corrupt(?:ed|ion)?"
    r"|abort(?:ed|ing)?"
    r"|unable to|cannot|can't|could not|couldn't|unreachable|refused|no space left|not permitted|permission denied"
    r"|undefined reference|no such file|command not found|killed|deadlock|exited abnormally)\b)"
)
_WARNINGS = _any(
    r"(?i:\b(?:warn(?:ing)?s?|deprecat\w+|retry(?:ing)?|retries|time[ds]?[ -]?out|timeout|denied"
    r"|invalid|unauthori[sz]ed|forbidden|reject(?:ed|ing)?"
    r"|dropp?(?:ed|ing)|throttl\w+|rate.?limit\w*|slow|unhealthy|back-?off|break-in|did not receive"
    r"|disconnected|unexpected)\b)"
)
#: Failures to log in: normal on the open internet one by one, so no errors; many of them are a finding of their own.
_LOGIN = _any(
    r"(?i)\b(?:authentication failures?|failed (?:password|publickey|none|keyboard)|failed login"
    r"|login failed|invalid user|illegal user|user unknown|kerberos authentication failed"
    r"|authentication failed from|break-in attempt)\b"
)
#: Not a failure though it names one.
_BENIGN = _any(
    r"(?i)\b(?:0|no|zero|without(?: any)?|not an?) (?:\w+ )?(?:errors?|failures?|failed|exceptions?"
    r"|warnings?|problems?|fails?|crash\w*)\b"
    r"|\b\w*(?:errors?|failures?|failed|fails?|warnings?|exceptions?|timeouts?|killed|retries"
    r"|dropped|unreachable|rejected|refused|aborted)\w*[\"']?\s?[:=]\s?[\"']?(?:0(?:\.0+)?\b|none\b|null\b|nil\b|false\b|no\b|\"\"|''|\[\]"
    r"|\{\}|,|;|$)"
    r"|\b(?:errors?|exceptions?|failures?|timeouts?|retry|retries|warnings?|fail)[ _-](?:rate|count"
    r"|handl\w+|logs?|pages?|codes?|reports?|reporting|collectors?|tracking|boundary|polic\w+|threshold|budget|limit"
    r"|interval|period|injection|listener|filter)\w*"
    r"|--[\w-]*-on[= ]\w+|--[\w-]*(?:error|fail|warn|timeout)[\w=-]*|\b(?:timeout|time_out)[\w\"']*\s?[:=]\s?[\"']?\d"
    r"|\b(?:error|exception|failure) (?:class|type)e?s? (?:loaded|registered)|\bexception support\b"
    r"|\b(?:recovered from|cleared|resolved|fixed|handled|ignor\w+) (?:\w+ )?(?:errors?|failures?"
    r"|exceptions?)|\bfail-?(?:over|safe|fast)\w*"
    r"|\bdisconnected by user\b"
    # names of things: `public.errors`, `errors/500.html`, `failed-logins`, the mount option `errors=remount-ro`
    r"|[\w/.-]+[./](?:errors|failures|exceptions|crashes)\b|\b(?:errors|failures|exceptions|crashes)/[\w.*-]"
    r"|\b(?:failed|failure|error|crash|exception)-(?-i:[a-z]+s)\b|\berrors=(?:remount-ro|continue|panic)"
    r"|(?:[\w@.-]*/){1,20}[\w@.-]+\.[a-z]{1,5}\b|(?i:\bname[:=] ?\"?[\w-]+)"
    r"|\b[\w-]+(?:\.[\w-]+)*\.(?:js|mjs|ts|tsx|css|map|html?|json|ya?ml|md|png|svg|py|java|go|rs|rb|php|cs)\b"
    # what would be done, and what is looked for
    r"|\b(?:up)?on (?:any )?(?:errors?|failures?|exceptions?|crash)\b|\bin case of (?:an? )?\w+"
    r"|\b(?:if|when(?:ever)?|unless|until) (?:an?y? |the |there (?:is|are) )?(?:errors?|failures?|exceptions?)\b"
    r"|\b(?:check|look|scan|search|watch|test|inspect)\w* (?:[\w/-]+ ){0,4}for (?:\w+ )?"
    r"(?:errors?|failures?|\w*crash\w*|corrupt\w*)"
    r"|\bnone (?:found|failed|has failed|have failed)\b"
)
#: A command as a shell shows it before it runs it.
_ECHOED = re2.compile(r"^\s{0,4}(?:\+{1,3}|\$) [\w./\[(]")
#: A test that has passed, whatever it is called.
_PASSED = _any(r"^\s*(?:✓|✔|√) |^\s*(?:PASS|ok)(?::|\s)|^\s*--- (?:PASS|SKIP): |(?-i:\bPASSED\b)|\.\.\. ok$")
#: A failure that is not the last word.
_TRIED_AGAIN = _any(r"(?i)\b(?:will (?:re-?try|try again)|re-?trying|try(?:ing)? again|retry (?:#|no\.? ?)?\d+)\b")

#: Any of the patterns that decide below: most lines that are new say none of it, and one look tells.
_TELLING = _any(*(one.pattern for one in (_ACCESS, _STATUS, _ECHOED, STRONG, _PASSED, _LOGIN, _ERRORS, _WARNINGS)))


def level_of(line: Unwrapped) -> Level:
    """The level of one line. An explicit level below WARNING gives way only to `STRONG` evidence and HTTP 5xx."""
    if line.fields is not None:
        claimed, text = _from_fields(line.fields)
    else:
        text = line.message
        claimed = _claimed(line)
    # bytes: `re2` would count the characters before each match in a string
    data = text.encode()
    if not _TELLING.search(data):
        return Level.UNKNOWN if claimed is None else claimed
    http, access = _from_status(data)
    # an application that logs its own answer at INFO means it; only a failure or an access log overrules it
    if http is not None and (claimed is None or (http > claimed and (access or http >= Level.ERROR))):
        return http
    if claimed is not None and claimed >= Level.WARNING:
        return claimed
    if claimed is None and _ECHOED.search(data):
        return Level.UNKNOWN
    if STRONG.search(data[:_BYTES]):
        return Level.CRITICAL if _CRITICAL.search(data) else Level.ERROR
    return claimed if claimed is not None else _from_words(data[:_BYTES])


def _claimed(line: Unwrapped) -> Level | None:
    """The level that the line itself names."""
    klog = KLOG.match(line.payload)
    if klog:
        return WORDS[_LETTERS[klog["letter"].lower()]]
    redis = _REDIS.match(line.payload)
    if redis:
        return _REDIS_MARKS[redis[1]]
    logcat = _LOGCAT.match(line.message)
    if logcat:
        return WORDS[_LETTERS.get(logcat[1].lower(), "debug")]
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
    access = _ACCESS.search(text)
    match = access or _STATUS.search(text)
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
        claimed, text = _claimed(line), line.message
    return (claimed is not None and claimed >= Level.ERROR) or bool(STRONG.search(text.encode()[:_BYTES]))


def _from_words(text: bytes) -> Level:
    if _PASSED.search(text):
        return Level.INFO
    if _BENIGN.search(text):
        text = _BENIGN.sub(b" ", text)
    if _LOGIN.search(text):
        return Level.WARNING
    if _ERRORS.search(text):
        if _CRITICAL.search(text):
            return Level.CRITICAL
        return Level.WARNING if _TRIED_AGAIN.search(text) else Level.ERROR
    return Level.WARNING if _WARNINGS.search(text) else Level.UNKNOWN
