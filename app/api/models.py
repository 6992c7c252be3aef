"""Which models there are to be asked."""

from typing import Any

from marshmallow import Schema, fields

from app.api.auth import needs
from app.api.context import container
from app.api.parsing import Blueprint
from app.api.schemas import NothingSchema
from app.domain.analyses import Source
from app.domain.keys import Scope

blueprint = Blueprint("models", __name__, description="What the providers offer.")


class OfferSchema(Schema):
    """A provider and its models."""

    provider = fields.String(attribute="offer.provider")
    sources = fields.List(
        fields.Enum(Source, by_value=fields.String), metadata={"description": "Each `source` that may ask it."}
    )
    model = fields.String(
        attribute="offer.model", metadata={"description": "The one used when a submission names none."}
    )
    models = fields.List(fields.String(), attribute="offer.models")
    listed = fields.Boolean(
        attribute="offer.listed", metadata={"description": "False: it did not tell; `models` are those we know of."}
    )
    detail = fields.String(attribute="offer.detail")


class OffersSchema(Schema):
    """Every provider of this server."""

    items = fields.List(fields.Nested(OfferSchema))


@blueprint.route("/api/v1/models")
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, OffersSchema())
def models(_nothing: dict[str, Any]) -> object:
    """List the models that each provider of this server offers.

    What they say is remembered for a minute (`ai.models_seconds`); one that does not answer within 3 seconds is listed
    with the model that is configured.
    """
    return {"items": container().models.list()}
