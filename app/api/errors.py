"""From error to answer: one table from error class to HTTP status, and RFC 9457 problems for everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil

import orjson
import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from app import telemetry
from app.api.context import limits
from app.domain import errors

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
#: More than these would help nobody, and a body may have a million unknown fields.
MAX_ERRORS = 50
_MAX_NAME_CHARS = 100
#: Seconds to wait before trying again, when the error itself gives no hint.
_RETRY_AFTER = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """What is wrong with one field. `where` is "body", "query" or "header"; `field` is a path: "tags.3"."""

    where: str
    field: str
    message: str


class RequestInvalid(errors.InvalidInput):
    """The request is not valid: see `errors`."""

    def __init__(self, found: Sequence[FieldError]) -> None:
        """`found`: everything that is wrong, not only the first of it."""
        super().__init__()
        self.found = tuple(found)


class MediaTypeUnsupported(errors.InvalidInput):
    """The body is of a type or an encoding that this call does not read."""

    code = "media_type_unsupported"


class BodyTooSlow(errors.InvalidInput):
    """The body came too slowly: try again over a faster connection."""

    code = "body_too_slow"


#: Every error that may end a request. A class that is not here answers as its nearest parent.
TABLE: Mapping[type[errors.BifrostError], tuple[HTTPStatus, str]] = {
    errors.BifrostError: (HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong"),
    errors.InvalidInput: (HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid"),
    errors.LogEmpty: (HTTPStatus.UNPROCESSABLE_ENTITY, "The log is empty"),
    errors.LogTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The log is too large"),
    errors.BatchTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The batch is too large"),
    errors.BodyUnreadable: (HTTPStatus.BAD_REQUEST, "The body cannot be read"),
    errors.PatternInvalid: (HTTPStatus.UNPROCESSABLE_ENTITY, "The regular expression is not valid"),
    errors.CursorInvalid: (HTTPStatus.UNPROCESSABLE_ENTITY, "The cursor is not valid"),
    errors.IdempotencyConflict: (HTTPStatus.UNPROCESSABLE_ENTITY, "The idempotency key was used before"),
    errors.WebhookUrlRefused: (HTTPStatus.UNPROCESSABLE_ENTITY, "The webhook's address is refused"),
    errors.PromptUnknown: (HTTPStatus.UNPROCESSABLE_ENTITY, "No such prompt"),
    errors.PromptInvalid: (HTTPStatus.UNPROCESSABLE_ENTITY, "The prompt is not valid"),
    MediaTypeUnsupported: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The media type is not supported"),
    BodyTooSlow: (HTTPStatus.REQUEST_TIMEOUT, "The body came too slowly"),
    errors.NotAllowed: (HTTPStatus.FORBIDDEN, "Not allowed"),
    errors.KeyMissing: (HTTPStatus.UNAUTHORIZED, "An API key is needed"),
    errors.KeyInvalid: (HTTPStatus.UNAUTHORIZED, "The API key is not valid"),
    errors.ScopeMissing: (HTTPStatus.FORBIDDEN, "The API key may not do this"),
    errors.RateLimited: (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
    errors.NotFound: (HTTPStatus.NOT_FOUND, "Not found"),
    errors.AnalysisNotFound: (HTTPStatus.NOT_FOUND, "No such analysis"),
    errors.DeadLetterNotFound: (HTTPStatus.NOT_FOUND, "No such dead letter"),
    errors.DeliveryNotFound: (HTTPStatus.NOT_FOUND, "No such delivery"),
    errors.KeyNotFound: (HTTPStatus.NOT_FOUND, "No such API key"),
    errors.BatchNotFound: (HTTPStatus.NOT_FOUND, "No such batch"),
    errors.PromptNotFound: (HTTPStatus.NOT_FOUND, "No such prompt"),
    errors.Conflict: (HTTPStatus.CONFLICT, "The state does not allow this"),
    errors.AnalysisFinished: (HTTPStatus.CONFLICT, "The analysis is finished"),
    errors.AnalysisUnfinished: (HTTPStatus.CONFLICT, "The analysis has not ended"),
    errors.DiagnosisMissing: (HTTPStatus.CONFLICT, "There is no diagnosis"),
    errors.LogDeleted: (HTTPStatus.CONFLICT, "The log was deleted"),
    errors.ReplaysUsedUp: (HTTPStatus.CONFLICT, "It may not go again"),
    errors.PromptLabelInUse: (HTTPStatus.CONFLICT, "The label is in use"),
    errors.PromptsFull: (HTTPStatus.CONFLICT, "There are enough prompts"),
    errors.AnalysisUnsuccessful: (HTTPStatus.BAD_GATEWAY, "The analysis has no answer"),
    errors.NothingToRate: (HTTPStatus.CONFLICT, "There is nothing to rate"),
    errors.KeyReplaced: (HTTPStatus.CONFLICT, "The key was replaced"),
    errors.BudgetExhausted: (HTTPStatus.PAYMENT_REQUIRED, "The budget is used up"),
    errors.Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "Try again soon"),
    errors.StorageUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "The database is away"),
    errors.PreviewsBusy: (HTTPStatus.SERVICE_UNAVAILABLE, "Too many logs are being read"),
    errors.BrokerUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "The broker is away"),
    errors.ExportsBusy: (HTTPStatus.SERVICE_UNAVAILABLE, "Too many exports"),
    errors.MigrationsPending: (HTTPStatus.SERVICE_UNAVAILABLE, "The database needs an upgrade"),
    errors.ProviderNotConfigured: (HTTPStatus.UNPROCESSABLE_ENTITY, "The provider is not configured"),
    errors.ConfigurationInvalid: (HTTPStatus.INTERNAL_SERVER_ERROR, "The configuration is not valid"),
}
#: What HTTP itself refuses, by status: its code and title.
HTTP_TABLE: Mapping[int, tuple[str, str]] = {
    HTTPStatus.BAD_REQUEST: ("bad_request", "The request cannot be read"),
    HTTPStatus.NOT_FOUND: ("not_found", "Not found"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "This method is not allowed here"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("log_too_large", "The log is too large"),
    HTTPStatus.REQUEST_URI_TOO_LONG: ("address_too_long", "The address is too long"),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("headers_too_large", "The headers are too large"),
    HTTPStatus.NOT_IMPLEMENTED: ("transfer_coding_unsupported", "The transfer coding is not supported"),
}
#: Headers that HTTP asks for with a status.
_CHALLENGES: Mapping[int, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="bifrost"'},
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {
        "Accept-Post": "application/json, text/plain, multipart/form-data",
        "Accept-Encoding": "gzip, zstd",
    },
}


def register(app: Flask) -> None:
    """Answer every error of `app` with a problem."""
    app.register_error_handler(errors.BifrostError, _expected)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _unexpected)


def status_of(kind: type[errors.BifrostError]) -> tuple[HTTPStatus, str]:
    """HTTP status and title of an error class."""
    return next(TABLE[parent] for parent in kind.__mro__ if parent in TABLE)


def unparsed(status: HTTPStatus) -> bytes:
    """The problem for what is not even a request: the web server answers with it, no application is involved."""
    code, title = HTTP_TABLE[status]
    telemetry.count_error(code, where="api")
    problem = {"type": f"/docs#problem-{code}", "title": title, "status": status.value, "detail": f"{title}."}
    return orjson.dumps({**problem, "instance": None, "code": code, "request_id": None})


def _expected(error: errors.BifrostError) -> Response:
    status, title = status_of(type(error))
    headers = dict(_CHALLENGES.get(status, {}))
    extra: dict[str, object] = {}
    if isinstance(error, RequestInvalid):
        extra["errors"] = [_shown(found) for found in error.found[:MAX_ERRORS]]
    if isinstance(error, errors.LogTooLarge):
        extra["limit_bytes"] = limits().max_log_bytes
    if error.retry_after is not None or isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(max(1, ceil(error.retry_after or _RETRY_AFTER)))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", code=error.code, detail=error.detail)
    telemetry.count_error(error.code, where="api")
    return _problem(status, error.code, title, error.detail, headers=headers, extra=extra)


def _shown(found: FieldError) -> dict[str, str]:
    # a name is whatever somebody sent: of any length, and perhaps not Unicode
    name = found.field[:_MAX_NAME_CHARS].encode(errors="backslashreplace").decode()
    return {"in": found.where, "field": name, "message": found.message}


def _refused(error: HTTPException) -> Response | HTTPException:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status < HTTPStatus.BAD_REQUEST:
        return error
    code, title = HTTP_TABLE.get(status, (f"http_{status.value}", status.phrase))
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    telemetry.count_error(code, where="api")
    return _problem(status, code, title, _DETAILS.get(status, title + "."), headers=headers)


def _unexpected(error: Exception) -> Response:
    log.error("request_crashed", exc_info=error)
    telemetry.count_error("internal_error", where="api")
    status, title = TABLE[errors.BifrostError]
    detail = "Bifrost failed to answer; its log says more under this request_id."
    return _problem(status, errors.BifrostError.code, title, detail)


#: Werkzeug's own words speak of browsers and spelling.
_DETAILS: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "There is nothing at this path; /docs shows what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path exists, but not for this method; see the Allow header.",
    HTTPStatus.NOT_IMPLEMENTED: "Transfer-Encoding can be `chunked` only; compress with Content-Encoding.",
}


def _problem(
    status: HTTPStatus,
    code: str,
    title: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Response:
    problem = {
        "type": f"/docs#problem-{code}",
        "title": title,
        "status": status.value,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "request_id": g.get("request_id"),
        **(extra or {}),
    }
    text = orjson.dumps(problem) if request.path.isprintable() else orjson.dumps({**problem, "instance": None})
    return Response(text, status.value, headers, content_type=MEDIA_TYPE)
