"""What a setting's value may be: types with their checks, for `app.settings`."""

import base64
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

Names = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda v: tuple(part.strip() for part in v.split(",") if part.strip()) if isinstance(v, str) else v
    ),
]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Delays = Annotated[
    tuple[Seconds, ...],
    BeforeValidator(lambda v: tuple(part for part in v.split(",") if part.strip()) if isinstance(v, str) else v),
]

#: Set by the bridge itself: what it promises depends on them.
_OURS = frozenset(
    {
        "bootstrap.servers", "metadata.broker.list", "group.id", "group.protocol", "enable.auto.commit",
        "enable.auto.offset.store", "auto.offset.reset", "enable.idempotence", "acks", "request.required.acks",
        "transactional.id", "partition.assignment.strategy", "message.timeout.ms", "delivery.timeout.ms",
        "session.timeout.ms", "enable.partition.eof", "test.mock.num.brokers", "plugin.library.paths",
    }
)  # fmt: skip


def _properties(value: object) -> object:
    """Names as librdkafka has them: it has dots where a variable can only have underscores."""
    if not isinstance(value, Mapping):
        return value
    named = {str(name).lower().replace("_", "."): each for name, each in value.items()}
    refused = sorted(named.keys() & _OURS)
    if refused:
        raise ValueError(f"set by the bridge itself: {', '.join(refused)}")
    # YAML makes numbers and booleans of what librdkafka reads as text
    return {name: str(each).lower() if isinstance(each, bool) else str(each) for name, each in named.items()}


Properties = Annotated[Mapping[str, SecretStr], BeforeValidator(_properties)]


def _named(value: str) -> str:
    """Kafka's own: two names that a directory cannot have."""
    if value in {".", ".."}:
        raise ValueError("must not be . or ..")
    return value


def _told(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


Topic = Annotated[str, Field(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$"), AfterValidator(_named)]
Told = Annotated[str, AfterValidator(_told)]


def postgres_url(value: object) -> object:
    """`postgres://` and `postgresql://` mean psycopg 3 or nothing to SQLAlchemy 2.1: name the driver we ship."""
    return (
        re.sub(r"^postgres(ql)?(\+psycopg2)?://", "postgresql+psycopg2://", value) if isinstance(value, str) else value
    )


def _kinds(patterns: object) -> object:
    """A variable cannot tell `EMPLOYEE` from `employee`."""
    return {str(kind).upper(): each for kind, each in patterns.items()} if isinstance(patterns, Mapping) else patterns


def _patterns(patterns: Mapping[str, str]) -> Mapping[str, str]:
    """Found at the start instead of at the first log."""
    import re2  # most commands read no log

    for kind, pattern in patterns.items():
        if not re.fullmatch(r"[A-Z][A-Z0-9_]{1,30}", kind):
            raise ValueError(f"{kind}: the name of a kind is 2 to 31 letters, digits and underscores")
        try:
            found = re2.compile(pattern)
        except re2.error as error:
            raise ValueError(f"{kind}: {error}") from None
        if any(found.search(text) for text in ("", " ", "\n")):
            raise ValueError(f"{kind}: the pattern must not match a blank, or nothing at all")
        if found.groups > 1:
            raise ValueError(f"{kind}: one group at most; write the others as (?:…)")
    return patterns


Patterns = Annotated[Mapping[str, str], BeforeValidator(_kinds), AfterValidator(_patterns)]


def signing_secret(value: SecretStr | None) -> SecretStr | None:
    """Found at the start instead of at the first event."""
    for one in value.get_secret_value().split() if value else ():
        try:
            size = len(base64.b64decode(one.removeprefix("whsec_"), validate=True))
        except ValueError:
            size = 0
        if not one.startswith("whsec_") or not 24 <= size <= 64:
            raise ValueError("must be whsec_ and 24 to 64 bytes in base64: echo whsec_$(openssl rand -base64 32)")
    return value
