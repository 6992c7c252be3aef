"""Stored prompts as files for an editor: a little front matter, then the text. What was written reads the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from app.domain.analyses import Language
from app.domain.errors import PromptInvalid
from app.domain.prompts import PromptConfig
from app.domain.stored_prompts import WORD

_FENCE = "---"
_FRONT = re.compile(
    rf"\A\ufeff?{_FENCE}[ \t]*\n(?P<front>.*?)^{_FENCE}[ \t]*\n(?P<text>.*)\Z", re.DOTALL | re.MULTILINE
)
_FIELDS = ("name", "version", "language", "description", "max_output_tokens")
#: Front matter is a few lines; more is a mistake, or an attack on the parser.
_FRONT_CHARS = 4000


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptFile:
    """One language of one version. `version` is None for what is not stored yet."""

    name: str
    language: Language
    text: str
    version: int | None = None
    description: str = ""
    config: PromptConfig = field(default_factory=PromptConfig)


def tidy(text: str) -> str:
    """A text as it is stored: a line feed ends its lines, and no blank line ends it; editors differ in both."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip()


def write(file: PromptFile) -> str:
    """The file's content."""
    front: dict[str, object] = {"name": file.name, "version": file.version, "language": file.language.value}
    front |= {"description": file.description, "max_output_tokens": file.config.max_output_tokens}
    lines = yaml.safe_dump(
        {name: value for name, value in front.items() if value not in (None, "")},
        allow_unicode=True,
        sort_keys=False,
        width=1_000_000,
    )
    return f"{_FENCE}\n{lines}{_FENCE}\n{tidy(file.text)}\n"


def read(content: str) -> PromptFile:
    """What `write` wrote, perhaps edited since. Raises `PromptInvalid` that says what is wrong."""
    found = _FRONT.match(content.replace("\r\n", "\n"))
    if found is None:
        raise PromptInvalid("It must begin with front matter: `---`, a line each for name and language, `---`.")
    front = _mapping(found["front"])
    name, version = front.get("name"), front.get("version")
    if not isinstance(name, str) or not re.fullmatch(WORD, name):
        raise PromptInvalid("`name` must be a lower-case letter, then up to 49 of a-z, 0-9, _ and -.")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 0):
        raise PromptInvalid("`version` must be a whole number; leave it out for a new version.")
    description = front.get("description", "")
    if not isinstance(description, str):
        raise PromptInvalid("`description` must be text on one line.")
    return PromptFile(
        name=name,
        version=version,
        language=_language(front.get("language")),
        description=description,
        config=PromptConfig(max_output_tokens=_tokens(front.get("max_output_tokens"))),
        text=tidy(found["text"]),
    )


def _mapping(front: str) -> Mapping[str, object]:
    try:
        found = yaml.safe_load(front) if len(front) <= _FRONT_CHARS else None
    except yaml.YAMLError as error:
        raise PromptInvalid(f"Its front matter is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise PromptInvalid(f"Its front matter must be lines of `name: value`, {_FRONT_CHARS:,} characters at most.")
    if strangers := [str(name) for name in found if name not in _FIELDS]:
        raise PromptInvalid(
            f"Its front matter has unknown fields: {', '.join(strangers)}. Known: {', '.join(_FIELDS)}."
        )
    return found


def _language(value: object) -> Language:
    try:
        return Language(str(value))
    except ValueError:
        raise PromptInvalid(f"`language` must be one of {', '.join(Language)}.") from None


def _tokens(value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise PromptInvalid("`max_output_tokens` must be a whole number.")
    return value
