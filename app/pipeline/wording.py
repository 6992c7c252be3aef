"""The instructions of a prompt: the text of a stored version or a master, its fields filled in, and the contract.

A text is data. `{{service_name}}` is replaced once by a short word; there is nothing else in it that means anything, so
a text can neither compute, nor look into an object, nor bring in another text.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files

from app.domain.analyses import Language
from app.pipeline.instructions import BRIEF, CONTRACT
from app.pipeline.prompt_files import read
from app.pipeline.tokens import estimate

#: What a text may name, and what that becomes.
FIELDS: Mapping[str, str] = {
    "analysis_type": "what was asked for, such as error",
    "service_name": "the service that wrote the log",
    "environment": "where it runs",
    "language": "the language of the answer: English or 한국어",
}
LANGUAGES: Mapping[str, str] = {"en": "English", "ko": "한국어"}
#: Characters of each name in a prompt.
NAME_CHARS = 40
#: A name may be Korean, at three bytes a character: the dearest there can be.
WIDEST = "\uac00" * NAME_CHARS
#: Part of a budget that instructions may take; the rest is for the log.
_SHARE = 0.5
_UNKNOWN = "unknown"
_FIELD = re.compile(r"\{\{[ \t]*([A-Za-z0-9_]{1,50})[ \t]*\}\}")
_OPENING = re.compile(r"\{\{.{0,30}", re.DOTALL)


@cache
def master(language: str) -> str:
    """The text that comes with Bifrost."""
    known = language if language in CONTRACT else Language.EN.value
    return read(files("app.pipeline").joinpath("masters", f"default.{known}.md").read_text(encoding="utf-8")).text


def short(name: str | None) -> str:
    """A name as a prompt shows it: on one line, not longer than `NAME_CHARS`."""
    return " ".join(name.split())[:NAME_CHARS] if name else ""


def problems(text: str) -> list[str]:
    """Why a text cannot be one; empty when it can."""
    unknown = sorted({name for name in _FIELD.findall(text) if name not in FIELDS})
    found = [f"There is no field {name}; there are {', '.join(FIELDS)}." for name in unknown]
    if opened := _OPENING.search(_FIELD.sub("", text)):
        found.append(f"`{opened[0]}` begins a field that is none: a field is {{{{name}}}}.")
    if not text.strip():
        found.append("It must not be blank.")
    if strange := sorted({char for char in text if not (char.isprintable() or char in "\n\t")}):
        found.append(f"It has characters that are no text: {', '.join(f'U+{ord(char):04X}' for char in strange[:5])}.")
    return found


def instructions(
    text: str | None, *, language: str, token_budget: int, small: bool, values: Mapping[str, str | None]
) -> str:
    """The system part of a prompt. `text`: of a stored version; None: the master.

    Where there is no room for the text, which `fits` tells, the short form of the master stands for it.
    """
    known = language if language in CONTRACT else Language.EN.value
    if (text is None and small) or (text is not None and not fits(text, token_budget=token_budget, small=small)):
        return BRIEF[known]
    return _assembled(master(known) if text is None else text, known, small=small, values=values)


def dearest(text: str | None, *, token_budget: int, small: bool) -> str:
    """The instructions that cost most, whatever is asked for and in whatever language."""
    values = dict.fromkeys(FIELDS, WIDEST)
    made = (
        instructions(text, language=language, token_budget=token_budget, small=small, values=values)
        for language in CONTRACT
    )
    return max(made, key=estimate)


def fits(text: str, *, token_budget: int, small: bool) -> bool:
    """Does it leave the log its part of the budget?"""
    return cost(text, small=small) <= token_budget * _SHARE


@lru_cache(maxsize=256)
def cost(text: str, *, small: bool) -> int:
    """Tokens of the instructions with this text at most, estimated."""
    values = dict.fromkeys(FIELDS, WIDEST)
    return max(estimate(_assembled(text, language, small=small, values=values)) for language in CONTRACT)


def _assembled(text: str, language: str, *, small: bool, values: Mapping[str, str | None]) -> str:
    known = {**values, "language": LANGUAGES[language]}
    filled = _FIELD.sub(lambda match: short(known.get(match[1])) or _UNKNOWN, text)
    return f"{filled}\n\n{(BRIEF if small else CONTRACT)[language]}"
