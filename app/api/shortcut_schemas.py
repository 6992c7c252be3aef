"""What the shortcuts take and answer."""

from typing import Any

from marshmallow import fields, post_load

from app.api.fields import Name, PageSize, PassedOver, Wait
from app.api.schemas import Strict, SubmissionSchema
from app.domain.analyses import Status


class AnalyzeSchema(SubmissionSchema):
    """A log to analyze at once."""

    #: Query parameters that say how to take the submission, and are no part of it.
    ABOUT_THE_CALL = frozenset({"wait"})


class WaitSchema(Strict):
    """How long to wait."""

    error_messages = {"unknown": "Unknown query parameter."}  # noqa: RUF012 - marshmallow's way

    wait = Wait(metadata={"description": "Seconds to hold the answer, at most.", "minimum": 0})


class AnalyzedSchema(Strict):
    """An answer in short."""

    id = fields.Integer()
    response = fields.String(metadata={"description": "The diagnosis as Markdown."})
    duration_seconds = fields.Float()
    model = fields.String(allow_none=True)
    cached = fields.Boolean()


class AcceptedSchema(Strict):
    """It is not finished; look at `links.self`."""

    id = fields.Integer()
    status = fields.Enum(Status, by_value=fields.String)
    links = fields.Function(lambda analysis: {"self": f"/api/v1/analyses/{analysis.id}"})


class HistorySchema(Strict):
    """Which analyses to list."""

    limit = PageSize(metadata={"description": "How many at most.", "default": 50, "minimum": 1, "maximum": 500})
    offset = PassedOver(metadata={"description": "How many to pass over.", "default": 0, "minimum": 0})
    service_name = Name(allow_none=True)
    model = Name(allow_none=True)
    status = fields.Enum(Status, by_value=fields.String, allow_none=True)

    @post_load
    def _given(self, found: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Null is the same as not given."""
        return {name: value for name, value in found.items() if value is not None}


class RequestedSchema(Strict):
    """It is durably accepted."""

    analysis_id = fields.Integer(attribute="id")
    status = fields.Function(lambda _: "ACCEPTED", metadata={"type": "string", "enum": ["ACCEPTED"]})
    message = fields.Function(
        lambda analysis: f"Look at /api/v1/analysis/result/{analysis.id}.", metadata={"type": "string"}
    )


class ResultFieldsSchema(Strict):
    """The diagnosis, with the names it has in Heimdall's events."""

    summary = fields.String()
    root_cause = fields.String()
    recommendation = fields.String()
    severity = fields.Function(lambda diagnosis: diagnosis.severity.value, metadata={"type": "string"})
    confidence = fields.Float()


class ResultSchema(Strict):
    """A result, or how far it is."""

    analysis_id = fields.Integer(attribute="id")
    status = fields.Function(lambda analysis: analysis.status.value.upper(), metadata={"type": "string"})
    analysis_result = fields.Nested(ResultFieldsSchema, attribute="diagnosis", allow_none=True)
    error = fields.Function(
        lambda analysis: analysis.error and analysis.error.detail, metadata={"type": ["string", "null"]}
    )
    service_name = fields.String(allow_none=True)
    environment = fields.String(allow_none=True)
    model = fields.String(allow_none=True)
    duration_seconds = fields.Float(allow_none=True)
    created_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)
