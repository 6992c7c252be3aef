"""What every request and every answer carries: an id, safe headers, and one line in the log."""

import re
import uuid
from time import perf_counter
from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, request
from flask.json.provider import JSONProvider

from app import telemetry
from app.api.slow_clients import bound_answer

log = structlog.get_logger()

#: A token as RFC 9110 has it, and the separators people put into ids.
_SANE_ID = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~:/=@-]{1,128}")
_HEADERS = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
#: For every answer that does not bring its own.
_POLICY = (("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"), ("Cache-Control", "no-store"))
#: Asked for every few seconds by machines: only worth a line when somebody looks closely.
_QUIET = ("/health", "/ready", "/metrics/prometheus")


class Json(JSONProvider):
    """orjson: several times faster, and strict about NaN."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """As text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """From text."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """As an answer."""
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), content_type="application/json")


def register(app: Flask) -> None:
    """Wrap every request of `app`."""
    app.json = Json(app)
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_forget)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
    g.began = perf_counter()
    # threads serve one request after another: nothing of the last one may be left
    telemetry.unbind()
    telemetry.bind(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers.extend((("X-Request-ID", g.request_id), *_HEADERS))
    if "Content-Security-Policy" not in response.headers:
        response.headers.extend(_POLICY)
    connection = request.environ.get("gunicorn.socket")
    if connection:
        # of a stream each piece has its time; to ask for its length would gather all of it
        bound_answer(connection, 0 if response.is_streamed else response.calculate_content_length() or 0)
    write = log.debug if request.path.startswith(_QUIET) else log.info
    write(
        "request_finished",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        seconds=round(perf_counter() - g.began, 6),
    )
    return response


def _forget(_error: BaseException | None) -> None:
    telemetry.unbind()
