"""Short ways to the same analyses: one call that waits, lists by number, and the words that Heimdall uses over HTTP."""

from typing import Any

from flask import Response, g, jsonify, request
from marshmallow import ValidationError

from app.api import paths, schemas, waits
from app.api import shortcut_schemas as own
from app.api.analyses import Answer, idempotency_key
from app.api.auth import needs
from app.api.context import caller, container, limits
from app.api.errors import FieldError, RequestInvalid
from app.api.openapi import IDEMPOTENCY_KEY, SUBMISSION_BODY
from app.api.parsing import Blueprint
from app.domain.analyses import TERMINAL, Analysis, Filter, Status, Submission
from app.domain.errors import AnalysisUnsuccessful
from app.domain.keys import Scope
from app.services.analyses import Submitted

blueprint = Blueprint("shortcuts", __name__, description="Short ways to the same analyses.")

_ANALYZED = own.AnalyzedSchema()
_ACCEPTED = own.AcceptedSchema()
_HISTORY = schemas.AnalysisSchema(many=True)
_ENTRY = schemas.AnalysisWithLogSchema()
_WAIT = own.WaitSchema()


@blueprint.route("/analyze", methods=["POST"])
@needs(Scope.SUBMIT)
@blueprint.doc(requestBody=SUBMISSION_BODY, parameters=[IDEMPOTENCY_KEY, waits.WAIT])
@blueprint.arguments(own.AnalyzeSchema())
@blueprint.response(200, _ANALYZED)
@blueprint.alt_response(202, schema=_ACCEPTED, description="Not finished in time; it goes on.", success=True)
def analyze(fields: dict[str, Any]) -> Answer | Response:
    """Submit a log and wait for the answer.

    When the analysis has not ended after `wait` seconds (30 when not given), the answer is 202 with its `Location`.
    One that fails or is cancelled is the problem `analysis_unsuccessful`.
    """
    seconds = _wait()
    analysis = waits.ended(_submitted(fields).analysis, seconds)
    place = {"Location": f"/api/v1/analyses/{analysis.id}"}
    if analysis.status is Status.COMPLETED:
        return analysis, place
    if analysis.status in TERMINAL:
        raise AnalysisUnsuccessful(_why(analysis))
    answer = jsonify(_ACCEPTED.dump(analysis))
    answer.status_code = 202
    answer.headers.update({**place, "Retry-After": "1"})
    return answer


@blueprint.route("/history", methods=["POST"])
@needs(Scope.READ)
@blueprint.arguments(own.HistorySchema())
@blueprint.response(200, _HISTORY)
def history(wanted: dict[str, Any]) -> object:
    """List analyses by number, newest first.

    `offset` has a limit; `GET /api/v1/analyses` has none, and its pages stay whole while new analyses come in.
    """
    wanted.setdefault("limit", limits().page_default)
    # a list: of a tuple, flask-smorest would take the second for a status
    return list(container().analyses.list(Filter(project_id=caller().project_id, **wanted)).items)


@blueprint.route("/history/<analysis_id>")
@needs(Scope.READ)
@blueprint.arguments(schemas.LookSchema(), location="query")
@blueprint.response(200, _ENTRY)
def entry(shown: dict[str, Any], analysis_id: str) -> Analysis:
    """Look at one of them. The same as `GET /api/v1/analyses/{id}`."""
    return container().analyses.get(caller().project_id, paths.analysis_id(analysis_id), with_log="include" in shown)


@blueprint.route("/api/v1/analysis/request", methods=["POST"])
@needs(Scope.SUBMIT)
@blueprint.doc(requestBody=SUBMISSION_BODY, parameters=[IDEMPOTENCY_KEY])
@blueprint.arguments(schemas.SubmissionSchema())
@blueprint.response(202, own.RequestedSchema(), description="Accepted, durably.")
def ask(fields: dict[str, Any]) -> Answer:
    """Ask for an analysis, in Heimdall's words."""
    analysis = _submitted(fields).analysis
    return analysis, {"Location": f"/api/v1/analysis/result/{analysis.id}"}


@blueprint.route("/api/v1/analysis/result/<analysis_id>")
@needs(Scope.READ)
@blueprint.arguments(schemas.NothingSchema(), location="query")
@blueprint.response(200, own.ResultSchema())
def result(_nothing: dict[str, Any], analysis_id: str) -> Answer:
    """Look at its result, in Heimdall's words. `analysis_result` is null until the status is `COMPLETED`."""
    analysis = container().analyses.get(caller().project_id, paths.analysis_id(analysis_id))
    return analysis, {} if analysis.status in TERMINAL else {"Retry-After": "1"}


def _submitted(fields: dict[str, Any]) -> Submitted:
    submission = Submission(
        project_id=caller().project_id,
        bytes_replaced=g.bytes_replaced,
        idempotency_key=idempotency_key(),
        request_id=g.request_id,
        **fields,
    )
    return container().analyses.submit(submission)


def _wait() -> float:
    """Before anything is stored."""
    if "wait" not in request.args:
        return container().settings.web.analyze_seconds
    try:
        seconds: float = _WAIT.load({"wait": request.args["wait"]})["wait"]
    except ValidationError as error:
        message = error.messages_dict["wait"][0]
        raise RequestInvalid([FieldError(where="query", field="wait", message=message)]) from error
    return seconds


def _why(analysis: Analysis) -> str:
    because = f": {analysis.error.detail}" if analysis.error else "."
    return f"The analysis {analysis.id} {'was cancelled' if analysis.status is Status.CANCELLED else 'failed'}{because}"
