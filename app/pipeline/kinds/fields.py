"""Secrets known by the name of the field that holds them: `password = …`, `"token": "…"`, `<secret>…</secret>`."""

from app.pipeline.kinds.judges import assigned, configured, likely, present
from app.pipeline.kinds.rule import COLOR, PLACEHOLDER, QUOTE, Rule, spelled

#: Names of fields that hold secrets; what precedes them in the same word does not matter: `DB_PASSWORD`, `accessToken`.
NAME = (
    r"pass(?:word|wd|phrase|code)(?:[_-]?(?:confirm(?:ation)?|again|repeat(?:ed)?|retyped?|plain(?:text)?))?"
    r"|pwd|pswd|secret[_.-]key[_.-]base|secret(?:[_.-]?access)?(?:[_.-]?key)?|api[_. -]?key"
    r"|access[_.-]?key(?![_.-]?id)|private[_.-]?key|signing[_.-]?key|shared[_.-]?key|master[_.-]?key|auth[_.-]?key"
    r"|encryption[_.-]?key|account[_.-]?key|license[_.-]?key|hmac[_.-]?key|app(?:lication)?[_.-]?key|credentials?"
    r"|(?:auth|access|refresh|id|session|bearer|csrf"
    r"|xsrf|api|bot|deploy|personal|security|x-auth)?[_.-]?token"
    r"|session[_.-]?key|jsessionid|phpsessid|client[_.-]?secret|otp|cvv2?|cvc2?|"
    + spelled("비밀번호|비번|암호|패스워드|인증번호|인증키")
)
#: The same for re2, which cannot look ahead.
NAME_SEEN = NAME.replace("(?![_.-]?id)", "")
#: A value without quotes. What separates fields belongs to it where no field follows: `password=a,b;c`.
_END = r"""\s"'\\,;&|<>()\[\]{}"""
_BARE = (
    rf"""[^{_END}](?:[^\s"'\\,;&|<>)\]}}]|[,;&|](?=[^{_END}])(?![\w.-]{{1,40}}["']?[=:])"""
    r"""|\\(?=[A-Za-z0-9$@!%*?])(?![nrtuxbf]))*"""
)
#: Between a name and its value. In the first form `:` needs no blank behind it.
_ASSIGNS = r"(?:=>|:=|=|:|%3[DdAa]|\\{1,4}u003[dD])"
_EQUALS = r"(?:=>|:=|=|%3[Dd]|\\{1,4}u003[dD])"
_AROUND = rf"(?:{COLOR}|{QUOTE}){{0,3}}\]?"
#: Blanks, as they are and as JSON and UTF-8 write them.
_GAP = r"(?:[ \t]|\\[nrt]|\xc2\xa0)"
#: Those that people write in prose, too: `password: letmein` at the end of a line.
_SAID = r"password|passwd|passphrase|pwd|secret|" + spelled("비밀번호|비번|암호|패스워드")
#: A literal in SQL, before the one that is looked for.
_LITERAL = r"(?:\s*[NE]?'(?:[^'\\\n]|\\.|'')*'\s*|[^,'()\n]*(?:\([^,'()\n]*\))?\s*)"


def _inserted(place: int, group: str) -> str:
    """`INSERT INTO t (a, password) VALUES (1, '…')`, the secret in that place (0-based)."""
    return (
        rf"(?:[^,()\n]*,){{{place}}}[\s`\"]*[\w.]*?(?:{NAME})\d{{0,3}}[\s`\"]*(?:,[^()\n]*)?\)\s*VALUES\s*\("
        rf"(?:{_LITERAL},){{{place}}}\s*[NE]?'{PLACEHOLDER}(?P<{group}>(?:[^'\\\n]|\\.|'')+)'"
    )


FIELDS: tuple[Rule, ...] = (
    Rule(
        # in shell and environment files the value is the rest of the line
        kind="SECRET",
        trigger=rf"(?m:^(?:export |ENV |set |-e |- )?(?i:[A-Z0-9_]*(?:{NAME_SEEN}))\d{{0,3}}=[^\s\"'])",
        pattern=(
            rf"(?i)(?:export |ENV |set |-e |- )?[A-Z0-9_]*(?:{NAME})\d{{0,3}}="
            rf"{PLACEHOLDER}(?P<value>[^\s\"'<$(\[{{][^\s\"']*)[ \t]*$"
        ),
        accept=assigned,
    ),
    Rule(
        kind="SECRET",
        trigger=rf"(?i:(?:{NAME_SEEN})\d{{0,3}}{_AROUND}{_GAP}*{_ASSIGNS}[ \t]*[^\s=:])",
        pattern=(
            rf"""(?ix)(?:{NAME})\d{{0,3}}(?:
                  {_AROUND}{_GAP}*{_ASSIGNS}{_GAP}*{COLOR}{{0,2}}\[?(?:
                      \\{{1,7}}" {PLACEHOLDER}(?P<escaped>[^"\\\n]+)
                    | "  {PLACEHOLDER}(?P<double>(?:[^"\\\n]|\\.|""(?=[\w!@$%*?-]))+)
                    | '  {PLACEHOLDER}(?P<single>(?:[^'\\\n]|\\.|''(?=[\w!@$%*?-]))+)
                    | (?:&quot;|&[#]3[49];|%2[27]|\\{{1,4}}u002[27]) {PLACEHOLDER}
                      (?P<coded>[^"'\s&\\%]+(?:[&\\%](?!quot;|[#]3|2[27]|u00|\\)[^"'\s&\\%]*)*)
                  )
                | {_AROUND}{_GAP}*{_EQUALS}\[?{COLOR}{{0,2}}(?:
                      {PLACEHOLDER}(?P<value>{_BARE})
                    | {_GAP}+{COLOR}{{0,2}}{PLACEHOLDER}(?P<spaced>{_BARE})
                  )
                | (?::|%3[Aa]){COLOR}{{0,2}}{PLACEHOLDER}(?P<tight>(?!:){_BARE})
                | (?:{COLOR}|{QUOTE}){{0,2}}{_GAP}*:{COLOR}{{0,2}}{_GAP}+{COLOR}{{0,2}}{PLACEHOLDER}(?P<prose>{_BARE})
            )"""
        ),
        accept=present,
        judges={"spaced": configured, "tight": likely, "prose": likely},
    ),
    Rule(
        # at the end of a line, or before a comment, a word will do
        kind="SECRET",
        trigger=rf"(?i:(?:{_SAID})\d{{0,3}}[ \t]*[:=][ \t]+[^\s\"'<]+[ \t]*(?:[ \t][#;].*)?(?:\n|$))",
        pattern=(
            rf"(?i)(?:{_SAID})\d{{0,3}}[ \t]*(?::[ \t]+{PLACEHOLDER}(?P<value>[^\s\"'<]{{3,}})"
            rf"|=[ \t]+{PLACEHOLDER}(?P<spaced>[^\s\"'<]{{3,}}))[ \t]*(?:[ \t][#;].*)?$"
        ),
        accept=present,
        judges={"spaced": assigned},
    ),
    Rule(
        # an element: <password>…</password>
        kind="SECRET",
        trigger=rf"(?i:<[\w:.-]*(?:{NAME_SEEN})\d{{0,3}}(?:[ \t][^<>\n]*)?>[ \t]*[^<\s])",
        pattern=(
            rf"(?i)<[\w:.-]*(?:{NAME})\d{{0,3}}(?:[ \t][^<>\n]*)?>[ \t]*"
            rf"{PLACEHOLDER}(?P<value>[^<>\s](?:[^<>\n]*[^<>\s])?)[ \t]*</[\w:.-]*(?:{NAME})"
        ),
        accept=present,
    ),
    Rule(
        # name and value apart: {"name": "DB_PASSWORD", "value": "…"}, <name>secret.key</name><value>…</value>
        kind="SECRET",
        trigger=(
            rf"(?i:\b(?:name|key)[^\w\n]{{1,6}}[\w.:-]*(?:{NAME_SEEN})\\?[\"'<][^\w\n]{{0,3}}(?:name>)?[^\w\n]{{0,6}}"
            r"value[^\w\n])"
        ),
        pattern=(
            rf"(?i)\b(?:name|key)[^\w\n]{{1,6}}[\w.:-]*?(?:{NAME})\\?[\"'<][^\w\n]{{0,3}}(?:name>)?"
            rf"[^\w\n]{{0,6}}value\\?[\"']?[ \t]{{0,2}}[=:>][ \t]{{0,2}}\\?[\"']?"
            rf"{PLACEHOLDER}(?P<value>[^\s\"'<>\\,}}][^\"'<>\\\n]*)"
        ),
        accept=present,
    ),
    Rule(
        # pairs: ('password', '…'), PASSWORD '…'
        kind="SECRET",
        trigger=rf"(?i:(?:{NAME_SEEN})\d{{0,3}}(?:{QUOTE},)?[ \t]{{1,3}}{QUOTE}[^\s\"'])",
        pattern=(
            rf"(?i)(?:{NAME})\d{{0,3}}(?:{QUOTE},[ \t]{{0,3}}{QUOTE}{PLACEHOLDER}(?P<tight>[^\"'\\\n]+)"
            rf"|[ \t]{{1,3}}'{PLACEHOLDER}(?P<single>[^'\\\n]+)')"
        ),
        accept=present,
        judges={"tight": likely, "single": likely},
    ),
    Rule(
        # INSERT INTO users (email, password) VALUES ('…', '…')
        kind="SECRET",
        trigger=rf"(?i:insert\s+into\s+\S+?\s*\([^()\n]*(?:{NAME_SEEN})[^()\n]*\)\s*values\s*\()",
        pattern=(
            r"(?i)insert\s+into\s+\S+?\s*\((?:"
            + "|".join(
                _inserted(place, group)
                for place, group in enumerate(("value", "double", "single", "escaped", "spaced", "tight", "prose"))
            )
            + ")"
        ),
        accept=present,
    ),
)
