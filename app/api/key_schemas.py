"""What goes in and what comes out about API keys."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_dump, pre_dump, validate

from app.api.context import container
from app.api.fields import Moment, Name, Number
from app.api.schemas import Strict
from app.domain.keys import ApiKey, Scope
from app.services.keys import CreatedKey

_PER_HOUR = "Requests an hour; 0: any number; null: as the server's settings say."
#: A hundred years.
_LONGEST_OVERLAP = 3_153_600_000


def _about(text: str, **more: object) -> dict[str, object]:
    return {"description": text, **more}


class PerHour(fields.Integer):
    """A limit of requests."""

    MOST = 1_000_000_000

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= self.MOST:
            raise ValidationError(f"A whole number from 0 to {self.MOST:,}.")
        return value


class Future(Moment):
    """A time that is still to come."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        found: datetime = super()._deserialize(value, attr, data, **kwargs)
        if found <= container().clock.now():
            raise ValidationError("It must be in the future.")
        return found


def _limit(what: str) -> PerHour:
    return PerHour(allow_none=True, metadata=_about(f"{what}: {_PER_HOUR}", minimum=0, maximum=PerHour.MOST))


class NewKeySchema(Strict):
    """A key to make, for the project of the key that asks."""

    name = Name(required=True, metadata=_about("Whose it is, for people.", maxLength=100))
    scopes = fields.List(
        fields.Enum(Scope, by_value=fields.String),
        load_default=[Scope.SUBMIT, Scope.READ],
        validate=validate.Length(min=1, max=len(Scope)),
        metadata=_about("What it may do.", default=["submit", "read"]),
    )
    expires_at = Future(
        allow_none=True, load_default=None, metadata=_about("Until when it is valid; null: until it is revoked.")
    )
    submits_per_hour = _limit("Submissions")
    reads_per_hour = _limit("Everything else")


class KeyLimitsSchema(Strict):
    """How often a key may be used. What is not given stays."""

    submits_per_hour = _limit("Submissions")
    reads_per_hour = _limit("Everything else")


class Overlap(Number):
    """Seconds."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        seconds = super()._deserialize(value, attr, data, **kwargs)
        if seconds is None or not 0 <= seconds <= _LONGEST_OVERLAP:
            raise ValidationError(f"From 0 to {_LONGEST_OVERLAP:,}.")
        return float(seconds)


class RotationSchema(Strict):
    """How to rotate a key."""

    overlap_seconds = Overlap(
        allow_none=True,
        load_default=None,
        metadata=_about(
            "How long the old one stays valid; null: `keys.overlap_seconds` of the server.",
            minimum=0,
            maximum=_LONGEST_OVERLAP,
        ),
    )


class KeySchema(Schema):
    """A key, without its secret."""

    prefix = fields.String(metadata=_about("Names it: the part between `bf_` and the secret."))
    name = fields.String()
    project = fields.String()
    scopes = fields.Function(lambda key: sorted(key.scopes), metadata={"type": "array", "items": {"type": "string"}})
    state = fields.Function(
        lambda key: key.state(container().clock.now()),
        metadata={"type": "string", "enum": ["valid", "expired", "revoked"]},
    )
    submits_per_hour = fields.Integer(attribute="limits.submits_per_hour", allow_none=True, metadata=_about(_PER_HOUR))
    reads_per_hour = fields.Integer(attribute="limits.reads_per_hour", allow_none=True, metadata=_about(_PER_HOUR))
    created_at = fields.AwareDateTime()
    last_used_at = fields.AwareDateTime(allow_none=True, metadata=_about("To the minute."))
    expires_at = fields.AwareDateTime(allow_none=True)
    revoked_at = fields.AwareDateTime(allow_none=True)
    replaced_by = fields.String(allow_none=True, metadata=_about("Prefix of the key that it was rotated to."))


class KeysSchema(Schema):
    """All keys of the project, newest first."""

    items = fields.List(fields.Nested(KeySchema))


class CreatedKeySchema(KeySchema):
    """A new key. Its `token` is shown this once."""

    token = fields.String(metadata=_about("The key itself: send it as `X-API-Key`. It is stored nowhere."))

    @pre_dump
    def _key(self, made: CreatedKey, **_: Any) -> ApiKey:
        return made.key

    @post_dump(pass_original=True)
    def _token(self, shown: dict[str, Any], made: CreatedKey, **_: Any) -> dict[str, Any]:
        return {**shown, "token": made.token}


class RotatedKeySchema(Schema):
    """A new key, and the one that it replaces."""

    created = fields.Nested(CreatedKeySchema)
    replaced = fields.Nested(KeySchema, metadata=_about("Valid until its `expires_at`."))
