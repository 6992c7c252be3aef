"""The words around a signature's own: counts, places and times, in the languages of a diagnosis."""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from app.providers.rules.catalog import read_yaml

FILE = Path(__file__).parent / "words.yaml"
#: `{field}` or `{field|what to say when it is unknown}` in a signature's text.
FIELD = re.compile(r"\{([a-z_]+)(?:\|([^{}]*))?\}")
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]")
_EMPTY = re.compile(r"\s*\([\s,;:]*\)")
_SPACES = re.compile(r"  +")
_GAP = re.compile(r" +(?=[,.;:)](?:\s|$))")
#: No blanks, quotes, substitutions, redirections; no leading dash.
_HARMLESS_ARGUMENT = re.compile(r"[\w./:@%+=,\[\]][\w./:@%+=,\[\]-]{0,159}")
VALUE_CHARS = 160
#: Values of one field that are told before "and 3 more".
VALUES_TOLD = 3


#: What is said of one, and of any other number.
Counted = tuple[str, str]


class Words(BaseModel):
    """One language. Every text is for `str.format`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    times: str
    once: str
    at_least: str
    line: str
    lines: str
    consequences: str
    others: str
    recovered: str
    own_code: str
    exception: str
    began: str
    explains: str
    changed: str
    separately: str
    more: str
    records: Counted
    messages: Counted
    physical: Counted
    healthy: str
    healthy_warnings: Counted
    healthy_cause: str
    healthy_steps: str
    warnings_steps: str
    warnings_title: str
    warnings_cause: str
    unknown_title: str
    unknown_fatal: str
    unknown_cause: str
    unknown_before: str
    unknown_others: Counted
    unknown_steps: tuple[str, ...]
    also_unknown: Counted
    unreadable: str
    unreadable_bytes: str
    unreadable_words: str
    unreadable_empty: str
    unreadable_cause: str
    unreadable_steps: tuple[str, ...]


def words(language: str) -> Words:
    """The language's words; English for one we do not have."""
    table = _load()
    return table.get(language, table["en"])


@functools.cache
def _load() -> Mapping[str, Words]:
    return TypeAdapter(dict[str, Words]).validate_python(read_yaml(FILE))


def counted(forms: Counted, count: int, **fields: object) -> str:
    """The form for as many, filled in."""
    return forms[count != 1].format(count=count, **fields)


def fill(text: str, fields: Mapping[str, Sequence[str]], language: Words) -> str:
    """Put fields in; one that is unknown becomes its fallback, or nothing.

    `[[: {path}]]` is left out when its field is unknown. Between backticks stands a command:
    it gets one value, not a list.
    """
    text = _OPTIONAL.sub(
        lambda found: found[1] if all(fields.get(name) for name, _ in FIELD.findall(found[1])) else "", text
    )
    known = FIELD.sub(lambda found: found[0] if fields.get(found[1]) else found[2] or "", text)
    # tidied before values come in: they stay as they are
    parts = [part if index % 2 else _tidy(part) for index, part in enumerate(known.split("`"))]
    return "`".join(
        FIELD.sub(
            (lambda found: _argument(found[1], fields[found[1]]))
            if index % 2
            else (lambda found: values(fields[found[1]], language)),
            part,
        )
        for index, part in enumerate(parts)
    )


def _argument(name: str, told: Sequence[str]) -> str:
    """A value for a command that will be pasted into a shell: who writes the log must not write the command."""
    return next((value for value in told if _HARMLESS_ARGUMENT.fullmatch(value)), f"<{name}>")


def _tidy(text: str) -> str:
    """Without the gaps that empty fields leave."""
    return _GAP.sub("", _SPACES.sub(" ", _EMPTY.sub("", text)))


def values(told: Sequence[str], language: Words) -> str:
    """The values of a field as one text: all of a few, the first ones of many."""
    # the sentence around a value has a full stop of its own
    short = [_short(value.removesuffix("."), VALUE_CHARS) for value in told[:VALUES_TOLD]]
    joined = ", ".join(short)
    rest = len(told) - len(short)
    return language.more.format(values=joined, count=rest) if rest > 0 else joined


def quoted(text: str, chars: int = VALUE_CHARS) -> str:
    """A piece of the log inside a sentence."""
    return f"“{_short(' '.join(text.split()), chars)}”"


def _short(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1].rstrip() + "…"
