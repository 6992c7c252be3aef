"""Weak values that their label gives away: `DB_PASS=hello1`, `암호는 abcd1234`, `Password for admin: …`, `phone=…`."""

from app.pipeline.kinds.judges import chosen, dialed, named, phrase, present, resident, uncommon
from app.pipeline.kinds.rule import PLACEHOLDER, QUOTE, Rule, spelled

_WORD = r"password|passwd|passphrase|passcode|pwd"
_KOREAN = spelled("비밀번호|비번|암호|패스워드")
_PARTICLE = spelled("(?:는|은|가|이|를|을)")
#: A colon as Korean and Chinese keyboards write it.
_COLON = r"(?:[:=]|\xef\xbc\x9a)"
#: Who has a `PASS` or a `PW` of their own, so that any word is one.
_OWNER = (
    r"db|database|smtp|mail|email|imap|mysql|mariadb|pg|postgres|sql|redis|mongo|rabbit(?:mq)?|ftp|sftp|ssh|ldap|user|admin"
    r"|root|login|proxy|vpn|wifi|basic|auth|http|api|app|bind|keystore|truststore"
)
_BARE = r"[^\s\"',;&|<>()\[\]{}]"
#: `--pass=…`, but not `first-pass=…`.
_BEFORE = r"(?:(?<![A-Za-z-])|(?<=--))"
_KEY = r"(?:secret|access|private|api|account|encryption|signing|secret access)[ \t]key"
_AFTER_KEY = rf"{QUOTE}?[ \t]{{0,3}}(?:{_COLON}|\bis\b|[ \t])[ \t]{{0,3}}{QUOTE}?"
_RANDOM = r"[A-Za-z0-9/+_-]"
#: A digit, also as wide as a Korean letter; a dash of any length.
_DIGIT = r"(?:\d|\xef\xbc[\x90-\x99])"
_DASH = r"(?:-|\xe2\x80[\x90-\x95]|\xe2\x88\x92|\xef\xbc\x8d)"
_RESIDENT = r"rrn|jumin(?:_?(?:no|number))?|resident(?:_?registration)?_?(?:no|number)|" + spelled(
    "주민(?:등록)?번호|주민 번호|주민등록 번호"
)
#: In groups whose words begin with different bytes: re2 takes a common one out, and half a letter is no word to it.
_PHONES = (
    r"(?:mobile|cell|tele|tel|phone)(?:[_-]?phone)?(?:[_-]?(?:no|num|number))?",
    spelled("(?:휴대폰|전화)(?:번호)?"),
    spelled("(?:핸드폰|연락처)(?:번호)?"),
)
_AFTER = rf"{_PARTICLE}?{QUOTE}?[ \t]{{0,2}}(?:{_COLON}|[ \t(])[ \t]{{0,2}}{QUOTE}?"


def _phone(label: str) -> Rule:
    return Rule(
        kind="PHONE",
        trigger=rf"(?i:{label}{QUOTE}?[ \t]{{0,2}}{_COLON}[ \t]{{0,2}}{QUOTE}?\+?\(?\d[\d ().-]{{7}})",
        pattern=(
            rf"(?i)(?<![a-z]){label}{QUOTE}?[ \t]{{0,2}}{_COLON}[ \t]{{0,2}}{QUOTE}?"
            r"(?P<value>\+?\(?\d[\d ().-]{7,17}\d)(?![\w:]|[.-]\w)"
        ),
        accept=dialed,
    )


LABELS: tuple[Rule, ...] = (
    Rule(
        # an owner's `PASS` or `PW`: whatever was assigned
        kind="SECRET",
        trigger=rf"(?i:(?:{_OWNER})[_.-]?(?:pass|pw){QUOTE}?(?:=|:[ \t]{{1,3}})[^\s=])",
        pattern=(
            rf"(?i)(?:{_OWNER})[_.-]?(?:pass|pw){QUOTE}?(?:=[\"']?{PLACEHOLDER}(?P<value>{_BARE}{{3,}})"
            rf"|:[ \t]{{1,3}}[\"']?{PLACEHOLDER}(?P<spaced>{_BARE}{{3,}})[\"']?[ \t]*$)"
        ),
        accept=named,
    ),
    Rule(
        # `pass` and `pw` are words of their own, and `PASS: …` is what tests say
        kind="SECRET",
        trigger=r"(?i:pass|pw)[\"']?[ \t]*[:=][ \t]*[\"']?[^\s:=\"']{5}",
        pattern=(
            rf"(?:(?:{_BEFORE}(?:[Pp]ass|[Pp]w|PW)|(?<=_)PASS|(?<=[a-z])P(?:ass|w)|(?<=db)pass|(?<=user)pass|(?<=smtp)pass"
            rf"|(?<=mysql)pass)[\"']?[ \t]*[:=][ \t]*|{_BEFORE}PASS[\"']?=)[\"']?{PLACEHOLDER}(?P<value>{_BARE}{{5,}})"
        ),
        accept=chosen,
    ),
    Rule(
        # `the password is hunter2`, `암호는 abcd1234`
        kind="SECRET",
        trigger=(
            rf"(?i:(?:{_WORD}|\bpw)(?:[ \t][^\n:=]{{0,40}})?[ \t](?:is|was|->|set to|changed to)[ \t]*:?[ \t]+\S)"
            rf"|(?:{_KOREAN}){_PARTICLE}?[ \t]*(?:[ \t]|\xef\xbc\x9a)"
        ),
        pattern=(
            rf"(?i)(?:(?:{_WORD}|\bpw)(?:[ \t][^\n:=]{{0,40}}?)?[ \t](?:is|was|->|set to|changed to)[ \t]*:?[ \t]+"
            rf"|(?:{_KOREAN}){_PARTICLE}?(?:[ \t]{{1,3}}|[ \t]*\xef\xbc\x9a[ \t]*))[\"']?"
            rf"{PLACEHOLDER}(?P<value>[!#-&(-~]{{5,}}?)(?=[\"'.,;]*(?:\s|$|[\x80-\xff]))"
        ),
        accept=chosen,
    ),
    Rule(
        # `password = two words` to the end of the line; the first of them where something else follows
        kind="SECRET",
        trigger=rf"(?i:(?:{_WORD}|{_KOREAN})[ \t]*:?=[ \t]+[A-Za-z0-9]\S*[ \t])",
        pattern=(
            rf"(?i)(?:{_WORD}|{_KOREAN})[ \t]*:?=[ \t]+{PLACEHOLDER}"
            rf"(?:(?P<value>[A-Za-z0-9]{_BARE}{{2,}}(?:[ \t]+(?!=)[^\s=:<>()\[\]{{}}\"']+){{1,5}})[ \t]*$"
            rf"|(?P<spaced>[A-Za-z0-9]{_BARE}{{2,}})(?=[ \t]))"
        ),
        accept=phrase,
    ),
    Rule(
        kind="SECRET",
        trigger=rf"(?i:(?:{_WORD}|{_KOREAN})[ \t](?:for|of)[ \t][^:=\n]{{1,64}}(?:://[^:=\n]{{1,64}})?[:=][ \t]*\S)",
        pattern=(
            rf"(?i)(?:{_WORD}|{_KOREAN})[ \t](?:for|of)[ \t](?:(?:the|user|account)[ \t]){{0,2}}[^\s:=]{{1,64}}"
            rf"(?:://[^\s:=]{{1,64}})?[ \t]?[:=][ \t]*[\"']?{PLACEHOLDER}"
            r"(?:(?P<value>[^\s\"']{4,})[\"']?[ \t]*$|(?P<spaced>[^\s\"']{5,}))"
        ),
        accept=named,
        judges={"spaced": chosen},
    ),
    Rule(
        # `secret key = …`, `AWS_SECRET_ACCESS_KEY …`
        kind="SECRET",
        trigger=rf"(?i:(?:{_KEY}|secret_access_key){_AFTER_KEY}{_RANDOM}{{16}})",
        pattern=(
            rf"(?i)(?:{_KEY}|secret_access_key){_AFTER_KEY}"
            rf"{PLACEHOLDER}(?P<value>{_RANDOM}{{16,}}={{0,2}})(?![\w/+])"
        ),
        accept=uncommon,
    ),
    Rule(
        # right beside an access key's id, which is hidden by now
        kind="SECRET",
        trigger=r"<AWS_KEY_\d{1,9}>[\s\"'/:,;|]{1,6}[A-Za-z0-9/+]{40}",
        pattern=r"<AWS_KEY_\d{1,9}>[\s\"'/:,;|]{1,6}(?P<value>[A-Za-z0-9/+]{40})(?![\w/+])",
        accept=uncommon,
    ),
    Rule(
        kind="SECRET",
        trigger=r"(?i:redis(?:cli)?_auth=\S)",
        pattern=rf"(?i)redis(?:cli)?_auth=[\"']?{PLACEHOLDER}(?P<value>[^\s\"']+)",
        accept=present,
    ),
    Rule(
        kind="URL_PASSWORD",
        trigger=r"(?i:jdbc:oracle:\w+:[^\s/@:]+/[^\s@]+@)",
        pattern=rf"(?i)jdbc:oracle:\w+:[^\s/@:]+/{PLACEHOLDER}(?P<value>[^\s'\"<>]+)@",
    ),
    Rule(
        # without its dash, with another one or with other digits: only beside its name
        kind="RRN",
        trigger=rf"(?i:(?:{_RESIDENT}){_AFTER}{_DIGIT}{{6}}[ \t]?{_DASH}?[ \t]?{_DIGIT}{{7}})",
        pattern=rf"(?i)(?:{_RESIDENT}){_AFTER}(?P<value>{_DIGIT}{{6}}[ \t]?{_DASH}?[ \t]?{_DIGIT}{{7}})(?!\w)",
        accept=resident,
    ),
    *(_phone(label) for label in _PHONES),
)
