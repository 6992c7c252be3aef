"""Is it one? Judges of what a pattern took for a secret: words, paths and blanks are none."""

import base64
import re

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
