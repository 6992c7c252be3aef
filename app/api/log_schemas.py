"""Questions about a log itself, and their answers: which records, and how it is made up."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load

from app.api.context import limits
from app.api.fields import Keyword, Moment, Offset, PageSize
from app.api.schemas import CoverageSchema, Strict
from app.domain.excerpts import Wanted
from app.domain.logs import Level
from app.pipeline.filtering import Paging


def _about(text: str, **more: object) -> dict[str, object]:
    return {"description": text, **more}


_LOG = fields.String(required=True, metadata=_about("The log as text.", minLength=1))
_LARGEST_LINE = 2**31


class _Line(fields.Integer):
    """The number of a line, or 0."""

    def _validated(self, value: Any) -> int:
        found = super()._validated(value)
        if not 0 <= found < _LARGEST_LINE:
            raise ValidationError("The number of a line.")
        return found


class ExcerptQuerySchema(Strict):
    """Which records of a log: those for which everything given is true."""

    error_messages = {"unknown": "Unknown query parameter."}  # noqa: RUF012 - marshmallow's way

    severity = fields.Enum(Level, metadata=_about("At least so loud. What has no level is below all of them."))
    keyword = Keyword(metadata=_about("Stands in the record, in any case of letters.", maxLength=200))
    regex = fields.Boolean(metadata=_about("The keyword is a regular expression as RE2 has them.", default=False))
    since = Moment(metadata=_about("Happened at this time or later."))
    until = Moment(metadata=_about("Happened before this time."))
    zone = Offset(metadata=_about("Of times in the log that name none: `+09:00`.", default="+00:00"))
    redact = fields.Boolean(metadata=_about("Hide secrets before anything is looked for.", default=False))
    limit = PageSize(metadata=_about("How many records at most: 1 to 500.", default=50, minimum=1, maximum=500))
    after = _Line(metadata=_about("The `next_after` of the page before.", default=0, minimum=0))

    @post_load
    def _shape(self, found: dict[str, Any], **_: Any) -> dict[str, Any]:
        paging = Paging(limit=found.pop("limit", limits().page_default), after=found.pop("after", 0))
        log = {"log": found.pop("log_content")} if "log_content" in found else {}
        return {"wanted": Wanted(**found), "paging": paging, **log}


class ExcerptBodySchema(ExcerptQuerySchema):
    """A log, and which of its records."""

    error_messages = Strict.error_messages

    log_content = _LOG


class StatisticsQuerySchema(Strict):
    """How much to tell."""

    error_messages = {"unknown": "Unknown query parameter."}  # noqa: RUF012 - marshmallow's way

    limit = PageSize(metadata=_about("How many templates at most: 1 to 500.", default=50, minimum=1, maximum=500))


class StatisticsBodySchema(StatisticsQuerySchema):
    """A log to count."""

    error_messages = Strict.error_messages

    log_content = _LOG


class LogRecordSchema(Schema):
    """A line of the log, with its stack trace or other continuation."""

    line = fields.Integer(metadata=_about("1-based number of its first line, in the log as it was sent."))
    level = fields.Enum(Level)
    at = fields.AwareDateTime(
        allow_none=True, metadata=_about("When it happened; that of the record before it when it does not say.")
    )
    text = fields.Function(
        lambda record: "\n".join(record.lines),
        metadata=_about("As it stands, without control characters.", type="string"),
    )


class ExcerptSchema(Schema):
    """Some records of a log, in its order."""

    items = fields.List(fields.Nested(LogRecordSchema), attribute="records")
    total = fields.Integer(metadata=_about("Records of the log."))
    matched = fields.Integer(metadata=_about("Records that were wanted, on this page or not."))
    next_after = fields.Integer(allow_none=True, metadata=_about("Null on the last page."))


class TemplateSchema(Schema):
    """Records that differ only in their variable parts."""

    pattern = fields.String(metadata=_about("Redacted; `<*>` stands for what differs."))
    level = fields.Enum(Level)
    records = fields.Integer()
    lines = fields.Integer()
    first = fields.Integer(metadata=_about("Line of the first of them."))
    last = fields.Integer(metadata=_about("Line of the last of them."))


class LogStatisticsSchema(Schema):
    """How a log is made up."""

    lines = fields.Integer()
    lines_blank = fields.Integer()
    records = fields.Integer()
    levels = fields.Function(
        lambda found: {level.name: count for level, count in found.levels.items()},
        metadata=_about("Records of each level, the loudest first.", type="object"),
    )
    redactions = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata=_about("Values that would be hidden, by kind.")
    )
    first_error = fields.Integer(allow_none=True, metadata=_about("Line of the first significant error."))
    templates = fields.List(fields.Nested(TemplateSchema), metadata=_about("The most telling first."))


class PlanSchema(Schema):
    """What would become of a log: nothing was stored, nobody was asked."""

    provider = fields.String(metadata=_about("Asked first."))
    model = fields.String()
    chain = fields.List(fields.String(), metadata=_about("Who may be asked, in order; the rules come last."))
    coverage = fields.Nested(CoverageSchema, metadata=_about("What would be shown, and what would be redacted."))
    calls = fields.Integer(
        metadata=_about("Questions: more than one for errors that one prompt cannot show; 0: no model.")
    )
    prompt_tokens = fields.Integer(
        metadata=_about("Of all calls. Estimated, rather too many than too few; 0 without a model.")
    )
    max_completion_tokens = fields.Integer(metadata=_about("The most that the answers may have."))
    max_cost_usd = fields.Float(
        allow_none=True, metadata=_about("Of as many tokens; null when the model has no price.")
    )
