"""Batches: submit many, look at all of them together, read their results, cancel."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from flask import Response, g

from app.api import batch_schemas as schemas
from app.api import paths, rates
from app.api.analyses import Answer, idempotency_key
from app.api.auth import needs
from app.api.context import caller, container
from app.api.errors import FieldError, RequestInvalid
from app.api.openapi import IDEMPOTENCY_KEY
from app.api.parsing import Blueprint
from app.api.schemas import NothingSchema
from app.domain.analyses import Submission
from app.domain.batches import Batch, BatchItem, BatchRefused, BatchStatus, ItemTrouble, NewBatch
from app.domain.keys import Scope
from app.domain.rates import Rate
from app.services.batches import BatchResult

blueprint = Blueprint("batches", __name__, url_prefix="/api/v1", description="Many logs in one call.")

_BATCH = schemas.BatchOutSchema()
_RESULT = schemas.BatchResultSchema()
_RUNNING = frozenset({BatchStatus.RUNNING, BatchStatus.CANCELLING})
#: Seconds between two looks that we ask of a caller.
_POLL_SECONDS = "2"


@blueprint.route("/batches", methods=["POST"])
@needs(Scope.SUBMIT)
@blueprint.doc(parameters=[IDEMPOTENCY_KEY])
@blueprint.arguments(schemas.BatchSchema())
@blueprint.response(
    202,
    _BATCH,
    description="Accepted, durably: all of it.",
    headers={
        "Location": {"description": "Where to look.", "schema": {"type": "string"}},
        "Retry-After": {"description": "When to look, in seconds.", "schema": {"type": "integer"}},
        "Idempotency-Replayed": {"description": "`true`: this is the first one again.", "schema": {"type": "string"}},
    },
)
def submit(fields: dict[str, Any]) -> Answer:
    """Submit many logs.

    All of them are accepted, or none is: 422 names each item that cannot be, as `items.3.log_content`. Accepted items
    are analyses like any other, and what becomes of one touches no other. Each of them counts as a submission of
    the key.
    """
    # the request has been counted; each item is a submission of its own
    if more := len(fields["items"]) - 1:
        rates.count(caller(), Rate.SUBMIT, requests=more)
    new = NewBatch(
        project_id=caller().project_id,
        items=[_item(item) for item in fields["items"]],
        idempotency_key=idempotency_key(),
        request_id=g.request_id,
    )
    try:
        submitted = container().batches.submit(new)
    except BatchRefused as refused:
        raise RequestInvalid([_field(one) for one in refused.found]) from refused
    headers = {"Location": f"/api/v1/batches/{submitted.batch.id}", **_again(submitted.batch)}
    if submitted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return submitted.batch, headers


@blueprint.route("/batches/<batch_id>")
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, _BATCH)
def look(_nothing: dict[str, Any], batch_id: str) -> Answer:
    """Look at a batch.

    The counts are of one moment. `Retry-After` says when to look again; it is missing once every item has ended.
    """
    batch = container().batches.get(caller().project_id, paths.batch_id(batch_id))
    return batch, _again(batch)


@blueprint.route("/batches/<batch_id>/results")
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.doc(
    responses={
        "200": {
            "description": "`{custom_id, position, analysis}` on each line, in the order of the batch.",
            "content": {"application/jsonl": {"schema": {"type": "string"}}},
        }
    }
)
def results(_nothing: dict[str, Any], batch_id: str) -> Response:
    """Read the results of a batch.

    Of the items that have ended, also while others run.
    """
    pages = container().batches.results(caller().project_id, paths.batch_id(batch_id))
    return Response(_lines(pages), content_type="application/jsonl; charset=utf-8")


@blueprint.route("/batches/<batch_id>/cancel", methods=["POST"])
@needs(Scope.SUBMIT)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(202, _BATCH, description="Asked to stop.")
def cancel(_nothing: dict[str, Any], batch_id: str) -> Answer:
    """Cancel a batch.

    Items that wait are cancelled at once, those that run within a second; those that have ended stay as they are.
    """
    batch = container().batches.cancel(caller().project_id, paths.batch_id(batch_id))
    return batch, _again(batch)


def _item(fields: dict[str, Any]) -> BatchItem:
    given = dict(fields)
    custom_id = given.pop("custom_id")
    # of a body that was not all text, nobody knows which item which byte was in: what stands for one is counted
    replaced = given["log"].count("\ufffd") if g.bytes_replaced else 0
    submission = Submission(project_id=caller().project_id, bytes_replaced=replaced, request_id=g.request_id, **given)
    return BatchItem(custom_id=custom_id, submission=submission)


def _field(trouble: ItemTrouble) -> FieldError:
    path = ".".join(part for part in ("items", str(trouble.position), trouble.field) if part)
    return FieldError(where="body", field=path, message=f"{trouble.error.detail} ({trouble.error.code})")


def _again(batch: Batch) -> dict[str, str]:
    return {"Retry-After": _POLL_SECONDS} if batch.status in _RUNNING else {}


def _lines(pages: Iterator[Sequence[BatchResult]]) -> Iterator[bytes]:
    for page in pages:
        if page:
            yield b"".join(orjson.dumps(_RESULT.dump(one)) + b"\n" for one in page)
