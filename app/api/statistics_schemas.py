"""What the statistics look like, for answers and for the OpenAPI document."""

from marshmallow import Schema, fields

from app.api.fields import Hours
from app.api.schemas import Strict


def _usd(name: str) -> fields.Field[float]:
    return fields.Function(lambda tally: tally.cost_micro_usd / 1e6, metadata={"type": "number", "description": name})


class PeriodSchema(Strict):
    """How far back to look."""

    error_messages = {"unknown": "Unknown query parameter."}  # noqa: RUF012 - marshmallow's way

    hours = Hours(
        metadata={
            "description": "How many hours back. Hours are counted whole: the one in which that falls is included.",
            "default": 24,
            "minimum": 1,
            "maximum": Hours.MOST,
        }
    )


class DurationsSchema(Schema):
    """Seconds from acceptance to the end, of completed analyses that were not answered from the cache."""

    average = fields.Float(allow_none=True)
    p50 = fields.Float(allow_none=True, metadata={"description": "Estimated from a histogram."})
    p95 = fields.Float(allow_none=True, metadata={"description": "Estimated from a histogram."})


class TallySchema(Schema):
    """Analyses that ended."""

    analyses = fields.Integer()
    completed = fields.Integer()
    failed = fields.Integer()
    cancelled = fields.Integer()
    degraded = fields.Integer(metadata={"description": "The rules answered because no model did."})
    cache_hits = fields.Integer()
    duration_seconds = fields.Nested(DurationsSchema, attribute="durations")
    prompt_tokens = fields.Integer()
    completion_tokens = fields.Integer()
    cost_usd = _usd("What the model calls cost.")


class ModelTallySchema(Schema):
    """What one model of one provider did. `none`: it ended before any was asked."""

    provider = fields.String()
    model = fields.String()
    tally = fields.Nested(TallySchema)
    cost_known = fields.Boolean(metadata={"description": "False: the model has no price; the cost lacks its calls."})


class SummarySchema(Schema):
    """The last hours of the key's project. Some seconds old."""

    hours = fields.Integer()
    since = fields.AwareDateTime(metadata={"description": "The beginning of the first hour counted."})
    total = fields.Nested(TallySchema)
    cost_known = fields.Boolean(metadata={"description": "False: the cost of some model is missing in the total."})
    models = fields.List(fields.Nested(ModelTallySchema), metadata={"description": "Most analyses first."})


class ModelStatSchema(Schema):
    """Completed analyses of one model."""

    model = fields.String()
    count = fields.Integer()
    avg_duration = fields.Float(allow_none=True)


class MetricsSchema(Schema):
    """The same in short."""

    total_analyses = fields.Integer()
    avg_duration_seconds = fields.Float(allow_none=True)
    model_stats = fields.List(fields.Nested(ModelStatSchema))
