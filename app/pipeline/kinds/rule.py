"""What a kind of secret is: two patterns and a judge.

`trigger` (re2) only finds lines worth a closer look, all rules at once and at memory speed. `pattern` (re) is then
matched where the trigger matched: the value is its first named group, or all of it. Both see UTF-8 bytes, each as one
Latin-1 character, so that offsets agree; words that are not ASCII go through `spelled`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: A value that is hidden already must not be hidden again.
PLACEHOLDER = r"(?!<[A-Z][A-Z0-9_]{1,30}_\d{1,9}>)"
#: Where a token may begin: not inside of a word. What an escape ends with (`\n`, `%3D`, `\u003d`, a color) is no word.
START = (
    r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9A-Fa-f]{2})"
    r"|(?<=[\[;]\dm)|(?<=[\[;]\d\dm))"
)
#: Where a number may begin: not inside of a longer number, a word or a path.
EDGE = (
    r"(?:(?<![\w./-])(?<!\d:)|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9A-Fa-f]{2})"
    r"|(?<=[\[;]\dm)|(?<=[\[;]\d\dm))"
)
#: The same for re2, which cannot look behind: more than that, but fast.
EDGE_SEEN = r"(?:\b|\\[nrtbf]|%[0-9A-Fa-f]{2}|u00[0-9A-Fa-f]{2}|[\[;]\d{1,2}m)"
#: A quotation mark, also as other languages escape it. Of re and of re2; no blanks, no `#`.
QUOTE = r"(?:\\{0,7}[\"']|\\{1,4}u002[27]|&quot;|&[#]3[49];|%2[27])"
#: The color of a terminal, as loggers escape it.
COLOR = r"(?:(?:\\{1,2}(?:u001[bB]|x1[bB]|033|e)|[#]033|\^\[)\[[0-9;]{0,12}m)"


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Something hidden by policy rather than always: one pattern (re2), the value its first group, or all of it."""

    kind: str
    pattern: str
    reversible: bool = True
    accept: Callable[[str], bool] | None = None
    #: Whether what stands before and after it, some bytes of each, lets it be one.
    fits: Callable[[bytes, bytes], bool] | None = None


def spelled(text: str) -> str:
    """Words that are not ASCII, as the patterns see them."""
    return text.encode().decode("latin-1")
