"""Is it one? Judges of what a pattern took for a secret: words, paths and blanks are none."""

import base64
import re
import unicodedata

#: Ends of file names and of systemd units, which look like domains.
_NO_TLD = frozenset(
    (
        *("service", "socket", "target", "slice", "scope", "mount", "timer", "device", "swap", "path"),
        *("png", "jpg", "jpeg", "gif", "svg", "js", "ts", "css", "java", "py", "go", "rb"),
    )
)


def luhn(value: str) -> bool:
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


def credential(value: str) -> bool:
    """What follows `Authorization:`, when it is neither a word nor the bare name of a scheme."""
    return value.lower() not in _SCHEMES and bool(re.search(r"[\d=_+/.-]|[a-z][A-Z]", value)) and present(value)


def bearer(value: str) -> bool:
    """What follows `Bearer` or `Basic`, when it is no word."""
    return _opaque(value) or bool(re.search(r"\d|[a-z][A-Z]", value) and re.search(r"[A-Za-z]", value))


#: What people write where a value is missing or already hidden.
_ABSENT = re.compile(
    r"(?i)null|none|nil|undefined|incorrect|wrong|mismatch|changed|failed|error|ok|true|false|yes|no"
    r"|empty|unset|missing|invalid|expired|required|redacted|hidden|masked|n/?a|not|is|was|the|for"
    r"|and|or|unknown"
    r"|\[?(?:redacted|filtered|hidden|masked|protected)\]?|[*x.•#-]+|\$\{[\w.:-]*\}?|\$\(?[a-z_]*\)?|%\w"
    r"|<[\w .:-]*>?|\{+[\w .]*\}*|\(.*"
)
#: A variable, not what it holds; `$Pa55word` is no name of one.
_VARIABLE = re.compile(r"\$(?:[A-Z_][A-Z0-9_]*|[a-z_][a-z_]*|\d)")


#: A path names where a secret lies (`password_file`), or is a working directory (`PWD=/home/app`).
_PATH = re.compile(r"/|/(?:home|root|usr|var|run|etc|opt|tmp|app|srv|mnt|data|workspace|builds?|github)(?:/[\w.@+-]*)*")


def present(value: str) -> bool:
    """A value, not the remark that there is none, nor where it lies."""
    return not (_ABSENT.fullmatch(value) or _VARIABLE.fullmatch(value) or _PATH.fullmatch(value))


def likely(value: str) -> bool:
    """A value after `name: ` in prose: words are rather a sentence that goes on."""
    return (
        present(value)
        and len(value) >= 4
        and bool(re.search(r"\d", value))
        and not re.fullmatch(r"\d{1,5}[,.;]?", value)
    )


#: What programs assign: a call, an item, a member of something else.
_EXPRESSION = re.compile(
    r"[A-Za-z_][\w.]*[(\[].*|(?i:self|this|cls|req|request|args|options?|opts|config|cfg|settings|os|env|process|user"
    r"|params?|data|form|body|props|state|values?|creds?|credentials?|get\w*|pass\w*|pwd|secret|token)(?:\.[\w.]+)?[;,]?"
)


def assigned(value: str) -> bool:
    """A value after `name = ` at the end of a line: configuration, not a line of source code in a stack trace."""
    return present(value) and not _EXPRESSION.fullmatch(value)


def configured(value: str) -> bool:
    """A value after `name = ` anywhere in a line: neither a sentence that goes on nor source code."""
    return likely(value) and not _EXPRESSION.fullmatch(value)


def numbered(value: str) -> bool:
    """It has a digit."""
    return bool(re.search(r"\d", value))


def letters_and_digits(value: str) -> bool:
    """It has letters of both cases and a digit, as random text in base64 has."""
    return bool(re.search(r"\d", value) and re.search(r"[a-z]", value) and re.search(r"[A-Z]", value))


#: Whoever reads these is a program: `git@github.com:group/project`.
_PROGRAMS = frozenset(("git", "noreply", "no-reply", "hg", "svn"))


def mailbox(value: str) -> bool:
    """Somebody's: neither a systemd unit (`getty@tty1.service`), a file name nor a program's."""
    local, _, domain = value.replace("%40", "@").rpartition("@")
    return domain.rpartition(".")[2].lower() not in _NO_TLD and local.lower() not in _PROGRAMS


def iban(value: str) -> bool:
    """The check digits of bank accounts (ISO 13616)."""
    bare = re.sub(r"[ -]", "", value)
    return 15 <= len(bare) <= 34 and int("".join(str(int(one, 36)) for one in bare[4:] + bare[:4])) % 97 == 1


def sealed(value: str) -> bool:
    """Base64 of a private key: of its first line, `-----BEGIN … PRIVATE KEY-----`."""
    try:
        head = base64.b64decode(value[:64], validate=True)
    except ValueError:
        return False
    return b"PRIVATE KEY" in head


def invented(value: str) -> bool:
    """As passwords are made up: at least six characters, a letter and a digit among them, and no version or path."""
    return (
        likely(value)
        and len(value) >= 6
        and bool(re.search(r"[A-Za-z]", value))
        and not re.fullmatch(r"v?\d+(?:\.\d+)+[\w.-]*|\d+[a-z]{1,3}|[\w.-]*/.*|[a-z]+[-_.]?\d{1,3}[,.;:]?", value)
    )


def mixed(value: str) -> bool:
    """As generators make them: small and capital letters and digits."""
    return letters_and_digits(value) and len(value) >= 8 and not re.search(r"[/()]|^0x", value)


def opaque(value: str) -> bool:
    """Random rather than a name: long, with letters and digits."""
    return _opaque(value) and numbered(value) and bool(re.search(r"[A-Za-z]", value))


#: Algorithms, encodings and things that are counted: letters and digits that nobody chose.
_NAMES = re.compile(
    r"(?i)(?:sha|md|aes|des|rsa|ecdsa|ed|base|utf|ntlmv|pbkdf|argon|scrypt|tls|sslv?|hmac|crypt|rc|http|oauth|x|h|v|p|r)"
    r"[-_]?\d{1,4}(?:[-_./][\w./]{1,10})?|(?:[a-z]+[-_./])*(?:tests?|step|phase|stage|case|run|round|part|line|loop|opt|pass|check|job|node"
    r"|attempt|iteration|level|group|block|batch|chunk|shard|suite|task|module|frame|stream|host|worker|user|id|item"
    r"|page|version)[-_#]?\d+|\d+(?:st|nd|rd|th|ms|us|ns|m?s|m|h|d|kb?|mb?|gb?|of\d+)[,.;]?|0x[0-9a-f]+|[\w.-]*/.*"
    r"|v?\d+(?:\.\d+)+[\w.-]*"
)
#: Words of states: what becomes of a password, not what it is.
_STATES = re.compile(
    r"(?i)(?:re)?(?:set|sent|new|old|same|must|should|cannot|can't|has|have|will|does|too|in|on|at|by|to|of|from|with|this|that"
    r"|strong|weak|short|long|valid|good|bad|given|found|present|absent|default|default|optional|mandatory|needed|blank"
    r"|passed|skipped|success(?:ful)?|failure|fail|denied|accepted|rejected|matched|stored|updated|verified|configured"
    r"|enabled|disabled|prompt|stdin|always|never|login|input|locked|entered|provided|specified|supported|allowed"
    r"|encrypted|hashed|encoded|all|any|done|pending|running|warning|auto|manual|system|local|remote|string|number"
    r"|text|value|field)[,.;:!]?"
)


def chosen(value: str) -> bool:
    """A letter and a digit among at least five characters, and neither an algorithm nor something counted."""
    bare = value.rstrip(".,;:!?")
    return (
        present(bare)
        and len(bare) >= 5
        and bool(re.search(r"[A-Za-z]", bare) and re.search(r"\d", bare))
        and not _NAMES.fullmatch(bare)
        and not _EXPRESSION.fullmatch(bare)
    )


def named(value: str) -> bool:
    """Where the label leaves no doubt any word will do that is no state."""
    return assigned(value) and bool(re.search(r"[A-Za-z]|\d{4}", value)) and not _STATES.fullmatch(value)


def phrase(value: str) -> bool:
    """One or more words after `name = `, the first of them no state and no code."""
    first = value.split(maxsplit=1)[0].rstrip(".,;:!?")
    return assigned(first) and not _STATES.fullmatch(first)


def uncommon(value: str) -> bool:
    """As long as keys are and as mixed; not the path of one."""
    return letters_and_digits(value) and not re.match(r"/[a-z]+/|\d{4}-\d\d-|0x", value) and len(set(value)) >= 10


def resident(value: str) -> bool:
    """A date of birth and a digit of sex and century, in digits of any width."""
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", value))
    return bool(re.fullmatch(r"\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[1-8]\d{6}", digits))


def dialed(value: str) -> bool:
    """As many digits as telephone numbers have (E.164), and no date."""
    return 9 <= len(re.sub(r"\D", "", value)) <= 15 and not re.match(r"\d{4}-\d\d-\d\d|\d{1,3}(?:\.\d{1,3}){3}$", value)
