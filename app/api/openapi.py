"""The API's own description: OpenAPI 3.1 at /openapi.json, and a page for people at /docs."""

from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import orjson
from flask import Blueprint, Flask, Response, current_app
from flask_smorest import Api as SmorestApi

from app import __version__
from app.api.auth import SCHEMES
from app.api.errors import HTTP_TABLE, MEDIA_TYPE, TABLE
from app.domain.errors import NotFound

blueprint = Blueprint("docs", __name__)

_EXTENSION = "bifrost-openapi"
_ABOUT = """A log goes in, a grounded diagnosis comes out.

Submit with `POST /api/v1/analyses`, then look at its `Location` until the status is `completed`, `failed` or
`cancelled`. Send an API key as `X-API-Key` or `Authorization: Bearer`. Errors are RFC 9457 problems; their `code` is
stable. Every answer carries `X-Request-ID`: yours, if you sent one."""
#: The page runs its own script and style and talks to its own server, nothing else.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ASSETS = {"docs.css": "text/css; charset=utf-8", "docs.js": "text/javascript; charset=utf-8"}
_PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For a person."},
        "instance": {"type": ["string", "null"], "description": "The path that was asked for."},
        "code": {"type": "string", "description": "For a program: stable."},
        "request_id": {"type": ["string", "null"], "description": "Find it in the log with this."},
        "limit_bytes": {"type": "integer", "description": "With `log_too_large`: the largest log accepted."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "in": {"type": "string", "enum": ["body", "query", "header"]},
                    "field": {"type": "string", "description": "A path: `tags.3`."},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_LOG_ONLY = {"type": "string", "description": "The log itself; the other fields are query parameters."}
_FORM = {
    "type": "object",
    "description": "The log as a file named `log_content`; the other fields as form fields or query parameters.",
    "properties": {"log_content": {"type": "string", "contentMediaType": "text/plain"}},
    "required": ["log_content"],
}
#: What else `POST /analyses` reads, beside the JSON that its schema describes.
SUBMISSION_BODY = {
    "required": True,
    "description": "Also compressed, with `Content-Encoding: gzip` or `zstd`.",
    "content": {"text/plain": {"schema": _LOG_ONLY}, "multipart/form-data": {"schema": _FORM}},
}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same key with the same body gives the same analysis again; with another body, an error.",
}


DRY_RUN = {
    "in": "query",
    "name": "dry_run",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "Tell what would happen, and do nothing.",
}


class Api(SmorestApi):  # type: ignore[misc]  # flask-smorest has no types
    """flask-smorest's, with our problems in place of its own errors."""

    DEFAULT_ERROR_RESPONSE_NAME = "PROBLEM"

    def __init__(self, app: Flask) -> None:
        """Document `app`."""
        app.config.update(API_TITLE="Bifrost", API_VERSION=__version__, OPENAPI_VERSION="3.1.0")
        options = {
            "info": {"description": _ABOUT, "license": {"name": "MIT", "identifier": "MIT"}},
            "security": [{name: []} for name in SCHEMES],
            "servers": [{"url": "/"}],
            "x-problems": problems(),
        }
        super().__init__(app, spec_kwargs=options)
        for name, scheme in SCHEMES.items():
            self.spec.components.security_scheme(name, scheme)
        app.extensions[_EXTENSION] = self

    def _register_error_handlers(self) -> None:
        """Its handler would speak for the whole app and in its own format; `app.api.errors` does."""

    def _register_responses(self) -> None:
        """Its responses would document errors as `application/json`."""
        self.spec.components.schema("Problem", _PROBLEM)
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        self.spec.components.response("PROBLEM", {"description": "A problem.", "content": content})
        for status in HTTPStatus:
            shown = {"description": status.phrase, "content": content}
            self.spec.components.response(status.name, shown, lazy=True)

    def _register_pagination_header(self) -> None:
        """We page with cursors in the body."""

    def _register_etag_headers(self) -> None:
        """None yet."""


def problems() -> list[dict[str, object]]:
    """Every code an answer can have, with its status and title."""
    listed: dict[str, dict[str, Any]] = {}
    for status, (code, title) in HTTP_TABLE.items():
        listed[code] = {"code": code, "status": int(status), "title": title}
    for kind, (http_status, title) in TABLE.items():
        listed[kind.code] = {"code": kind.code, "status": int(http_status), "title": title}
    return sorted(listed.values(), key=lambda problem: (problem["status"], problem["code"]))


@blueprint.route("/openapi.json")
def document() -> Response:
    """The OpenAPI document."""
    api: Api = current_app.extensions[_EXTENSION]
    return Response(orjson.dumps(api.spec.to_dict()), content_type="application/json")


@blueprint.route("/docs")
def page() -> Response:
    """The same for people."""
    return _page_part("docs.html", "text/html; charset=utf-8")


@blueprint.route("/docs/<name>")
def asset(name: str) -> Response:
    """The page's script and style."""
    if name not in _ASSETS:
        raise NotFound
    return _page_part(name, _ASSETS[name])


def _page_part(name: str, content_type: str) -> Response:
    answer = Response(_static(name), content_type=content_type)
    answer.headers["Content-Security-Policy"] = _PAGE_POLICY
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@cache
def _static(name: str) -> bytes:
    return files("app.api").joinpath("static", name).read_bytes()
