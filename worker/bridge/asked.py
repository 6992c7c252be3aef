"""The fields of a request, in either spelling, and what their values may be. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.domain.analyses import Priority
from app.domain.records import Spelling

_UNKNOWN = "unknown"
#: Characters of a correlation id.
CORRELATION_CHARS = 128
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,49}")
_INT64 = 2**63


def _priority(value: object) -> object:
    """In any case, or not at all."""
    if value is None:
        return Priority.NORMAL
    if isinstance(value, str) and value.upper() in Priority.__members__:
        return Priority[value.upper()]
    raise ValueError(f"must be one of {', '.join(Priority.__members__)}")


def _name(value: object) -> object:
    """Heimdall may send null."""
    return _UNKNOWN if value is None or value == "" else value


def _uuid(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise ValueError("must be a UUID")
    return value


def _word(value: str) -> str:
    if not _WORD.fullmatch(value):
        raise ValueError("must be a letter, then up to 49 of letters, digits and _.-")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must have printable characters only")
    return value


def _moment(value: object) -> object:
    """ISO 8601: a number would be seconds to one and milliseconds to another."""
    if value is not None and not isinstance(value, str):
        raise ValueError("must be a text in ISO 8601")
    try:
        return None if value is None else datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be in ISO 8601") from None


Name = Annotated[str, BeforeValidator(_name), AfterValidator(_printable)]


class Asked(BaseModel):
    """The fields of a request. What else is sent is ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True, frozen=True)

    request_id: Annotated[str, AfterValidator(_uuid)]
    timestamp: Annotated[datetime | None, BeforeValidator(_moment)] = None
    log_id: Annotated[int, Field(ge=-_INT64, lt=_INT64)]
    log_content: str
    service_name: Name
    environment: Name
    analysis_type: Annotated[str, BeforeValidator(lambda v: "error" if v is None else v), AfterValidator(_word)] = (
        "error"
    )
    priority: Annotated[Priority, BeforeValidator(_priority)] = Priority.NORMAL
    callback_topic: str | None = None
    correlation_id: Annotated[str | None, Field(max_length=CORRELATION_CHARS)] = None
    metadata: dict[str, Any] | None = None


class _AskedInCamelCase(Asked):
    """The same names as Jackson writes them."""

    model_config = ConfigDict(alias_generator=to_camel)


MODELS: Mapping[Spelling, type[Asked]] = {Spelling.SNAKE: Asked, Spelling.CAMEL: _AskedInCamelCase}
