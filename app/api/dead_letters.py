"""Dead letters: list, look, replay, discard."""

import re
from typing import Any

from app import telemetry
from app.api import cursors
from app.api.auth import needs
from app.api.context import caller, container, limits
from app.api.dead_letter_schemas import (
    AutopsySchema,
    DeadLetterFilterSchema,
    DeadLetterPageSchema,
    ReplayedSchema,
    ReplaySchema,
)
from app.api.parsing import Blueprint
from app.api.schemas import AnalysisSchema, NothingSchema
from app.domain.dead_letters import DeadLetterFilter, Origin
from app.domain.errors import DeadLetterNotFound
from app.domain.keys import Scope

blueprint = Blueprint(
    "dead letters", __name__, url_prefix="/api/v1", description="What failed for good, until somebody looks at it."
)

#: The origin stands in the id: other origins count for themselves.
_ID = re.compile(rf"{Origin.ANALYSIS}-([1-9][0-9]{{0,18}})")

Answer = tuple[object, dict[str, str]]


@blueprint.route("/dead-letters", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(DeadLetterFilterSchema(), location="query")
@blueprint.response(200, DeadLetterPageSchema())
def find(wanted: dict[str, Any]) -> object:
    """List dead letters, latest failure first.

    Every failed analysis is one until it is replayed or discarded. Every page but the last has a `next_cursor`.
    """
    wanted.setdefault("limit", limits().page_default)
    page = container().dead_letters.list(DeadLetterFilter(project_id=caller().project_id, **wanted))
    return {"items": page.items, "next_cursor": cursors.encode(page.next_before) if page.next_before else None}


@blueprint.route("/dead-letters/<letter_id>", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, AutopsySchema())
def look(_nothing: dict[str, Any], letter_id: str) -> object:
    """Look at a dead letter: why it failed, and everything that was tried."""
    return container().dead_letters.get(caller().project_id, _id(letter_id))


@blueprint.route("/dead-letters/<letter_id>/replay", methods=["POST"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(
    202,
    AnalysisSchema(),
    description="It goes again, from the beginning.",
    headers={"Location": {"description": "Where to look.", "schema": {"type": "string"}}},
)
def replay(_nothing: dict[str, Any], letter_id: str) -> Answer:
    """Replay a dead letter.

    Its analysis keeps its id, has all its attempts again, and loses its deadline, which is over.
    """
    project = caller().project_id
    analysis_id = container().dead_letters.replay(project, _id(letter_id))
    headers = {"Location": f"/api/v1/analyses/{analysis_id}", "Retry-After": "1"}
    return container().analyses.get(project, analysis_id), headers


@blueprint.route("/dead-letters/replay", methods=["POST"])
@needs(Scope.ADMIN)
@blueprint.arguments(ReplaySchema())
@blueprint.response(202, ReplayedSchema(), description="They go again.")
def replay_all(wanted: dict[str, Any]) -> object:
    """Replay dead letters by filter, oldest failure first.

    An empty object means all of them. A call replays at most `limit`: call again while `more` is true.
    """
    wanted.setdefault("limit", limits().max_replays)
    return container().dead_letters.replay_all(DeadLetterFilter(project_id=caller().project_id, **wanted))


@blueprint.route("/dead-letters/<letter_id>", methods=["DELETE"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(204, NothingSchema(), description="Discarded.")
def discard(_nothing: dict[str, Any], letter_id: str) -> None:
    """Discard a dead letter.

    It is listed no more. Its analysis stays in the history, failed, and can still be sent again by its own `retry`.
    """
    container().dead_letters.discard(caller().project_id, _id(letter_id))


def _id(text: str) -> int:
    """What is not an id is the id of nothing."""
    found = _ID.fullmatch(text)
    if found is None or int(found[1]) > cursors.MAX_ID:
        raise DeadLetterNotFound
    telemetry.bind(analysis_id=int(found[1]))
    return int(found[1])
