"""Text of models and logs made harmless for what shows it: terminals, CI runners, Markdown, JSON."""

import json
import re

_NEWLINE = re.compile("\r\n|[\r\u0085\u2028\u2029]")
#: Escape sequences of terminals: CSI, OSC and other strings with their content, two-character ones.
_TERMINAL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
#: Characters that move the cursor, turn the reading direction around, or are not seen at all (without width, tags,
#: variations: text for models hides in them), and halves of surrogate pairs.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e01ef]"
)
#: What CI runners take for a command: `::name::` at the start of a line, blanks before it or none (GitHub); `##[name]`
#: anywhere in a line (GitHub's first form, also `##[error]`), `##vso[` (Azure), `##teamcity[`.
_RUNNER_START = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
_RUNNER_ANYWHERE = re.compile(r"#(?=#\w*\[)")
#: What acts on a terminal and JSON leaves as it is.
_JSON_ACTIVE = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
#: What GitHub makes a link or a ping of without any mark: mentions; issues (`#1`, `GH-1`, `user/repo#1`); advisories;
#: commits (40 hexadecimal digits; fewer, from 7 on, are taken for one when letters and digits are among them). Letters
#: of other scripts may stand around them. From GitHub's "Autolinked references and URLs".
_REFERENCE = (
    r"(?<![A-Za-z0-9_])@[A-Za-z0-9][A-Za-z0-9_/-]*"
    r"|(?:(?<![A-Za-z0-9_])[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.-]+)?)?#\d+"
    r"|(?<![A-Za-z0-9_])[Gg][Hh]-\d+"
    r"|(?<![A-Za-z0-9_])(?:GHSA|CVE)-[A-Za-z0-9-]+"
    r"|(?<![A-Za-z0-9])(?:[0-9a-fA-F]{40}|(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{7,39})(?![A-Za-z0-9])"
)
#: Spans that stay readable, and harmless, as code: code, placeholders, addresses (no link), references (no ping).
_CODE = re.compile(
    r"`[^`\n]+`|<[^<>`\s]+>|(?:\b\w+://|\bwww\.|\b(?:mailto|xmpp|data|javascript):)[^\s`<>()\[\]]+"
    rf"|[\w.+-]+@[A-Za-z0-9][\w.-]*\.\w+|{_REFERENCE}"
)
#: Code, backticks that begin none, references: of a text that is no Markdown yet.
_REFERENCES = re.compile(rf"(`[^`\n]+`)|(`+)|{_REFERENCE}")
_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
_SARIF_LINK = re.compile(r"\]\s?\(")
_LIST_ITEM = re.compile(r"(\s{0,3}(?:[-*+]|\d{1,3}[.)])\s+)(.*)")
_BLOCK_START = re.compile(r"^\s{0,3}([#>=+-])")


def printable(text: str) -> str:
    """Without escape sequences, control characters and turns of the reading direction; tabs become spaces."""
    return _CONTROL.sub("", _TERMINAL.sub("", _NEWLINE.sub("\n", text))).replace("\t", "    ")


def one_line(text: str) -> str:
    """Printable, and on one line."""
    return " ".join(printable(text).split("\n")).strip()


def list_marker(line: str) -> str:
    """`1. ` or `- ` at the start of a line, with its indentation; empty without one."""
    item = _LIST_ITEM.fullmatch(line)
    return item[1] if item else ""


def inert(text: str) -> str:
    """No line is a command to the CI runner in whose log it ends up; a blank in the middle of the mark breaks it."""
    return _RUNNER_ANYWHERE.sub("# ", _RUNNER_START.sub(r"\1: ", text))


def inert_json(text: str) -> str:
    """JSON of the same value, in which nothing acts on a terminal or a runner: such marks stand in strings only, and
    there each character can be written by its number. That no line begins with `::` is JSON's own doing.
    """
    spelled = _RUNNER_ANYWHERE.sub(r"\\u0023", text)
    return _JSON_ACTIVE.sub(lambda match: json.dumps(match[0])[1:-1], spelled)


def markdown_block(lines: tuple[str, ...]) -> str:
    """Paragraphs and list items stay what they are; nothing else starts a block."""
    out = []
    for line in lines:
        marker = list_marker(line)
        text = line.removeprefix(marker).strip()
        # a hard break keeps the lines of a paragraph apart
        end = "" if marker or not text else "  "
        out.append(marker + _BLOCK_START.sub(r"\\\1", markdown_inline(text)) + end)
    return inert("\n".join(out).rstrip())


def markdown_inline(text: str) -> str:
    """Escaped, except that code spans and what must not become active stand as code."""
    out, end = [], 0
    for span in _CODE.finditer(text):
        out += [_escape(text[end : span.start()]), f"`{span[0].strip('`')}`"]
        end = span.end()
    return inert("".join([*out, _escape(text[end:])]))


def command_data(text: str) -> str:
    """The message of a GitHub workflow command."""
    return inert(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """A property of a GitHub workflow command."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def sarif_text(text: str) -> str:
    """As `sarif_markdown`, of plain text: GitHub shows it in comments, so references stand as code there, too."""
    return sarif_markdown(_REFERENCES.sub(_as_code, printable(text)))


def sarif_markdown(text: str) -> str:
    """A message of SARIF: no placeholder (its braces are doubled, section 3.11.5), no embedded link (3.11.6)."""
    plain = inert(printable(text)).replace("{", "{{").replace("}", "}}")
    return _SARIF_LINK.sub("] (", plain)


def _as_code(match: re.Match[str]) -> str:
    """A backtick on its own would be the other end of ours."""
    code, stray = match.groups()
    return code or (f"`{match[0]}`" if stray is None else "'" * len(stray))


def _escape(text: str) -> str:
    escaped = _MARKDOWN.sub(lambda match: "\\" + match[0], text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
