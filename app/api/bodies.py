"""Reads a request's body as the fields it carries, whether they came as JSON, plain text or a form."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from app.api.charsets import check_utf8, decode_declared
from app.api.errors import FieldError, MediaTypeUnsupported, RequestInvalid
from app.api.receiving import receive
from app.domain.errors import BatchTooLarge, BodyUnreadable, LogTooLarge
from app.pipeline.decoding import decode
from app.settings import Limits

#: JSON may need more bytes than the log in it has: escapes (up to three times in practice) and the other fields.
_JSON_GROWTH = 3
_ENVELOPE_BYTES = 256 * 1024
LOG_FIELD = "log_content"
#: Names a file may have in a form.
_FILES = (LOG_FIELD, "file")


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """What came in. `bytes_replaced`: bytes that were not text."""

    fields: Mapping[str, object]
    bytes_replaced: int = 0


def read(request: Request, limits: Limits, *, beside: frozenset[str] = frozenset()) -> Body:
    """The fields of a submission, from JSON, plain text or a form; not yet validated.

    `beside`: parameters of the query that are no fields; whoever names them reads them.
    Raises `LogTooLarge`, `BodyUnreadable`, `BodyTooSlow`, `MediaTypeUnsupported`, `RequestInvalid`.
    """
    reader = _READERS.get(request.mimetype)
    if reader is None:
        kinds = ", ".join(_READERS)
        raise MediaTypeUnsupported(f"Send a body with one of these Content-Types: {kinds}.")
    twice = [name for name in beside if len(request.args.getlist(name)) > 1]
    if twice:
        raise RequestInvalid([FieldError(where="query", field=twice[0], message="Given more than once.")])
    query = MultiDict([(name, value) for name, value in request.args.items(multi=True) if name not in beside])
    return reader(request, query, limits)


def read_batch(request: Request, limits: Limits) -> Body:
    """The fields of a batch, from JSON. Raises `BatchTooLarge`, and what `read` raises."""
    if request.mimetype != "application/json":
        raise MediaTypeUnsupported("Send a batch as application/json.")
    _refuse_query(request.args)
    check_utf8(request.mimetype_params)
    try:
        return parse_json(receive(request, limits.max_batch_bytes * _JSON_GROWTH + _ENVELOPE_BYTES))
    except LogTooLarge as error:
        raise BatchTooLarge(
            f"The logs of a batch may have up to {limits.max_batch_bytes:,} bytes together "
            "(`limits.max_batch_bytes`). This body has more than such a batch needs: send several."
        ) from error


def _json(request: Request, query: MultiDict[str, str], limits: Limits) -> Body:
    _refuse_query(query)
    check_utf8(request.mimetype_params)
    return parse_json(receive(request, limits.max_log_bytes * _JSON_GROWTH + _ENVELOPE_BYTES))


def _text(request: Request, query: MultiDict[str, str], limits: Limits) -> Body:
    fields = _strings(query)
    if LOG_FIELD in fields:
        raise RequestInvalid([FieldError(where="query", field=LOG_FIELD, message="The body is the log.")])
    # three bytes more, so that a byte order mark does not make a log of just the right size too large
    log = decode_declared(receive(request, limits.max_log_bytes + 3), request.mimetype_params)
    return Body(fields={**fields, LOG_FIELD: log.text}, bytes_replaced=log.bytes_replaced)


def _form(request: Request, query: MultiDict[str, str], limits: Limits) -> Body:
    data = receive(request, limits.max_log_bytes + _ENVELOPE_BYTES)
    parser = FormDataParser(max_form_memory_size=len(data), max_form_parts=100, silent=False)
    try:
        _, form, files = parser.parse(BytesIO(data), request.mimetype, len(data), request.mimetype_params)
    except (ValueError, RequestEntityTooLarge) as error:
        raise BodyUnreadable("The body is not a readable form.") from error
    try:
        fields = _strings(MultiDict([*query.items(multi=True), *form.items(multi=True)]))
        return _form_body(fields, files)
    finally:
        for parts in files.listvalues():
            for part in parts:
                part.close()


def _form_body(fields: dict[str, object], files: MultiDict[str, FileStorage]) -> Body:
    logs = [part for name in _FILES for part in files.getlist(name)]
    strangers = [name for name in files if name not in _FILES]
    if strangers or len(logs) + (LOG_FIELD in fields) > 1:
        message = "Send one log: one file named log_content."
        raise RequestInvalid([FieldError(where="body", field=(*strangers, LOG_FIELD)[0], message=message)])
    if not logs:
        return Body(fields=fields)
    log = decode_declared(logs[0].read(), logs[0].mimetype_params)
    return Body(fields={**fields, LOG_FIELD: log.text}, bytes_replaced=log.bytes_replaced)


_READERS: Mapping[str, Callable[[Request, MultiDict[str, str], Limits], Body]] = {
    "application/json": _json,
    "text/plain": _text,
    "multipart/form-data": _form,
}


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_json(data: bytes) -> Body:
    """An object's fields. What is not UTF-8, and a lone surrogate, are text to us.

    With Python's own parser, since it shows us every member: those given twice are refused at any depth. A faster
    parser that keeps the last of two would need a second look at the bytes, and be slower with it.
    """
    decoded = decode(data)
    try:
        found = json.loads(decoded.text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BodyUnreadable(f"The body is not valid JSON: {error.msg} at {where}.") from error
    except RecursionError as error:
        raise BodyUnreadable("The body is not valid JSON for us: it is nested too deeply.") from error
    except ValueError as error:  # an integer of thousands of digits
        raise BodyUnreadable("The body is not valid JSON for us: a number is too long.") from error
    if not isinstance(found, dict):
        raise BodyUnreadable("The body must be a JSON object.")
    return Body(fields=found, bytes_replaced=decoded.bytes_replaced)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
        raise RequestInvalid([FieldError(where="body", field=name, message="Given more than once.") for name in twice])
    return found


def _refuse_constant(name: str) -> None:
    raise BodyUnreadable(f"The body is not valid JSON: {name} is not a number in JSON.")


# ── strings of a query or a form ─────────────────────────────────────────────────────────────────────────────────────


def _refuse_query(query: MultiDict[str, str]) -> None:
    """With a JSON body, the query has no meaning; a parameter in it is a mistake or a wish we do not know."""
    if query:
        message = "Unknown query parameter."
        raise RequestInvalid([FieldError(where="query", field=name, message=message) for name in query])


def _strings(given: MultiDict[str, str]) -> dict[str, object]:
    """The fields of a submission as the types they have in JSON."""
    fields: dict[str, object] = {}
    for name, values in given.lists():
        if name != "tags" and len(values) > 1:
            raise RequestInvalid([FieldError(where="body", field=name, message="Given more than once.")])
        fields[name] = _FROM_STRINGS.get(name, _first)(values)
    return fields


def _first(values: list[str]) -> object:
    return values[0]


def _number(values: list[str]) -> object:
    try:
        return float(values[0])
    except ValueError:
        return values[0]


def _object(values: list[str]) -> object:
    return dict(parse_json(values[0].encode(errors="surrogatepass")).fields)


def _list(values: list[str]) -> object:
    return [tag.strip() for value in values for tag in value.split(",") if tag.strip()]


_FROM_STRINGS: Mapping[str, Callable[[list[str]], object]] = {
    "tags": _list,
    "deadline_seconds": _number,
    "metadata": _object,
}
