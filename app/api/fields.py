"""Field types of requests: strict about types, and with the limits of this server's settings."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from marshmallow import ValidationError, fields

from app.api.context import container, limits
from app.api.cursors import MAX_ID
from app.domain.stored_prompts import WORD, PromptWish
from app.pipeline.timestamps import offset

#: Integers a JSON number carries without loss everywhere.
_EXACT = 2**53
_COUNT = re.compile(r"[0-9]{1,6}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", re.ASCII)
_ID = re.compile(r"[1-9][0-9]{0,18}")


class Name(fields.String):
    """A short printable text, at most `limits.max_name_chars` long."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return checked_text(super()._deserialize(value, attr, data, **kwargs) or "", limits().max_name_chars)


class Word(fields.String):
    """A short word such as "error"."""

    PATTERN = "^[A-Za-z][A-Za-z0-9_.-]{0,49}$"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        word = super()._deserialize(value, attr, data, **kwargs) or ""
        # without the anchors: Python's $ allows a line break after it
        if not re.fullmatch(self.PATTERN[1:-1], word):
            raise ValidationError("A letter, then up to 49 of letters, digits and _.-")
        return word


class PromptWord(fields.String):
    """The name of a prompt, or a label."""

    PATTERN = f"^{WORD}$"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        word = super()._deserialize(value, attr, data, **kwargs) or ""
        if not re.fullmatch(WORD, word):
            raise ValidationError("A lower-case letter, then up to 49 of a-z, 0-9, _ and -.")
        return word


class PromptChoice(fields.String):
    """A prompt, by its name or by one of its labels or versions."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        wish = super()._deserialize(value, attr, data, **kwargs) or ""
        if PromptWish.parse(wish) is None:
            raise ValidationError("`name`, `name@label` or `name@3`.")
        return wish


class Comment(fields.String):
    """A text of several lines at most `prompts.max_comment_chars` long."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs) or ""
        longest = container().settings.prompts.max_comment_chars
        if len(text) > longest:
            raise ValidationError(f"At most {longest:,} characters.")
        _check_string(text)
        return text


class Tag(fields.String):
    """One tag."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return checked_text(super()._deserialize(value, attr, data, **kwargs) or "", limits().max_tag_chars)


class Keyword(fields.String):
    """What to look for in a log, at most `limits.max_keyword_chars` long."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return checked_text(super()._deserialize(value, attr, data, **kwargs) or "", limits().max_keyword_chars)


class Offset(fields.String):
    """An offset from UTC, as a time zone."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs) or ""
        try:
            return offset(text)
        except ValueError as error:
            # in a query a bare + is a space: the most common way to get this wrong
            raise ValidationError("An offset such as +09:00 (in a query, write + as %2B).") from error


class Tags(fields.List[str]):
    """A few short texts, no two the same."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(Tag(), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list) and len(value) > limits().max_tags:
            raise ValidationError(f"At most {limits().max_tags} tags.")
        return tuple(dict.fromkeys(super()._deserialize(value, attr, data, **kwargs)))


class Metadata(fields.Dict):
    """Any JSON object that is small, flat enough, and that a database can store unchanged."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        found: dict[str, object] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]  # theirs
        # one level is the body's own
        _check_json(found, limits().max_json_depth - 1)
        if len(orjson.dumps(found)) > limits().max_metadata_bytes:
            raise ValidationError(f"At most {limits().max_metadata_bytes:,} bytes as JSON.")
        return found


class Number(fields.Float):
    """A finite JSON number: neither a string nor a boolean."""

    def _validated(self, value: Any) -> float:
        if isinstance(value, bool | str):
            raise self.make_error("invalid")
        return super()._validated(value)


class Deadline(Number):
    """Seconds from now."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        seconds = super()._deserialize(value, attr, data, **kwargs)
        longest = limits().max_deadline_seconds
        if seconds is None or not 0 < seconds <= longest:
            raise ValidationError(f"More than 0 and at most {longest:g}.")
        return float(seconds)


class PageSize(fields.Integer):
    """How many a page may have."""

    def largest(self) -> int:
        """By this server's settings."""
        return limits().page_max

    def _validated(self, value: Any) -> int:
        largest = self.largest()
        # int() takes "1_0" and a million digits too
        if not _COUNT.fullmatch(str(value)) or not 1 <= int(value) <= largest:
            raise ValidationError(f"A whole number from 1 to {largest}.")
        return int(value)


class PassedOver(fields.Integer):
    """How many of a list to pass over."""

    def _validated(self, value: Any) -> int:
        largest = limits().max_offset
        if not _COUNT.fullmatch(str(value)) or int(value) > largest:
            raise ValidationError(f"A whole number from 0 to {largest}; use the cursors of /api/v1/analyses beyond.")
        return int(value)


class Wait(fields.Float):
    """Seconds to wait for something."""

    def _validated(self, value: Any) -> float:
        longest = container().settings.web.max_wait_seconds
        if not _SECONDS.fullmatch(str(value)) or float(value) > longest:
            raise ValidationError(f"Seconds from 0 to {longest:g}.")
        return float(value)


class Id(fields.Integer):
    """The id of an analysis."""

    def _validated(self, value: Any) -> int:
        if not _ID.fullmatch(str(value)) or int(value) > MAX_ID:
            raise ValidationError("A whole number from 1 on.")
        return int(value)


class Hours(fields.Integer):
    """A period of whole hours."""

    #: Ten years.
    MOST = 87_600

    def _validated(self, value: Any) -> int:
        if not _COUNT.fullmatch(str(value)) or not 1 <= int(value) <= self.MOST:
            raise ValidationError(f"A whole number from 1 to {self.MOST}.")
        return int(value)


class Moment(fields.AwareDateTime):
    """A time as ISO 8601 has it; without an offset it is UTC."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(format="iso", default_timezone=UTC, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            found: datetime = super()._deserialize(value, attr, data, **kwargs)
            return found.astimezone(UTC)
        except (ValidationError, OverflowError) as error:
            # in a query a bare + is a space: the most common way to get this wrong
            raise ValidationError("A time such as 2026-01-31T09:00:00Z (in a query, write + as %2B).") from error


def checked_text(text: str, longest: int) -> str:
    """The text, when it is 1 to `longest` printable characters, not all of them blank."""
    if not text.strip():
        raise ValidationError("Must not be blank.")
    if len(text) > longest:
        raise ValidationError(f"At most {longest} characters.")
    if not text.isprintable():  # NUL, line breaks, lone surrogates
        raise ValidationError("Printable characters only.")
    return text


def _check_json(value: object, depth: int) -> None:
    if depth < 0:
        raise ValidationError(f"Nested more than {limits().max_json_depth} levels deep.")
    if isinstance(value, str):
        _check_string(value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _check_string(name)
            _check_json(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check_json(item, depth - 1)
    elif isinstance(value, int | float) and not -_EXACT <= value <= _EXACT:
        raise ValidationError("A number beyond ±2^53 would not survive: send it as a string.")


def _check_string(text: str) -> None:
    if "\0" in text or (not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)):
        raise ValidationError("Strings must not contain NUL or lone surrogates.")
