"""Secrets on command lines: options that are named so, and the short ones of well-known programs."""

from app.pipeline.kinds.judges import present
from app.pipeline.kinds.rule import PLACEHOLDER, Rule

_OPTION = r"(?:password|passwd|token|secret|api-key|access-key)"
#: A program -> what precedes its secret, somewhere behind the name of the program.
_SHORT: tuple[tuple[str, str], ...] = (
    (r"(?:mysql|mariadb)(?:-?(?:dump|admin|import|check|binlog|show|slap|sh))?", r"-p"),
    (r"mongo(?:sh|dump|restore|export|import)?", r"-p {0,2}"),
    (r"sshpass", r"-p {0,2}"),
    (r"redis-cli", r"-a {1,2}"),
    (r"(?:docker|podman|helm|az) (?:registry )?login", r"-p {1,2}"),
    (r"ldap(?:search|modify|add|delete|whoami|passwd)", r"-w {1,2}"),
    (r"sqlcmd", r"-P {0,2}"),
    (r"curl", r"(?:-u|-U|--user|--proxy-user)[ =]{0,2}['\"]?[^\s:'\"]{1,64}:"),
    (r"(?:smbclient|smbget|rpcclient|net)", r"(?:-U|--user)[ =]{0,2}['\"]?[^\s%'\"]{1,64}%"),
    (r"openssl", r"-pass(?:in|out)? {1,2}pass:"),
)


def _short(program: str, before: str) -> Rule:
    return Rule(
        kind="SECRET",
        trigger=rf"\b{program} (?:.*? )??{before}['\"]?[^\s'\"=-]",
        pattern=(
            rf"(?<![\w.-]){program} (?:[^\n]*? )??{before}"
            rf"(?:(?P<mark>['\"]){PLACEHOLDER}(?P<double>[^'\"\n]+)|{PLACEHOLDER}(?P<value>[^\s'\"=-][^\s'\"]*))"
        ),
        accept=present,
    )


COMMANDS: tuple[Rule, ...] = (
    Rule(
        kind="SECRET",
        trigger=rf"(?i:--?(?:[\w-]*-)?{_OPTION} {{1,2}}['\"]?[^\s-])|(?i:identified by ['\"])",
        pattern=(
            rf"(?i)(?<![\w-])--?(?:[\w-]*-)?{_OPTION} {{1,2}}['\"]?"
            rf"{PLACEHOLDER}(?P<value>[^\s'\"=:\\-][^\s'\"]*)|identified by ['\"]{PLACEHOLDER}(?P<single>[^'\"\n]+)"
        ),
        accept=present,
    ),
    Rule(
        # .netrc, and .pgpass: host:port:database:user:password
        kind="SECRET",
        trigger=r"\blogin \S+ password \S|(?m:^[\w.*-]+:(?:\d{4,5}|\*):[\w*-]+:[\w*-]+:\S)",
        pattern=(
            rf"login \S+ password {PLACEHOLDER}(?P<value>\S+)"
            rf"|[\w.*-]+:(?:\d{{4,5}}|\*):[\w*-]+:[\w*-]+:{PLACEHOLDER}(?P<double>\S+)$"
        ),
        accept=present,
    ),
    Rule(
        kind="SECRET",
        trigger=r"(?i:convertto-securestring (?:-string )?[\"'])",
        pattern=rf"(?i)convertto-securestring (?:-string )?[\"']{PLACEHOLDER}(?P<value>[^\"'\n]+)",
        accept=present,
    ),
    *(_short(program, before) for program, before in _SHORT),
)
