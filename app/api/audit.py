"""The audit log: who did which administrative act."""

from typing import Any

from marshmallow import Schema, fields

from app.api import cursors
from app.api.auth import needs
from app.api.context import caller, container, limits
from app.api.fields import Moment, Name
from app.api.parsing import Blueprint
from app.api.schemas import PageQuerySchema
from app.domain.audit import Act, EntryFilter
from app.domain.keys import Scope

blueprint = Blueprint(
    "audit log", __name__, url_prefix="/api/v1", description="Who did which administrative act, and when."
)


def _about(text: str) -> dict[str, object]:
    return {"description": text}


class EntryFilterSchema(PageQuerySchema):
    """Which entries to list."""

    actor = Name(metadata=_about("Done with the key of this prefix, or by `operator`."))
    act = fields.Enum(Act, by_value=fields.String, metadata=_about("What was done."))
    since = Moment(metadata=_about("Done at this time or later."))
    until = Moment(metadata=_about("Done before this time."))


class EntrySchema(Schema):
    """An administrative act."""

    id = fields.Integer()
    at = fields.AwareDateTime()
    actor = fields.String(metadata=_about("Prefix of the key it was done with; `operator`: on the server itself."))
    act = fields.String()
    subject = fields.String(metadata=_about("On what: a key's prefix, a prompt, a dead letter, the project."))
    details = fields.Dict(keys=fields.String(), metadata=_about("What became of it; never a secret or a log."))


class EntryPageSchema(Schema):
    """Some entries, latest first."""

    items = fields.List(fields.Nested(EntrySchema))
    next_cursor = fields.String(allow_none=True, metadata=_about("Null on the last page."))


@blueprint.route("/audit-log", methods=["GET"])
@needs(Scope.ADMIN)
@blueprint.arguments(EntryFilterSchema(), location="query")
@blueprint.response(200, EntryPageSchema())
def find(wanted: dict[str, Any]) -> object:
    """List administrative acts in the project, latest first.

    Each entry was written in the transaction of its act: one is not there without the other.
    """
    wanted.setdefault("limit", limits().page_default)
    page = container().auditing.list(EntryFilter(project_id=caller().project_id, **wanted))
    return {"items": page.items, "next_cursor": cursors.encode(page.next_before) if page.next_before else None}
