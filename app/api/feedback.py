"""What people say of an analysis."""

from typing import Any

from marshmallow import Schema, fields

from app.api import paths
from app.api.auth import needs
from app.api.context import caller, container
from app.api.fields import Comment
from app.api.parsing import Blueprint
from app.api.schemas import NothingSchema, Strict
from app.domain.keys import Scope
from app.domain.rates import Rate
from app.domain.stored_prompts import Feedback, Rating

blueprint = Blueprint("feedback", __name__, url_prefix="/api/v1", description="Was the diagnosis of use?")


class RatingSchema(Strict):
    """What somebody thinks of a diagnosis."""

    rating = fields.Enum(Rating, by_value=fields.String, required=True)
    comment = Comment(
        allow_none=True, load_default=None, metadata={"description": "Why; for people.", "maxLength": 2000}
    )


class FeedbackSchema(Schema):
    """What was said last."""

    analysis_id = fields.Integer()
    rating = fields.Enum(Rating, by_value=fields.String)
    comment = fields.String(allow_none=True)
    updated_at = fields.AwareDateTime()


@blueprint.route("/analyses/<analysis_id>/feedback", methods=["PUT"])
@needs(Scope.SUBMIT, rate=Rate.READ)
@blueprint.arguments(RatingSchema())
@blueprint.response(200, FeedbackSchema())
def rate(said: dict[str, Any], analysis_id: str) -> Feedback:
    """Rate a completed analysis.

    An analysis has one feedback: the last word counts, its comment or the lack of one included. It also counts for the
    version of the prompt that was used, unless the rules answered in place of a model. It is deleted with its analysis;
    the counts stay.
    """
    found: Feedback = container().feedbacks.rate(
        caller().project_id, paths.analysis_id(analysis_id), said["rating"], said["comment"]
    )
    return found


@blueprint.route("/analyses/<analysis_id>/feedback", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, FeedbackSchema())
def look(_nothing: dict[str, Any], analysis_id: str) -> Feedback:
    """Look at what was said of an analysis; 404 when nobody has said anything."""
    found: Feedback = container().feedbacks.get(caller().project_id, paths.analysis_id(analysis_id))
    return found
