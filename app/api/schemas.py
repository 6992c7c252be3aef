"""What goes in and what comes out: the one place that checks requests, shapes answers and feeds the OpenAPI document.

Instances are made once: making a schema costs more than using it.
"""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_dump, post_load, validate

from app.api import cursors
from app.api.fields import Deadline, Metadata, Moment, Name, PageSize, PromptChoice, Tag, Tags, Wait, Word
from app.domain.analyses import CacheMode, Language, Mask, Priority, Source, Stage, Status
from app.domain.deliveries import WebhookFormat
from app.domain.diagnoses import Doubt, Severity


def _about(text: str, **more: object) -> dict[str, object]:
    return {"description": text, **more}


class Strict(Schema):
    """What is not known is an error, not silence."""

    class Meta:
        """Refuse strangers, keep the order."""

        unknown = RAISE

    error_messages = {"unknown": "Unknown field.", "type": "Must be a JSON object."}  # noqa: RUF012 - marshmallow's way


class SubmissionSchema(Strict):
    """A log to analyze."""

    #: Query parameters that say how to take the submission, and are no part of it.
    ABOUT_THE_CALL = frozenset({"dry_run"})

    log_content = fields.String(
        required=True,
        attribute="log",
        metadata=_about(
            "The log as text. NUL is removed, lone surrogates are replaced; both are counted.", minLength=1
        ),
    )
    source = fields.Enum(
        Source,
        by_value=fields.String,
        metadata=_about(
            "Who answers: a local model, one in the cloud, the rules, or the configured chain.", default="auto"
        ),
    )
    model = Name(allow_none=True, metadata=_about("Another model than the provider's own default.", maxLength=100))
    service_name = Name(allow_none=True, metadata=_about("The service that wrote the log.", maxLength=100))
    environment = Name(allow_none=True, metadata=_about("Where it runs: production, staging, …", maxLength=100))
    analysis_type = Word(metadata=_about("What to look for.", default="error", pattern=Word.PATTERN))
    priority = fields.Enum(Priority, metadata=_about("Which of two waiting analyses goes first.", default="NORMAL"))
    tags = Tags(metadata=_about("Words to find it by.", maxItems=32))
    language = fields.Enum(
        Language, by_value=fields.String, metadata=_about("The language of the diagnosis.", default="en")
    )
    cache = fields.Enum(
        CacheMode,
        by_value=fields.String,
        metadata=_about(
            "Whether an earlier answer may be given again: to the same log, or to one with the same warnings and "
            "errors (`similar`), its quotes checked again.",
            default="exact",
        ),
    )
    prompt = PromptChoice(
        allow_none=True,
        metadata=_about("A stored prompt: `name`, `name@label` or `name@3`.", default="default", maxLength=101),
    )
    mask = fields.Enum(
        Mask,
        by_value=fields.String,
        metadata=_about(
            "Which addresses and host names a model must not see: none, the public IP addresses, or all of them and "
            "host names. The answer names them. Default: the server's `redaction.mask`."
        ),
    )
    deadline_seconds = Deadline(
        allow_none=True, metadata=_about("After this long it fails instead of finishing late.", exclusiveMinimum=0)
    )
    metadata = Metadata(metadata=_about("Anything of yours, returned unchanged."))
    webhook_url = fields.String(
        allow_none=True,
        metadata=_about("The analysis is sent here when it has ended.", format="uri", maxLength=2048),
    )
    webhook_format = fields.Enum(
        WebhookFormat,
        by_value=fields.String,
        allow_none=True,
        metadata=_about(
            "What is sent there: the analysis as here, or a message for Slack and what is compatible with it.",
            default="standard",
        ),
    )

    @post_load
    def _shape(self, found: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Null is the same as not given; a webhook is one way to be told."""
        given = {name: value for name, value in found.items() if value is not None}
        url, wished = given.pop("webhook_url", None), given.pop("webhook_format", None)
        if url is None and wished is not None:
            raise ValidationError({"webhook_format": ["Only with a webhook_url."]})
        if url is None:
            return given
        return {**given, "callback": {"kind": "webhook", "url": url} | ({"format": wished.value} if wished else {})}


class PageQuerySchema(Strict):
    """Which page of a list."""

    error_messages = {"unknown": "Unknown query parameter."}  # noqa: RUF012 - marshmallow's way

    limit = PageSize(metadata=_about("How many at most: 1 to 500.", default=50, minimum=1, maximum=500))
    cursor = fields.String(metadata=_about("The `next_cursor` of the page before."))

    @post_load
    def _place(self, found: dict[str, Any], **_: Any) -> dict[str, Any]:
        cursor = found.pop("cursor", None)
        if cursor is not None:
            found["before"] = cursors.decode(cursor)
        return found


class FilterSchema(PageQuerySchema):
    """Which analyses to list."""

    status = fields.Enum(Status, by_value=fields.String)
    service_name = Name()
    environment = Name()
    model = Name()
    severity = fields.Enum(Severity, by_value=fields.String, metadata=_about("Of the diagnosis."))
    tag = Tag(metadata=_about("Has this tag."))
    source = fields.Enum(Source, by_value=fields.String, metadata=_about("As it was asked for."))
    since = Moment(metadata=_about("Accepted at this time or later."))
    until = Moment(metadata=_about("Accepted before this time."))


class LookSchema(Strict):
    """How to show one analysis."""

    error_messages = {"unknown": "Unknown query parameter."}  # noqa: RUF012 - marshmallow's way

    include = fields.String(
        validate=validate.OneOf(["log_content"]), metadata=_about("Also return the log: `log_content`.")
    )
    wait = Wait(metadata=_about("Seconds to hold the answer, at most, until the analysis has ended.", minimum=0))


class NothingSchema(Strict):
    """No parameters at all."""

    error_messages = {"unknown": "Unknown query parameter."}  # noqa: RUF012 - marshmallow's way


class EvidenceSchema(Schema):
    """A line of the log, quoted: `text` really stands in line `line`."""

    line = fields.Integer(metadata=_about("1-based, in the log as it was sent."))
    text = fields.String(metadata=_about("Secrets in it are replaced by placeholders."))


class DiagnosisSchema(Schema):
    """What is wrong, why, and what to do."""

    summary = fields.String()
    root_cause = fields.String()
    recommendation = fields.String()
    severity = fields.Enum(Severity, by_value=fields.String)
    confidence = fields.Float(metadata=_about("Between 0 and 1."))
    issues_found = fields.Boolean(metadata=_about("False for a healthy log."))
    evidence = fields.List(fields.Nested(EvidenceSchema))
    doubts = fields.List(
        fields.Enum(Doubt, by_value=fields.String),
        metadata=_about("Why it is believed less than its author believes it; each has lowered `confidence`."),
    )


class LeftOutSchema(Schema):
    """Lines that reached no model, and why."""

    reason = fields.String()
    lines = fields.Integer()


class CoverageSchema(Schema):
    """What became of every line: total = blank + sent + counted + left out."""

    bytes_total = fields.Integer()
    bytes_replaced = fields.Integer(metadata=_about("Not valid text; replaced or removed."))
    lines_total = fields.Integer()
    lines_blank = fields.Integer()
    lines_sent = fields.Integer(metadata=_about("Shown word for word."))
    lines_cut = fields.Integer(metadata=_about("Of those sent, how many lost their middle."))
    lines_counted = fields.Integer(metadata=_about("Stood for by a template that was shown with its count."))
    left_out = fields.List(fields.Nested(LeftOutSchema))
    records = fields.Integer()
    templates = fields.Integer()
    templates_sent = fields.Integer()
    redactions = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata=_about("Redacted values by kind."))
    tokens_estimated = fields.Integer()
    token_budget = fields.Integer()
    evidence_cited = fields.Integer()
    evidence_dropped = fields.Integer(metadata=_about("Cited, but not in the log."))
    windows = fields.Integer(metadata=_about("Prompts that errors needed beyond the first one."))
    windows_asked = fields.Integer(metadata=_about("How many of these a model answered."))
    similar_to = fields.Integer(
        allow_none=True,
        metadata=_about("The analysis whose answer was taken over: its log has the same warnings and errors."),
    )


class UsageSchema(Schema):
    """What the model calls cost."""

    prompt_tokens = fields.Integer()
    completion_tokens = fields.Integer()
    cost_usd = fields.Function(
        lambda usage: usage.cost_usd,
        metadata=_about(
            "By list prices, or the operator's own; null when the model has none.", type=["number", "null"]
        ),
    )
    estimated = fields.Boolean(metadata=_about("The provider did not tell its tokens; we estimated them."))


class FailureSchema(Schema):
    """Why it did not succeed."""

    code = fields.String(metadata=_about("Stable; documented."))
    detail = fields.String()
    retryable = fields.Boolean()


class PromptRefSchema(Schema):
    """A version of a stored prompt."""

    name = fields.String()
    version = fields.Integer(metadata=_about("0: what comes with Bifrost."))


class LinksSchema(Schema):
    """Where to go from here."""

    self = fields.String()


class AnalysisSchema(Schema):
    """An analysis."""

    id = fields.Integer()
    status = fields.Enum(Status, by_value=fields.String)
    stage = fields.Enum(Stage, by_value=fields.String)
    source = fields.Enum(Source, by_value=fields.String)
    model = fields.String(allow_none=True)
    provider = fields.String(allow_none=True)
    degraded = fields.Boolean(metadata=_about("The rules answered because no model did."))
    cached = fields.Boolean()
    cached_from = fields.Integer(
        allow_none=True, metadata=_about("The analysis whose answer this is; while it waits, whose answer it will be.")
    )
    diagnosis = fields.Nested(DiagnosisSchema, allow_none=True)
    response = fields.String(allow_none=True, metadata=_about("The diagnosis as Markdown."))
    coverage = fields.Nested(CoverageSchema, allow_none=True)
    usage = fields.Nested(UsageSchema, allow_none=True)
    attempts = fields.Integer()
    replays = fields.Integer(metadata=_about("How often it was sent again after it had failed or was cancelled."))
    error = fields.Nested(FailureSchema, allow_none=True)
    prompt = fields.Nested(
        PromptRefSchema, allow_none=True, metadata=_about("The stored prompt it uses; null when the rules are asked.")
    )
    service_name = fields.String(allow_none=True)
    environment = fields.String(allow_none=True)
    analysis_type = fields.String()
    priority = fields.Enum(Priority)
    language = fields.Enum(Language, by_value=fields.String)
    tags = fields.List(fields.String())
    metadata = fields.Dict()
    request_id = fields.String(allow_none=True)
    correlation_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    started_at = fields.AwareDateTime(allow_none=True)
    finished_at = fields.AwareDateTime(allow_none=True)
    duration_seconds = fields.Float(allow_none=True, metadata=_about("From acceptance to the end."))
    links = fields.Function(lambda analysis: {"self": f"/api/v1/analyses/{analysis.id}"})


class AnalysisWithLogSchema(AnalysisSchema):
    """An analysis, and the log it is about when it was asked for."""

    log_content = fields.String(
        allow_none=True, metadata=_about("Only with `?include=log_content`; null when it was deleted.")
    )
    log_deleted = fields.Boolean(metadata=_about("Only with a `log_content` that is null: its time was over."))

    @post_dump
    def _only_when_asked(self, shown: dict[str, Any], **_: Any) -> dict[str, Any]:
        if not shown["log_deleted"]:
            del shown["log_deleted"]
            if shown["log_content"] is None:
                del shown["log_content"]
        return shown


class PageSchema(Schema):
    """Some analyses, newest first."""

    items = fields.List(fields.Nested(AnalysisSchema))
    next_cursor = fields.String(allow_none=True, metadata=_about("Null on the last page."))


class LiveSchema(Schema):
    """The process answers."""

    status = fields.String(metadata=_about("ok"))


class CheckSchema(Schema):
    """The state of one part."""

    name = fields.String()
    ok = fields.Boolean()
    needed = fields.Boolean(metadata=_about("Without it nothing is accepted."))
    detail = fields.String(metadata=_about("What to do when it is not ok."))


class ReadySchema(Schema):
    """The state of every part."""

    status = fields.String(metadata=_about("ready; degraded: accepted, but perhaps late or by the rules; unavailable"))
    checks = fields.List(fields.Nested(CheckSchema))
