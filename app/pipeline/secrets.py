"""What must not leave the house: kinds of secrets and personal data, as data.

A rule has two patterns. `trigger` (re2) only finds lines worth a closer look, all rules at once and at memory speed.
`pattern` (re) is then matched where the trigger matched: the value is its group `value`, or all of it. Both see UTF-8
bytes, each as one Latin-1 character, so that offsets agree; words that are not ASCII go through `_bytes`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _bytes(text: str) -> str:
    return text.encode().decode("latin-1")


_PLACEHOLDER = r"(?!<[A-Z][A-Z0-9_]{1,30}_\d{1,9}>)"
#: Names of fields that hold secrets; what precedes them in the same word does not matter: `DB_PASSWORD`, `accessToken`.
_SECRET_NAME = (
    r"pass(?:word|wd|phrase|code)|pwd|secret(?:[_-]?access)?(?:[_-]?key)?|api[_-]?key"
    r"|access[_-]?key(?![_-]?id)|private[_-]?key|signing[_-]?key"
    r"|encryption[_-]?key|account[_-]?key|credentials?|(?:auth|access|refresh|id|session|bearer|csrf"
    r"|xsrf|api|bot|deploy|personal|security|x-auth)?[_-]?token"
    r"|session[_-]?key|jsessionid|phpsessid|client[_-]?secret|otp|" + _bytes("비밀번호|암호")
)
#: A value without quotes.
_BARE = r"""[^\s"'\\,;&|<>()\[\]{}][^\s"'\\,;&|<>)\]}]*"""
#: Those that people write in prose, too: `password: letmein` at the end of a line.
_SAID = r"password|passwd|passphrase|pwd|secret|" + _bytes("비밀번호|암호")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One kind of value. `accept` judges what `pattern` took for one."""

    kind: str
    trigger: str
    #: Matches where `pattern` begins, when `trigger` begins later.
    finder: str = ""
    #: With `re.ASCII`; must not match across lines.
    pattern: str
    reversible: bool = False
    accept: Callable[[str], bool] | None = None
    #: Groups of `pattern` that other judges decide about.
    judges: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)


def _luhn(value: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1)."""
    digits = [int(character) for character in value if character.isdigit()]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def _opaque(value: str) -> bool:
    """Random rather than a word: `Bearer authentication failed` names no token."""
    return (
        len(value) >= 16
        and bool(re.search(r"[\d_=+/.-]|[a-z][A-Z]", value))
        and not re.fullmatch(r"[a-z]+(?:[-_.][a-z]+)*\.?", value)
    )


_SCHEMES = frozenset(("bearer", "basic", "token", "digest", "negotiate", "apikey", "aws4-hmac-sha256"))


def _credential(value: str) -> bool:
    """What follows `Authorization:`, when it is neither a word nor the bare name of a scheme."""
    return value.lower() not in _SCHEMES and bool(re.search(r"[\d=_+/.-]|[a-z][A-Z]", value)) and _present(value)


def _bearer(value: str) -> bool:
    return _opaque(value) or bool(re.search(r"\d|[a-z][A-Z]", value) and re.search(r"[A-Za-z]", value))


#: What people write where a value is missing or already hidden.
_ABSENT = re.compile(
    r"(?i)null|none|nil|undefined|incorrect|wrong|mismatch|changed|failed|error|ok|true|false|yes|no"
    r"|empty|unset|missing|invalid|expired|required|redacted|hidden|masked|n/?a|not|is|was|the|for"
    r"|and|or|unknown"
    r"|\[?(?:redacted|filtered|hidden|masked|protected)\]?|[*x.•#-]+|\$\{?[\w.:-]*\}?|%\w"
    r"|<[\w .:-]*>?|\{+[\w .]*\}*|\(.*"
)


#: A path names where a secret lies (`password_file`), or is a working directory (`PWD=/home/app`).
_PATH = re.compile(r"/|/(?:home|root|usr|var|run|etc|opt|tmp|app|srv|mnt|data|workspace|builds?|github)(?:/[\w.@+-]*)*")


def _present(value: str) -> bool:
    return not (_ABSENT.fullmatch(value) or _PATH.fullmatch(value))


def _likely(value: str) -> bool:
    """A value after `name: ` in prose: words are rather a sentence that goes on."""
    return (
        _present(value)
        and len(value) >= 4
        and bool(re.search(r"\d", value))
        and not re.fullmatch(r"\d{1,5}[,.;]?", value)
    )


def _numbered(value: str) -> bool:
    return bool(re.search(r"\d", value))


def _mailbox(value: str) -> bool:
    """Not a systemd unit (`getty@tty1.service`) nor a file name."""
    return value.rpartition(".")[2].lower() not in _NO_TLD


_NO_TLD = frozenset(
    (
        "service",
        "socket",
        "target",
        "slice",
        "scope",
        "mount",
        "timer",
        "device",
        "swap",
        "path",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "js",
        "ts",
        "css",
        "java",
        "py",
        "go",
        "rb",
    )
)

RULES: tuple[Rule, ...] = (
    Rule(
        kind="PRIVATE_KEY",
        trigger=r"PRIVATE KEY-----",
        finder=r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----",
        pattern=(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:[^-\"'\n]"
            r"|-(?!----))*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?"
        ),
    ),
    Rule(
        kind="URL_PASSWORD",
        trigger=r"://[^\s/@:]*:[^\s/]+@",
        finder=r"[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@'\"<>]*:[^\s/'\"<>]+@",
        pattern=rf"[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@'\"<>]*:{_PLACEHOLDER}(?P<value>[^\s/'\"<>]+)@",
    ),
    Rule(
        kind="AUTHORIZATION",
        trigger=r"(?i:authorization\W{1,6}\w)",
        pattern=(
            rf"(?i)authorization\\?[\"']?[ \t]{{0,3}}[:=][ \t]{{0,3}}\\?[\"']?(?:(?:bearer|basic|token|digest"
            rf"|negotiate|apikey"
            rf"|aws4-hmac-sha256)\s+)?{_PLACEHOLDER}(?P<value>[^\s\"'\\,;<>]{{6,}}(?:,\s?\w+=[^\s,]+)*)"
        ),
        accept=_credential,
    ),
    Rule(
        kind="BEARER_TOKEN",
        trigger=r"(?i:\b(?:bearer|basic) [\w+/=.~-]{8,})",
        pattern=rf"(?i)\b(?:bearer|basic) {{1,3}}{_PLACEHOLDER}(?P<value>[\w+/=.~-]{{8,}})",
        accept=_bearer,
    ),
    Rule(
        kind="COOKIE",
        trigger=r"(?i:(?:set-)?cookie\W{1,5}[\w.-]+=)",
        pattern=(
            r"(?i)\b(?:set-)?cookie\\?[\"']?[ \t]{0,2}[:=][ \t]{0,2}\\?[\"']?"
            rf"{_PLACEHOLDER}(?P<value>[\w.-]{{1,64}}=[^\"'\\\n]+)"
        ),
    ),
    Rule(
        kind="JWT",
        trigger=r"eyJ[\w-]{8,}\.",
        pattern=r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*",
    ),
    Rule(
        kind="AWS_KEY",
        trigger=r"(?:AKIA|ASIA|AROA|AIDA|ANPA|ABIA|ACCA)[A-Z0-9]{16}",
        pattern=r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA|ANPA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    ),
    Rule(
        kind="GITHUB_TOKEN",
        trigger=r"gh[pousr]_[A-Za-z0-9]{20}|github_pat_\w{20}",
        pattern=r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255})",
    ),
    Rule(
        kind="GITLAB_TOKEN",
        trigger=r"gl(?:pat|dt|ptt|rt|cbt|soat|ft|imt|agent)-[\w-]{16}",
        pattern=r"(?<![A-Za-z0-9])gl(?:pat|dt|ptt|rt|cbt|soat|ft|imt|agent)-[\w-]{16,255}",
    ),
    Rule(
        kind="SLACK_TOKEN",
        trigger=r"xox[abceoprs]-\w|xapp-\d|hooks\.slack\.com/\w",
        pattern=(
            r"(?<![A-Za-z0-9])xox[abceoprs]-[\w-]{10,255}|(?<![A-Za-z0-9])xapp-\d-[\w-]{10,255}"
            r"|hooks\.slack\.com/(?P<value>(?:services|workflows|triggers)/[\w/-]{10,255})"
        ),
    ),
    Rule(
        kind="STRIPE_KEY",
        trigger=r"(?:sk|rk|pk)_(?:live|test)_\w{10}|whsec_\w{16}",
        pattern=r"(?<![A-Za-z0-9])(?:(?:sk|rk|pk)_(?:live|test)_\w{10,255}|whsec_[\w+/=]{16,255})",
    ),
    Rule(
        kind="GOOGLE_KEY",
        trigger=r"AIza[\w-]{30}|ya29\.[\w-]{16}|GOCSPX-\w",
        pattern=r"(?<![A-Za-z0-9])(?:AIza[\w-]{30,60}|ya29\.[\w.-]{16,2048}|GOCSPX-[\w-]{20,64})",
    ),
    Rule(
        kind="API_TOKEN",
        trigger=(
            r"\bsk-[\w-]{20}|npm_[A-Za-z0-9]{30}|pypi-[\w-]{40}|hf_[A-Za-z0-9]{30}|SG\.[\w-]{16,}\."
            r"|do[opr]_v1_[a-f0-9]{32}|bf_\w{4,}_\w{16}|\bSK[0-9a-f]{32}|dckr_pat_\w|hv[sb]\.[\w-]{20}"
        ),
        pattern=(
            r"(?<![A-Za-z0-9])(?:sk-[\w-]{20,255}|npm_[A-Za-z0-9]{30,64}|pypi-[\w-]{40,255}"
            r"|hf_[A-Za-z0-9]{30,64}|SG\.[\w-]{16,64}\.[\w-]{16,128}"
            r"|do[opr]_v1_[a-f0-9]{32,64}|bf_[A-Za-z0-9]{4,32}_[\w-]{16,128}|SK[0-9a-f]{32}"
            r"|dckr_pat_[\w-]{20,64}|hv[sb]\.[\w-]{20,255})"
        ),
        accept=_numbered,
    ),
    Rule(
        kind="SECRET",
        trigger=(
            rf"(?i:(?:{_SECRET_NAME.replace('(?![_-]?id)', '')})\d{{0,3}}[\"'\\]{{0,3}}[ \t]{{0,3}}(?:="
            rf"|:)[ \t]{{0,3}}[^\s=:])"
        ),
        pattern=(
            rf"""(?ix)(?:{_SECRET_NAME})\d{{0,3}}(?:
                  (?P<quoted>\\?["'])?[ \t]{{0,3}}(?:=>|:=|=|:)[ \t]{{0,3}}(?:
                      \\" {_PLACEHOLDER}(?P<escaped>[^"\\\n]+)
                    | "  {_PLACEHOLDER}(?P<double>(?:[^"\\\n]|\\.)+)
                    | '  {_PLACEHOLDER}(?P<single>(?:[^'\\\n]|\\.)+)
                  )
                | (?:\\?["'])?\s?(?:=>|:=|=){_PLACEHOLDER}(?P<value>{_BARE})
                | :{_PLACEHOLDER}(?P<tight>(?!:){_BARE})
                | :[ \t]{{1,3}}{_PLACEHOLDER}(?P<prose>{_BARE})
            )"""
        ),
        accept=_present,
        judges={"tight": _likely, "prose": _likely},
    ),
    Rule(
        kind="SECRET",
        trigger=rf"(?i:(?:{_SAID})\d{{0,3}}[ \t]{{0,2}}:[ \t]{{1,3}}\S+[ \t]*(?:\n|$))",
        pattern=(rf"(?i)(?:{_SAID})\d{{0,3}}[ \t]{{0,2}}:[ \t]{{1,3}}{_PLACEHOLDER}(?P<value>[^\s\"'<]{{3,}})[ \t]*$"),
        accept=_present,
    ),
    Rule(
        kind="SECRET",
        trigger=(
            r"(?i:--?(?:[\w-]*-)?(?:password|passwd|token|secret|api-key|access-key) {1,2}['\"]?[^\s-])"
            r"|(?i:identified by ['\"])"
        ),
        pattern=(
            r"(?i)(?<![\w-])--?(?:[\w-]*-)?(?:password|passwd|token|secret|api-key|access-key) {1,2}['\"]?"
            rf"{_PLACEHOLDER}(?P<value>[^\s'\"=:-][^\s'\"]*)|identified by ['\"]{_PLACEHOLDER}(?P<single>[^'\"\n]+)"
        ),
        accept=_present,
    ),
    Rule(
        kind="EMAIL",
        trigger=r"[\w%+-]@[A-Za-z0-9][A-Za-z0-9-]*\.",
        finder=r"[\w.%+-]+@[A-Za-z0-9]",
        pattern=r"[\w.%+-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}(?![\w-]|\.\w)",
        reversible=True,
        accept=_mailbox,
    ),
    Rule(
        kind="RRN",
        trigger=r"\b\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}\b",
        pattern=r"(?<![\w-])\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}(?![\w-])",
    ),
    Rule(
        kind="CARD",
        trigger=(
            r"\b(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6(?:011|5\d\d)|35\d\d)[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b"
            r"|\b3[47]\d\d[ -]?\d{6}[ -]?\d{5}\b"
        ),
        pattern=(
            r"(?<![\w./:-])(?:(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6(?:011|5\d\d)"
            r"|35\d\d)(?P<gap>[ -]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{4}"
            r"|3[47]\d\d(?P<space>[ -]?)\d{6}(?P=space)\d{5})(?![\w/:-]|\.\d)"
        ),
        accept=_luhn,
    ),
    Rule(
        kind="PHONE",
        trigger=(
            r"\b01[016789]-\d{3,4}-\d{4}\b|\+\d{1,3}[ -]\(?\d{1,4}\)?[ -]\d{3,4}[ -]\d{3,4}\b"
            r"|\(\d{3}\) \d{3}-\d{4}\b"
        ),
        pattern=(
            r"(?<![\w-])01[016789]-\d{3,4}-\d{4}(?![\w-])"
            r"|(?<!\w)\+\d{1,3}[ -]\(?\d{1,4}\)?[ -]\d{3,4}[ -]\d{3,4}(?![\w-])"
            r"|(?<!\w)\(\d{3}\) \d{3}-\d{4}(?![\w-])"
        ),
    ),
)
