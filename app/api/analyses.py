"""Analyses: submit, look, list, cancel, retry."""

import re
from typing import Any

from flask import Response, g, jsonify, request

from app.api import cursors, paths, schemas, waits
from app.api.auth import needs
from app.api.context import caller, container, limits
from app.api.errors import FieldError, RequestInvalid
from app.api.log_schemas import PlanSchema
from app.api.openapi import DRY_RUN, IDEMPOTENCY_KEY, SUBMISSION_BODY
from app.api.parsing import Blueprint
from app.domain.analyses import TERMINAL, Analysis, Filter, Submission
from app.domain.keys import Scope
from app.domain.rates import Rate

blueprint = Blueprint("analyses", __name__, url_prefix="/api/v1", description="A log goes in, a diagnosis comes out.")

_ANALYSIS = schemas.AnalysisSchema()
_ANALYSIS_WITH_LOG = schemas.AnalysisWithLogSchema()
_PAGE = schemas.PageSchema()
_PLAN = PlanSchema()
#: Seconds between two looks that we ask of a caller.
_POLL_SECONDS = 1
_KEY_CHARS = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")

Answer = tuple[object, dict[str, str]]


@blueprint.route("/analyses", methods=["POST"])
@needs(Scope.SUBMIT)
@blueprint.doc(requestBody=SUBMISSION_BODY, parameters=[IDEMPOTENCY_KEY, DRY_RUN])
@blueprint.arguments(schemas.SubmissionSchema())
@blueprint.response(
    202,
    _ANALYSIS,
    description="Accepted, durably.",
    headers={
        "Location": {"description": "Where to look.", "schema": {"type": "string"}},
        "Retry-After": {"description": "When to look, in seconds.", "schema": {"type": "integer"}},
        "Idempotency-Replayed": {"description": "`true`: this is the first one again.", "schema": {"type": "string"}},
    },
)
@blueprint.alt_response(
    200, schema=_PLAN, description="With `dry_run=true`: the plan. Nothing is stored.", success=True
)
def submit(fields: dict[str, Any]) -> Answer | Response:
    """Submit a log.

    The answer comes when the analysis is stored: it will end, whatever happens to the processes in between. With
    `dry_run=true` it is the plan instead: who would be asked, what would be shown and redacted, what it would cost.
    """
    submission = Submission(
        project_id=caller().project_id,
        bytes_replaced=g.bytes_replaced,
        idempotency_key=idempotency_key(),
        request_id=g.request_id,
        **fields,
    )
    if _is_dry_run():
        return jsonify(_PLAN.dump(container().previews.plan(submission)))
    submitted = container().analyses.submit(submission)
    analysis = submitted.analysis
    headers = {
        "Location": f"/api/v1/analyses/{analysis.id}",
        "Retry-After": str(0 if analysis.status in TERMINAL else _POLL_SECONDS),
    }
    if submitted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return analysis, headers


@blueprint.route("/analyses", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(schemas.FilterSchema(), location="query")
@blueprint.response(200, _PAGE)
def find(wanted: dict[str, Any]) -> object:
    """List analyses, newest first.

    Every page but the last has a `next_cursor` for the page after it.
    """
    wanted.setdefault("limit", limits().page_default)
    page = container().analyses.list(Filter(project_id=caller().project_id, **wanted))
    return {"items": page.items, "next_cursor": cursors.encode(page.next_before) if page.next_before else None}


@blueprint.route("/analyses/<analysis_id>", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(schemas.LookSchema(), location="query")
@blueprint.response(200, _ANALYSIS_WITH_LOG)
def look(shown: dict[str, Any], analysis_id: str) -> Answer:
    """Look at an analysis.

    `Retry-After` says when to look again; it is missing once the analysis is completed, failed or cancelled. With
    `wait` the answer comes when it has ended, or after so many seconds.
    """
    project_id, number, with_log = caller().project_id, paths.analysis_id(analysis_id), "include" in shown
    analysis = container().analyses.get(project_id, number, with_log=with_log)
    if "wait" in shown and analysis.status not in TERMINAL:
        analysis = waits.ended(analysis, shown["wait"])
        if with_log:
            analysis = container().analyses.get(project_id, number, with_log=True)
    return analysis, _again(analysis)


@blueprint.route("/analyses/<analysis_id>/cancel", methods=["POST"])
@needs(Scope.SUBMIT, rate=Rate.READ)
@blueprint.arguments(schemas.NothingSchema(), location="query")
@blueprint.response(202, _ANALYSIS, description="Asked to stop.")
def cancel(_nothing: dict[str, Any], analysis_id: str) -> Answer:
    """Cancel an analysis.

    A waiting one is cancelled at once; a running one stops its model call within a second.
    """
    analysis = container().analyses.cancel(caller().project_id, paths.analysis_id(analysis_id))
    return analysis, _again(analysis)


@blueprint.route("/analyses/<analysis_id>/retry", methods=["POST"])
@needs(Scope.SUBMIT)
@blueprint.arguments(schemas.NothingSchema(), location="query")
@blueprint.response(202, _ANALYSIS, description="It goes again.")
def retry(_nothing: dict[str, Any], analysis_id: str) -> Answer:
    """Retry an analysis.

    A failed or cancelled one goes again from the beginning: the same id, all its attempts, no deadline.
    """
    analysis = container().analyses.retry(caller().project_id, paths.analysis_id(analysis_id))
    return analysis, _again(analysis)


def _again(analysis: Analysis) -> dict[str, str]:
    return {} if analysis.status in TERMINAL else {"Retry-After": str(_POLL_SECONDS)}


def _is_dry_run() -> bool:
    asked = request.args.get("dry_run", "false").lower()
    if asked not in {"true", "false"}:
        raise RequestInvalid([FieldError(where="query", field="dry_run", message="true or false.")])
    return asked == "true"


def idempotency_key() -> str | None:
    """Of this request. Raises `RequestInvalid`."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    longest = limits().max_idempotency_key_chars
    if len(key) > longest or not _KEY_CHARS.fullmatch(key):
        message = f"1 to {longest} printable ASCII characters."
        raise RequestInvalid([FieldError(where="header", field="Idempotency-Key", message=message)])
    return key
