"""The shape of a line: its words, with ids, numbers, addresses and quoted values as `<*>`."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from app.pipeline.constants import hide, show
from app.pipeline.levels import FIELDS, MESSAGES, WORDS
from app.pipeline.records import Face

ANY = "<*>"
#: Characters of a line that its shape looks at.
LOOKED_AT = 600
#: Words compared; what follows counts as one.
WORDS_COMPARED = 60
_TIMES = frozenset(
    ("time", "ts", "timestamp", "@timestamp", "t", "date", "datetime", "eventTime", "asctime", "levelno")
)
#: JSON fields whose text is worth comparing word for word; other texts are values.
_TALKING = frozenset(
    ("error", "err", "exception", "reason", "cause", "logger", "component", "module", "method", "path", "route", "name")
)

_DIGIT = re.compile(r"\d")
_UUID = r"[0-9a-fA-F]{7}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
_IPV6 = r"(?:[0-9a-fA-F]{0,4}:){1,6}(?:[0-9a-fA-F]{1,4}|(?<=::))(?![\w:])"
_UNIT = r"(?:(?<=\d)(?:[nuµm]s|[smhBkMG]|[KMG]i?B)\b)?"
#: In three branches, by the character that a variable part begins with: `re` tries every branch at every character, and
#: most characters are letters inside of words, where none can begin. Order matters within a branch.
_MASKS = re.compile(
    rf"""[A-Za-z](?<!\w.)(?:
          (?<=[a-fA-F]){_UUID}
        | (?<=[MTWFS])[a-z]{{2}}\ [JFMASOND][a-z]{{2}}\ +\d\d?\ \d\d:\d\d:\d\d\ (?:[A-Z]+\ )?\d{{4}}
        | (?<=[a-fA-F])(?<![:.].)[0-9a-fA-F]{{0,3}}:{_IPV6}
        | (?<=[a-f])(?=[a-f]*\d)[0-9a-f]*\b
        | (?<=[A-F])(?=[A-F]*\d)[0-9A-F]*\b
        | (?=[A-Za-z_-]{{0,39}}\d)[A-Za-z0-9_-]{{19,}}\b={{0,2}}
        ){_UNIT}
      | \d(?:
          (?<=[0-9])(?<!\w.){_UUID}
        | \d{{3}}-\d\d-\d\d(?:[T\ ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?
        | (?<!\w.)\d?/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{{4}}:[\d:]+\ [+-]\d{{4}}
        | (?<=0)(?<!\w.)[xX][0-9a-fA-F]+\b
        | (?<=[0-9])(?<![\w:.].)[0-9a-fA-F]{{0,3}}:{_IPV6}
        | (?<=[0-9])(?<!\w.)(?:[0-9a-f]*|[0-9A-F]*)\b
        | (?<!\w.)(?=\d*[A-Za-z])[A-Za-z0-9_-]{{19,}}\b={{0,2}}
        | \d*(?:[.,:]\d+)*%?
        ){_UNIT}
      | [<:'"+-](?:
          (?<=<)[A-Z_]+_\d+>
        | (?<=:)(?<![\w:.].){_IPV6}
        | (?<=[a-z0-9]-)[0-9a-f]{{8,10}}-[a-z0-9]{{5}}\b
        | (?<=[\s(=:\[,]')[^'\n]{{1,80}}'(?![\w'])
        | (?<=[\s(\[]")[^"\s]{{1,80}}"(?![\w"])
        | (?<=[-+])\d+(?:[.,:]\d+)*%?{_UNIT}
        )
    """,
    re.VERBOSE,
)
_JOINED = re.compile(r"<\*>(?:[.,:_/+-]{0,2}<\*>)+")
#: What follows the status in an access log: sizes, referrers, user agents and times, many for one kind of request.
_AFTER_STATUS = re.compile(r"(HTTP/[\x11-\x13](?:\.[\x10-\x19])?\" +[\x10-\x19]{3}) .*")
#: A thread between brackets beside the level: which one it was says little.
_THREAD = re.compile(
    r"\[ *(?:main|[^\[\]\s=]{0,60}(?:<\*>|thread|exec|pool|worker|Thread|Worker|Pool)[^\[\]=]{0,60})\]"
)
#: The same before the name of a logger: `[IPC Server handler 5] org.example.Server:`.
_THREAD_OF_LOGGER = re.compile(r"^((?:\W?[A-Z]{3,8}\W{1,3})?)\[[^\[\]]{1,200}\](?= [\w$]+(?:\.[\w$<*>]+){2,})")
#: A list of values counts as one, however long it is.
_LIST = re.compile(r"<\*>(?:,? <\*>){2,}")


class Shape(NamedTuple):
    """A line's words. `head` of them name the level and the speaker: shapes with other ones never merge.

    A tuple, because shapes are looked up in dictionaries all the time.
    """

    words: tuple[str, ...]
    head: int


def shape(face: Face) -> Shape:
    """The shape of what the program said, its time and wrapping taken off."""
    unwrapped = face.unwrapped
    text = unwrapped.message if unwrapped.fields is None else _flat(unwrapped.fields)
    masked = mask(text[:LOOKED_AT]) or ANY
    # a process or file name before the level, nothing but a number, is noise
    words = masked.removeprefix(f"{ANY} ").split(" ", WORDS_COMPARED)
    return Shape(words=tuple(words), head=_head(words))


def mask(text: str) -> str:
    """`text` with its variable parts as `<*>` and single spaces."""
    hidden = hide(text) if _DIGIT.search(text) else text
    masked = hidden if hidden is text else _AFTER_STATUS.sub(rf"\1 {ANY}", hidden)
    masked = _MASKS.sub(ANY, masked)
    several = masked.count(ANY) > 1
    if several:
        masked = _JOINED.sub(ANY, masked)
    if "[" in masked:
        masked = _THREAD_OF_LOGGER.sub(r"\1[<*>]", _THREAD.sub("[<*>]", masked, count=1), count=1)
    masked = " ".join(masked.split())
    if several:
        masked = _LIST.sub(ANY, masked)
    return masked if hidden is text else show(masked)


@lru_cache(maxsize=4096)
def _is_level(word: str) -> bool:
    return word.strip("[]()<>|:,\"'-").lower().removeprefix("level=") in WORDS


def _head(words: list[str]) -> int:
    """Words up to the level and the name of the logger or program behind it."""
    end = 0
    for index, word in enumerate(words[:6]):
        if _is_level(word):
            end = index + 1
        elif end == index and (word in ("-", "|", "[<*>]", "<*>", ":") or (word[:1] == "[" and word[-1:] == "]")):
            # what stands beside the level: thread, process, separators
            end = index + 1
        elif end == index and word.endswith(":") and len(word) > 2:
            return min(index + 1, len(words) - 1)
    return min(end, len(words) - 1)


def _flat(fields: Mapping[str, object]) -> str:
    """A JSON line as its message, followed by `name=value` for the rest, short and without times and levels."""
    message = next((str(fields[name]) for name in MESSAGES if isinstance(fields.get(name), str)), "")
    level = next((str(fields[name]) for name in FIELDS if isinstance(fields.get(name), str | int)), "")
    parts = [level.upper() if level.lower() in WORDS else "", message]
    for name, value in fields.items():
        if name in _TIMES or name in FIELDS or value == message or value is None:
            continue
        if isinstance(value, bool | int | float):
            parts.append(f"{name}={value}")
        elif isinstance(value, str):
            parts.append(f"{name}={value if name in _TALKING or ' ' not in value else ANY}")
        else:
            parts.append(f"{name}={ANY}")
    return " ".join(part for part in parts if part)
