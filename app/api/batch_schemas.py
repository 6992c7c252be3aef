"""Batches as they come in and go out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load

from app.api.context import limits
from app.api.errors import MAX_ERRORS
from app.api.fields import checked_text
from app.api.schemas import AnalysisSchema, Strict, SubmissionSchema
from app.domain.batches import BatchStatus

MAX_CUSTOM_ID = 255


class CustomId(fields.String):
    """A name of the caller's own."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return checked_text(super()._deserialize(value, attr, data, **kwargs) or "", MAX_CUSTOM_ID)


class ItemKey(fields.String):
    """An idempotency key."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        key = super()._deserialize(value, attr, data, **kwargs) or ""
        longest = limits().max_idempotency_key_chars
        if not (key.strip() == key and key and key.isascii() and key.isprintable() and len(key) <= longest):
            raise ValidationError(f"1 to {longest} printable ASCII characters.")
        return key


class Items(fields.List[Any]):
    """As many as a batch may have, each with a name of its own."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        most = limits().max_batch_items
        if isinstance(value, list) and not 1 <= len(value) <= most:
            raise ValidationError(f"1 to {most} items (`limits.max_batch_items`).")
        if isinstance(value, list):
            _refuse_crowds(value)
        items: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        wrong = {**_again(items, "custom_id"), **_again(items, "idempotency_key")}
        if wrong:
            raise ValidationError(wrong)
        return items


class BatchItemSchema(SubmissionSchema):
    """A log to analyze, and what you call it."""

    custom_id = CustomId(
        required=True, metadata={"description": "Your name for it, unlike any other of this batch.", "maxLength": 255}
    )
    idempotency_key = ItemKey(
        allow_none=True,
        metadata={
            "description": "As the header `Idempotency-Key` of a single submission, which it shares its keys with: a "
            "known key with the same item stands for that analysis, in this batch, too.",
            "maxLength": 255,
        },
    )


class BatchDefaultsSchema(SubmissionSchema):
    """What holds for every item that does not say else."""

    class Meta(Strict.Meta):
        """Everything but the log."""

        exclude = ("log_content",)


class BatchSchema(Strict):
    """Logs to analyze."""

    #: Read by `app.api.bodies.read_batch`.
    IS_BATCH = True

    items = Items(fields.Nested(BatchItemSchema()), required=True, metadata={"minItems": 1})
    defaults = fields.Nested(BatchDefaultsSchema(), allow_none=True)

    @post_load
    def _whole(self, found: dict[str, Any], **_: Any) -> dict[str, Any]:
        defaults = found.get("defaults") or {}
        return {"items": [{**defaults, **item} for item in found["items"]]}


class CountsSchema(Schema):
    """How many items are in each state. They add up to `total`."""

    queued = fields.Integer()
    running = fields.Integer()
    retrying = fields.Integer()
    completed = fields.Integer()
    failed = fields.Integer()
    cancelled = fields.Integer()


class BatchOutSchema(Schema):
    """A batch."""

    id = fields.Integer()
    status = fields.Enum(
        BatchStatus,
        by_value=fields.String,
        metadata={"description": "`completed`: every item has ended, whether well or not."},
    )
    total = fields.Integer()
    counts = fields.Nested(CountsSchema())
    created_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "When its last item ended; null while one has not."}
    )
    links = fields.Function(
        lambda batch: {"self": f"/api/v1/batches/{batch.id}", "results": f"/api/v1/batches/{batch.id}/results"}
    )


class BatchResultSchema(Schema):
    """An item that has ended: one line of the results."""

    custom_id = fields.String(attribute="place.custom_id")
    position = fields.Integer(attribute="place.position", metadata={"description": "0 for the first item."})
    analysis = fields.Nested(AnalysisSchema())


def _refuse_crowds(items: list[Any]) -> None:
    """A message for each of a hundred thousand unknown fields would take seconds."""
    most = len(BatchItemSchema().fields) + MAX_ERRORS
    crowded = [number for number, item in enumerate(items) if isinstance(item, dict) and len(item) > most]
    if crowded:
        raise ValidationError({number: ["Too many fields."] for number in crowded})


def _again(items: list[Any], name: str) -> dict[int, dict[str, list[str]]]:
    """Those whose `name` an earlier one has."""
    seen: set[object] = set()
    wrong = {}
    for number, item in enumerate(items):
        value = item.get(name)
        if value is not None and value in seen:
            wrong[number] = {name: ["Another item has the same."]}
        seen.add(value)
    return wrong
