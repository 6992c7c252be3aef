"""Secrets known by the name of the field that holds them: `password = …`, `"token": "…"`, `<secret>…</secret>`."""

from app.pipeline.kinds.judges import assigned, configured, likely, present
from app.pipeline.kinds.rule import PLACEHOLDER, Rule, spelled

#: Names of fields that hold secrets; what precedes them in the same word does not matter: `DB_PASSWORD`, `accessToken`.
_NAME = (
    r"pass(?:word|wd|phrase|code)|pwd|secret(?:[_.-]?access)?(?:[_.-]?key)?|api[_. -]?key"
    r"|access[_.-]?key(?![_.-]?id)|private[_.-]?key|signing[_.-]?key"
    r"|encryption[_.-]?key|account[_.-]?key|credentials?|(?:auth|access|refresh|id|session|bearer|csrf"
    r"|xsrf|api|bot|deploy|personal|security|x-auth)?[_.-]?token"
    r"|session[_.-]?key|jsessionid|phpsessid|client[_.-]?secret|otp|" + spelled("비밀번호|암호")
)
#: The same for re2, which cannot look ahead.
_NAME_SEEN = _NAME.replace("(?![_.-]?id)", "")
#: A value without quotes.
_BARE = r"""[^\s"'\\,;&|<>()\[\]{}][^\s"'\\,;&|<>)\]}]*"""
#: Those that people write in prose, too: `password: letmein` at the end of a line.
_SAID = r"password|passwd|passphrase|pwd|secret|" + spelled("비밀번호|암호")

FIELDS: tuple[Rule, ...] = (
    Rule(
        kind="SECRET",
        trigger=rf"(?i:(?:{_NAME_SEEN})\d{{0,3}}[\"'\\]{{0,3}}[ \t]*(?:=>|:=|=|:)[ \t]*[^\s=:])",
        pattern=(
            rf"""(?ix)(?:{_NAME})\d{{0,3}}(?:
                  (?:\\?["'])?[ \t]*(?:=>|:=|=|:)[ \t]*(?:
                      \\" {PLACEHOLDER}(?P<escaped>[^"\\\n]+)
                    | "  {PLACEHOLDER}(?P<double>(?:[^"\\\n]|\\.)+)
                    | '  {PLACEHOLDER}(?P<single>(?:[^'\\\n]|\\.)+)
                  )
                | (?:\\?["'])?[ \t]*(?:=>|:=|=)(?:
                      {PLACEHOLDER}(?P<value>{_BARE})
                    | [ \t]+{PLACEHOLDER}(?P<spaced>{_BARE})
                  )
                | :{PLACEHOLDER}(?P<tight>(?!:){_BARE})
                | [ \t]*:[ \t]+{PLACEHOLDER}(?P<prose>{_BARE})
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
        trigger=rf"(?i:<[\w:.-]*(?:{_NAME_SEEN})\d{{0,3}}(?:[ \t][^<>\n]*)?>[ \t]*[^<\s])",
        pattern=(
            rf"(?i)<[\w:.-]*(?:{_NAME})\d{{0,3}}(?:[ \t][^<>\n]*)?>[ \t]*"
            rf"{PLACEHOLDER}(?P<value>[^<>\s](?:[^<>\n]*[^<>\s])?)[ \t]*</[\w:.-]*(?:{_NAME})"
        ),
        accept=present,
    ),
    Rule(
        # name and value apart: {"name": "DB_PASSWORD", "value": "…"}, <name>secret.key</name><value>…</value>
        kind="SECRET",
        trigger=(
            rf"(?i:\b(?:name|key)[^\w\n]{{1,6}}[\w.:-]*(?:{_NAME_SEEN})\\?[\"'<][^\w\n]{{0,3}}(?:name>)?[^\w\n]{{0,6}}"
            r"value[^\w\n])"
        ),
        pattern=(
            rf"(?i)\b(?:name|key)[^\w\n]{{1,6}}[\w.:-]*?(?:{_NAME})\\?[\"'<][^\w\n]{{0,3}}(?:name>)?"
            rf"[^\w\n]{{0,6}}value\\?[\"']?[ \t]{{0,2}}[=:>][ \t]{{0,2}}\\?[\"']?"
            rf"{PLACEHOLDER}(?P<value>[^\s\"'<>\\,}}][^\"'<>\\\n]*)"
        ),
        accept=present,
    ),
)
