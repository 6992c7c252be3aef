"""API keys of the project: make, list, limit, rotate, revoke."""

import re
from typing import Any

from app.api import key_schemas as schemas
from app.api.auth import needs
from app.api.context import caller, container
from app.api.parsing import Blueprint
from app.api.schemas import NothingSchema
from app.domain.errors import KeyNotFound
from app.domain.keys import KeyLimits, Scope

blueprint = Blueprint(
    "api keys", __name__, url_prefix="/api/v1", description="Who may ask: keys of the project of the key that asks."
)
#: The same two at the paths that were there first.
own = Blueprint("api keys, first paths", __name__, description="As under `/api/v1/api-keys`.")

_PREFIX = re.compile(r"[0-9a-f]{8}")


@own.route("/api-keys", methods=["GET"])
@blueprint.route("/api-keys", methods=["GET"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, schemas.KeysSchema())
def find(_nothing: dict[str, Any]) -> object:
    """List the project's API keys, newest first, without their secrets."""
    return {"items": container().keys.list(caller().project_id)}


@own.route("/api-keys", methods=["POST"])
@blueprint.route("/api-keys", methods=["POST"])
@needs(Scope.ADMIN)
@blueprint.arguments(schemas.NewKeySchema())
@blueprint.response(201, schemas.CreatedKeySchema(), description="Made. Its `token` is not shown again.")
def create(given: dict[str, Any]) -> object:
    """Make an API key for the project.

    It may have any scope, and its limits are its own.
    """
    limits = {name: given.pop(name) for name in KeyLimits.__slots__ if name in given}
    me = caller()
    return container().keys.create(**given, project=me.project, limits=KeyLimits(**limits), actor=me.prefix)


@blueprint.route("/api-keys/<prefix>", methods=["PATCH"])
@needs(Scope.ADMIN)
@blueprint.arguments(schemas.KeyLimitsSchema())
@blueprint.response(200, schemas.KeySchema())
def limit(given: dict[str, Any], prefix: str) -> object:
    """Change how often an API key may be used.

    It holds in every process within 3 seconds. What was used in the last hour counts.
    """
    me = caller()
    return container().keys.limit(_prefix(prefix), given, project_id=me.project_id, actor=me.prefix)


@blueprint.route("/api-keys/<prefix>/rotate", methods=["POST"])
@needs(Scope.ADMIN)
@blueprint.arguments(schemas.RotationSchema())
@blueprint.response(201, schemas.RotatedKeySchema(), description="Made. Its `token` is not shown again.")
def rotate(given: dict[str, Any], prefix: str) -> object:
    """Rotate an API key: a new one like it, while the old one stays valid for a time.

    The new one has the name, scopes and limits of the old one, and when that one expires, as long a life.
    """
    me = caller()
    overlap = given["overlap_seconds"]
    return container().keys.rotate(_prefix(prefix), overlap=overlap, project_id=me.project_id, actor=me.prefix)


@blueprint.route("/api-keys/<prefix>/revoke", methods=["POST"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, schemas.KeySchema(), description="Revoked.")
def revoke(_nothing: dict[str, Any], prefix: str) -> object:
    """Revoke an API key: within 3 seconds no process takes it any more."""
    me = caller()
    return container().keys.revoke(_prefix(prefix), project_id=me.project_id, actor=me.prefix)


def _prefix(text: str) -> str:
    """What is no prefix is that of nothing."""
    if not _PREFIX.fullmatch(text):
        raise KeyNotFound
    return text
