"""What goes in and what comes out about dead letters."""

import base64

from marshmallow import Schema, fields

from app.api.context import limits
from app.api.fields import Moment, Name, PageSize, Word
from app.api.schemas import FailureSchema, PageQuerySchema, Strict
from app.domain.analyses import Source, Stage
from app.domain.dead_letters import Origin
from app.domain.records import RecordStage


def _about(text: str, **more: object) -> dict[str, object]:
    return {"description": text, **more}


_ORIGIN = _about("What it was: `analysis` or `record`.")


class ReplaySize(PageSize):
    """How many one call may replay."""

    def largest(self) -> int:
        """By this server's settings."""
        return limits().max_replays


class ReplaySchema(Strict):
    """Which dead letters to replay; without any field: all."""

    origin = fields.Enum(Origin, by_value=fields.String, metadata=_ORIGIN)
    code = Word(metadata=_about("Failed with this error code.", pattern=Word.PATTERN))
    service_name = Name(metadata=_about("Of this service.", maxLength=100))
    since = Moment(metadata=_about("Failed at this time or later."))
    until = Moment(metadata=_about("Failed before this time."))
    limit = ReplaySize(metadata=_about("How many at most: 1 to 1000.", default=1000, minimum=1, maximum=1000))


class DeadLetterFilterSchema(PageQuerySchema):
    """Which dead letters to list."""

    origin = fields.Enum(Origin, by_value=fields.String, metadata=_ORIGIN)
    code = Word(metadata=_about("Failed with this error code.", pattern=Word.PATTERN))
    service_name = Name(metadata=_about("Of this service."))
    since = Moment(metadata=_about("Failed at this time or later."))
    until = Moment(metadata=_about("Failed before this time."))


class DeadLetterSchema(Schema):
    """What failed for good."""

    id = fields.Function(lambda letter: f"{letter.origin}-{letter.id}", metadata={"type": "string"})
    origin = fields.Enum(Origin, by_value=fields.String, metadata=_about("What it was before it failed."))
    analysis_id = fields.Function(
        lambda letter: letter.id if letter.origin is Origin.ANALYSIS else None,
        metadata=_about("Null for a record.", type=["integer", "null"]),
    )
    error = fields.Nested(FailureSchema)
    source = fields.Enum(Source, by_value=fields.String, allow_none=True, metadata=_about("Null for a record."))
    provider = fields.String(allow_none=True, metadata=_about("Who was to answer."))
    stage = fields.String(
        metadata=_about("In which it failed.", enum=[stage.value for stage in (*Stage, *RecordStage)])
    )
    attempts = fields.Integer(metadata=_about("Used up in that stage."))
    replays = fields.Integer(metadata=_about("How often it was sent again before."))
    service_name = fields.String(allow_none=True)
    environment = fields.String(allow_none=True)
    request_id = fields.String(allow_none=True)
    correlation_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    failed_at = fields.AwareDateTime()
    links = fields.Function(
        lambda letter: {
            "self": f"/api/v1/dead-letters/{letter.origin}-{letter.id}",
            **({"analysis": f"/api/v1/analyses/{letter.id}"} if letter.origin is Origin.ANALYSIS else {}),
        }
    )


class DeadLetterPageSchema(Schema):
    """Some dead letters, latest failure first."""

    items = fields.List(fields.Nested(DeadLetterSchema))
    next_cursor = fields.String(allow_none=True, metadata=_about("Null on the last page."))


_BASE64 = _about("In base64; null when it had none.", type=["string", "null"])


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


class PastAttemptSchema(Schema):
    """One claim by one worker."""

    stage = fields.Enum(Stage, by_value=fields.String)
    attempt = fields.Integer()
    provider = fields.String(allow_none=True)
    worker = fields.String()
    started_at = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True)
    outcome = fields.String(allow_none=True, metadata=_about("How it ended: failed, gave_back, lost, late, …"))
    error = fields.Nested(FailureSchema, allow_none=True)


class RecordSchema(Schema):
    """A record of Kafka, as it came."""

    topic = fields.String()
    partition = fields.Integer()
    offset = fields.Integer()
    key = fields.Function(lambda record: _base64(record.key), metadata=_BASE64)
    value = fields.Function(lambda record: _base64(record.value), metadata=_BASE64)
    headers = fields.Function(
        lambda record: [{"name": name, "value": _base64(value)} for name, value in record.headers],
        metadata={"type": "array", "items": {"type": "object"}, "description": "Values in base64."},
    )


class AutopsySchema(Schema):
    """A dead letter with everything that was tried, oldest first."""

    letter = fields.Nested(DeadLetterSchema)
    attempts = fields.List(fields.Nested(PastAttemptSchema))
    record = fields.Nested(RecordSchema, allow_none=True, metadata=_about("Null for an analysis."))


class ReplayedSchema(Schema):
    """What one call replayed."""

    replayed = fields.Integer(attribute="count", metadata=_about("How many go again."))
    more = fields.Boolean(metadata=_about("The limit was reached: there may be others."))
