"""Dead letters: list, look, replay, discard."""

import re
from typing import Any

import orjson
from flask import Response

from app import telemetry
from app.api import cursors
from app.api.auth import needs
from app.api.context import caller, container, limits
from app.api.dead_letter_schemas import (
    AutopsySchema,
    DeadLetterFilterSchema,
    DeadLetterPageSchema,
    DeadLetterSchema,
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
_ID = re.compile(rf"({'|'.join(Origin)})-([1-9][0-9]{{0,18}})")

Answer = tuple[object, dict[str, str]]


@blueprint.route("/dead-letters", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(DeadLetterFilterSchema(), location="query")
@blueprint.response(200, DeadLetterPageSchema())
def find(wanted: dict[str, Any]) -> object:
    """List dead letters, latest failure first.

    Every failed analysis is one until it is replayed or discarded, and so is every record of Kafka that could not be
    accepted. Every page but the last has a `next_cursor`.
    """
    wanted.setdefault("limit", limits().page_default)
    page = container().dead_letters.list(DeadLetterFilter(project_id=caller().project_id, **wanted))
    return {"items": page.items, "next_cursor": cursors.encode(page.next_before) if page.next_before else None}


@blueprint.route("/dead-letters/<letter_id>", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, AutopsySchema())
def look(_nothing: dict[str, Any], letter_id: str) -> object:
    """Look at a dead letter: why it failed, and everything that was tried; for a record, as it came."""
    origin, number = _id(letter_id)
    return container().dead_letters.get(caller().project_id, number, origin=origin)


@blueprint.route("/dead-letters/<letter_id>/replay", methods=["POST"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.alt_response(200, schema=DeadLetterSchema(), description="It is a record: a bridge takes it in again.")
@blueprint.response(
    202,
    AnalysisSchema(),
    description="It goes again, from the beginning.",
    headers={"Location": {"description": "Where to look.", "schema": {"type": "string"}}},
)
def replay(_nothing: dict[str, Any], letter_id: str) -> Answer | Response:
    """Replay a dead letter.

    Its analysis keeps its id, has all its attempts again, and loses its deadline, which is over. A record is read again
    by the next bridge that runs, at most `kafka.max_replays` times.
    """
    me = caller()
    project = me.project_id
    origin, number = _id(letter_id)
    if origin is Origin.RECORD:
        letter = container().dead_letters.replay_record(project, number, actor=me.prefix)
        return Response(orjson.dumps(DeadLetterSchema().dump(letter)), content_type="application/json")
    analysis_id = container().dead_letters.replay(project, number, actor=me.prefix)
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
    me = caller()
    return container().dead_letters.replay_all(DeadLetterFilter(project_id=me.project_id, **wanted), actor=me.prefix)


@blueprint.route("/dead-letters/<letter_id>", methods=["DELETE"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(204, NothingSchema(), description="Discarded.")
def discard(_nothing: dict[str, Any], letter_id: str) -> None:
    """Discard a dead letter.

    It is listed no more. Its analysis stays in the history, failed, and can still be sent again by its own `retry`; a
    record is deleted with `retention.days`.
    """
    me = caller()
    origin, number = _id(letter_id)
    container().dead_letters.discard(me.project_id, number, origin=origin, actor=me.prefix)


def _id(text: str) -> tuple[Origin, int]:
    """What is not an id is the id of nothing."""
    found = _ID.fullmatch(text)
    if found is None or int(found[2]) > cursors.MAX_ID:
        raise DeadLetterNotFound
    if found[1] == Origin.ANALYSIS:
        telemetry.bind(analysis_id=int(found[2]))
    return Origin(found[1]), int(found[2])
