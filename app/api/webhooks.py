"""Webhooks: list deliveries, send one again."""

import re
from typing import Any

from marshmallow import Schema, fields

from app.api import cursors
from app.api.auth import needs
from app.api.context import caller, container, limits
from app.api.fields import Id, Moment
from app.api.parsing import Blueprint
from app.api.schemas import FailureSchema, NothingSchema, PageQuerySchema
from app.domain.deliveries import DeliveryFilter, DeliveryStatus, WebhookFormat
from app.domain.errors import DeliveryNotFound
from app.domain.keys import Scope

blueprint = Blueprint(
    "webhooks", __name__, url_prefix="/api/v1", description="What was sent to a `webhook_url`, and what was not."
)

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _about(text: str) -> dict[str, object]:
    return {"description": text}


class DeliveryFilterSchema(PageQuerySchema):
    """Which deliveries to list."""

    status = fields.Enum(
        DeliveryStatus, by_value=fields.String, metadata=_about("`waiting`, `delivered` or `given_up`.")
    )
    analysis_id = Id(metadata=_about("Of this analysis."))
    since = Moment(metadata=_about("Of events at this time or later."))
    until = Moment(metadata=_about("Of events before this time."))


class DeliverySchema(Schema):
    """An event on its way to a receiver."""

    id = fields.String(metadata=_about("What the receiver gets as `webhook-id`, at each attempt."))
    type = fields.String(attribute="kind", metadata=_about("analysis.completed, analysis.failed, analysis.cancelled"))
    analysis_id = fields.Integer()
    receiver = fields.String(
        attribute="origin", metadata=_about("Scheme, host and port: the rest of a `webhook_url` may be a secret.")
    )
    format = fields.Enum(WebhookFormat, by_value=fields.String, attribute="format_")
    status = fields.Enum(DeliveryStatus, by_value=fields.String)
    attempts = fields.Integer(
        metadata=_about(
            "Made so far, those included that ended before anything was sent: a refused address, a gone receiver."
        )
    )
    error = fields.Nested(FailureSchema, allow_none=True, metadata=_about("Why the last attempt failed."))
    created_at = fields.AwareDateTime(metadata=_about("When it happened."))
    next_attempt_at = fields.AwareDateTime(allow_none=True, metadata=_about("Null when there is none to come."))
    delivered_at = fields.AwareDateTime(allow_none=True)
    given_up_at = fields.AwareDateTime(allow_none=True)
    links = fields.Function(
        lambda delivery: {
            "analysis": f"/api/v1/analyses/{delivery.analysis_id}",
            "redeliver": f"/api/v1/webhooks/{delivery.id}/redeliver",
        }
    )


class DeliveryPageSchema(Schema):
    """Some deliveries, latest event first."""

    items = fields.List(fields.Nested(DeliverySchema))
    next_cursor = fields.String(allow_none=True, metadata=_about("Null on the last page."))


@blueprint.route("/webhooks", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(DeliveryFilterSchema(), location="query")
@blueprint.response(200, DeliveryPageSchema())
def find(wanted: dict[str, Any]) -> object:
    """List deliveries of webhooks, latest event first.

    They are deleted with their analyses. Every page but the last has a `next_cursor`.
    """
    wanted.setdefault("limit", limits().page_default)
    page = container().deliveries.list(DeliveryFilter(project_id=caller().project_id, **wanted))
    return {"items": page.items, "next_cursor": cursors.encode(page.next_before) if page.next_before else None}


@blueprint.route("/webhooks/<delivery_id>/redeliver", methods=["POST"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(202, DeliverySchema(), description="It is sent again.")
def redeliver(_nothing: dict[str, Any], delivery_id: str) -> object:
    """Send a delivery again, whatever became of it.

    Under the same id, at once, and on a schedule that begins anew. A receiver that had answered 410 is sent to again.
    One that is being sent at this moment goes on as it does.
    """
    if not _ID.fullmatch(delivery_id):
        raise DeliveryNotFound
    me = caller()
    return container().deliveries.redeliver(me.project_id, delivery_id, actor=me.prefix)
