"""Secrets that people and programs name in passing: `the password is …`, `AUTH …`, `auth=('bob', '…')`."""

from app.pipeline.kinds.judges import invented, mixed, present
from app.pipeline.kinds.rule import PLACEHOLDER, Rule, spelled

_SAID = (
    r"password|passwd|passphrase|passcode|requirepass|masterauth|api[_ -]?key|secret(?:[_ -]?access)?[_ -]key|token|"
    + spelled("비밀번호|비번|암호|패스워드")
)
_PARTICLE = spelled("(?:는|은|가|이|를|을)?")
_CODE = r"otp|verification|security|auth(?:entication)?|2fa|mfa"
_ACCOUNT = spelled("계좌(?:번호)?")
_PASSPORT = r"passport[_ ]?(?:no|num(?:ber)?)?|" + spelled("여권(?:번호)?")
_TO = r"(?:\"|')?[ \t]{0,2}[:= ][ \t]{0,2}(?:\"|')?"

PROSE: tuple[Rule, ...] = (
    Rule(
        # `password for user 'app' is …`, `비밀번호는 …`
        kind="SECRET",
        trigger=rf"(?i:(?:{_SAID}){_PARTICLE}(?:[ \t][^\n:=]{{0,40}})?[ \t](?:is|->|set to|changed to)[ \t]+\S)",
        pattern=(
            rf"(?i)(?:{_SAID}){_PARTICLE}(?:[ \t][^\n:=]{{0,40}}?)?[ \t](?:is|->|set to|changed to)[ \t]+[\"']?"
            rf"{PLACEHOLDER}(?P<value>[^\s\"']{{6,}})"
        ),
        accept=invented,
    ),
    Rule(
        # `requirepass …`, `apikey …`: a name, a blank, and what is no word
        kind="SECRET",
        trigger=rf"(?i:(?:{_SAID}){_PARTICLE}[ \t]{{1,4}}[^\s\"'=:]{{8}})|\bAUTH \S{{8}}",
        pattern=rf"(?i)(?:(?:{_SAID}){_PARTICLE}[ \t]{{1,4}}|AUTH ){PLACEHOLDER}(?P<value>[^\s\"'=:,;()]{{8,}})",
        accept=mixed,
    ),
    Rule(
        # a pair of user and password, and what SQL and code call
        kind="SECRET",
        trigger=r"(?i:(?:auth|credentials?)[\"']?[ \t]*[:=][ \t]*\([\"'][^\"'\n]*[\"'],)|(?i:password)\([\"'][^\"'\n]",
        pattern=(
            r"(?i)(?:(?:auth|credentials?)[\"']?[ \t]*[:=][ \t]*\([\"'][^\"'\n]*[\"'],[ \t]*|password\()[\"']"
            rf"{PLACEHOLDER}(?P<value>[^\"'\n]{{4,}})[\"']"
        ),
        accept=present,
    ),
    Rule(
        kind="SECRET",
        trigger=(
            r"\becho \S+ ?\| ?(?:docker|podman|helm|nerdctl)\b|\bsqlplus [^\s/]+/[^\s@]"
            r"|(?i:\b_auth[ \t]*=[ \t]*\S{8})"
        ),
        pattern=(
            rf"echo [\"']?{PLACEHOLDER}(?P<value>[^\s\"'|]+)[\"']? ?\| ?(?:docker|podman|helm|nerdctl) "
            rf"|sqlplus [^\s/]+/{PLACEHOLDER}(?P<double>[^\s@/]+)"
            rf"|(?i:_auth)[ \t]*=[ \t]*{PLACEHOLDER}(?P<single>\S{{8,}})"
        ),
        accept=present,
    ),
    Rule(
        # the code of a second factor
        kind="SECRET",
        trigger=rf"(?i:\b(?:{_CODE}) code(?: is|:|=)? ?\d{{4}})",
        pattern=rf"(?i)\b(?:{_CODE}) code(?: is|:|=)? ?(?P<value>\d{{4,8}})(?!\d)",
    ),
    Rule(
        kind="COOKIE",
        trigger=r"(?i:cookies[\"']?[ \t]*[:=][ \t]*\{[^{}\n]{8})",
        pattern=rf"(?i)cookies[\"']?[ \t]*[:=][ \t]*\{{{PLACEHOLDER}(?P<value>[^{{}}\n<]{{8,}})",
    ),
    Rule(
        kind="BANK_ACCOUNT",
        trigger=rf"(?:{_ACCOUNT}){_TO}\d[\d-]{{8}}",
        pattern=rf"(?:{_ACCOUNT}){_TO}(?P<value>\d[\d-]{{8,18}}\d)(?![\w-])",
    ),
    Rule(
        kind="PASSPORT",
        trigger=rf"(?i:(?:{_PASSPORT}){_TO}[A-Z]{{1,2}}\d)",
        pattern=rf"(?i)(?:{_PASSPORT}){_TO}(?P<value>[A-Z]{{1,2}}\d{{3}}[A-Z0-9]\d{{3,4}})(?!\w)",
    ),
)
