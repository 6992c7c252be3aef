"""What a line says of how it went: words for levels and failures, HTTP statuses, exit codes.

All of it is looked for in one pass; `levels` decides what it means.
"""

import re2

#: Words for levels: in capitals, where they are unmistakable, and in small letters.
UPPER = (
    "TRACE|VERBOSE|DEBUG|DBG|INFO|INF|NOTICE|WARNING|WARN|WRN|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT"
    "|CRT|ALERT|EMERGENCY|EMERG|PANIC|LOG"
)
LOWER = "trace|debug|info|notice|warning|warn|error|err|severe|fatal|critical|crit|alert|emerg|panic"


def either(*patterns: str) -> re2._Regexp:
    """Any of the patterns. re2, because these run on every line that is new, and alternatives cost it nothing."""
    return re2.compile("|".join(f"(?:{pattern})" for pattern in patterns))


ACCESS = either(
    r"(?:HTTP/[123](?:\.\d)?\"? +(?:status: )?"
    r"|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (?:https?:/)?/\S* (?:[-=]> |- |responded )?\"?)([1-5]\d\d)"
    r"(?:[^\w.:%/-]|$)"
)
STATUS = either(
    r"(?i)\b(?:http )?(?:response )?(?:status|status_?code|http)[\"']?(?:\s?[:=]\s?"
    r"|\s)[\"']?([1-5]\d\d)\b"
)

#: A broken program, whatever level the line claims.
STRONG = either(
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
CRITICAL = either(
    r"^panic: |\bpanic: runtime error|(?i:\bout of memory: kill)|\boom-kill|\bOOMKilled\b"
    r"|\bOutOfMemoryError\b|\bCrashLoopBackOff\b"
    r"|\bkernel panic\b|(?i:\bno space left on device)|(?i:\bdata corruption\b)"
)
#: An exception by its name, or a word for failure.
ERRORS = either(
    r"\b[A-Z]\w*(?:Error|Exception)\b"
    r"|(?i:\b(?:error|errors|exception|fatal|failures?|failed|fails|crash(?:ed|ing)?|corrupt(?:ed|ion)?"
    r"|abort(?:ed|ing)?"
    r"|unable to|cannot|can't|could not|couldn't|unreachable|refused|no space left|not permitted|permission denied"
    r"|undefined reference|no such file|command not found|killed|deadlock|exited abnormally)\b)"
)
WARNINGS = either(
    r"(?i:\b(?:warn(?:ing)?s?|deprecat\w+|retry(?:ing)?|retries|time[ds]?[ -]?out|timeout|denied"
    r"|invalid|unauthori[sz]ed|forbidden|reject(?:ed|ing)?"
    r"|dropp?(?:ed|ing)|throttl\w+|rate.?limit\w*|slow|unhealthy|back-?off|break-in|did not receive"
    r"|disconnected|unexpected)\b)"
)
#: Failures to log in: normal on the open internet one by one, so no errors; many of them are a finding of their own.
LOGIN = either(
    r"(?i)\b(?:authentication failures?|failed (?:password|publickey|none|keyboard)|failed login"
    r"|login failed|invalid user|illegal user|user unknown|kerberos authentication failed"
    r"|authentication failed from|break-in attempt)\b"
)
#: Not a failure though it names one.
BENIGN = either(
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
ECHOED = re2.compile(r"^\s{0,4}(?:\+{1,3}|\$) [\w./\[(]")
#: A test that has passed, whatever it is called.
PASSED = either(r"^\s*(?:✓|✔|√) |^\s*(?:PASS|ok)(?::|\s)|^\s*--- (?:PASS|SKIP): |(?-i:\bPASSED\b)|\.\.\. ok$")
#: A failure that is not the last word.
TRIED_AGAIN = either(r"(?i)\b(?:will (?:re-?try|try again)|re-?trying|try(?:ing)? again|retry (?:#|no\.? ?)?\d+)\b")

#: Where the line may name its level: no line without any of it does.
NAMED = either(rf"(?:^|\W)(?:{UPPER})", rf"(?i:\b(?:{LOWER}|eror|note|system))")

#: What a line may say, all of it looked for in one pass.
_SAYS = (
    *(NAMED, ACCESS, STATUS, ECHOED, STRONG, CRITICAL),
    *(PASSED, BENIGN, LOGIN, ERRORS, TRIED_AGAIN, WARNINGS),
)
#: Those that decide: most lines that are new say none of it.
TELLING = frozenset((ACCESS, STATUS, ECHOED, STRONG, PASSED, LOGIN, ERRORS, WARNINGS))


def _together() -> "re2.Set":
    """`_SAYS` as one automaton. It takes no offsets and finds no groups, but tells which ones match."""
    options = re2.Options()
    options.max_mem = 64 << 20
    found = re2.Set.SearchSet(options)
    for one in _SAYS:
        found.Add(one.pattern)
    found.Compile()
    return found


_TOGETHER = _together()


def said_in(data: bytes) -> frozenset[re2._Regexp]:
    """Which of `_SAYS` match."""
    return frozenset(map(_SAYS.__getitem__, _TOGETHER.Match(data) or ()))
