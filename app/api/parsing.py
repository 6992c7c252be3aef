"""How flask-smorest reads requests here: our own bodies, strict queries, and our own errors."""

from collections.abc import Callable, Iterator, Mapping
from heapq import nsmallest
from typing import Any, NoReturn, TypeVar, cast

from flask import Request, g
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from app.api import bodies
from app.api.context import limits
from app.api.errors import MAX_ERRORS, FieldError, RequestInvalid

_WHERE = {"json": "body"}

View = TypeVar("View", bound=Callable[..., object])


class Parser(FlaskParser):
    """One reader for all our views."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}  # noqa: RUF012 - webargs' way

    def load_json(self, req: Request, schema: Schema) -> Mapping[str, object]:
        """A submission, in any form it may come in. `g.bytes_replaced` says how much of it was not text."""
        if getattr(schema, "IS_BATCH", False):
            body = bodies.read_batch(req, limits())
        else:
            body = bodies.read(req, limits(), beside=getattr(schema, "ABOUT_THE_CALL", frozenset()))
        g.bytes_replaced = body.bytes_replaced
        _refuse_crowds(body.fields, schema)
        return body.fields

    def load_querystring(self, req: Request, schema: Schema) -> Mapping[str, object]:  # noqa: ARG002 - webargs' signature
        """Each parameter once: taking the first of two would be silence about the second."""
        twice = [name for name, values in req.args.lists() if len(values) > 1]
        if twice:
            message = "Given more than once."
            raise RequestInvalid([FieldError(where="query", field=name, message=message) for name in twice])
        return req.args.to_dict()

    def handle_error(self, error: ValidationError, req: Request, *_: Any, **__: Any) -> NoReturn:  # noqa: ARG002 - webargs' signature
        """Everything that is wrong, as one problem."""
        found = [
            FieldError(where=_WHERE.get(location, location), field=path, message=message)
            for location, messages in cast(Mapping[str, object], error.messages).items()
            for path, message in _flat(messages, "")
        ]
        # unknown fields come in the order of a set: another one in each process
        raise RequestInvalid(sorted(found, key=_place)) from error


class Blueprint(SmorestBlueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A resource. Says to the type checker that a decorated view is still the view."""

    ARGUMENTS_PARSER = Parser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Serve at this path."""
        return cast(Callable[[View], View], super().route(rule, **options))

    def arguments(self, schema: Schema, **options: Any) -> Callable[[View], View]:
        """Check what comes in; the view's first argument."""
        return cast(Callable[[View], View], super().arguments(schema, **options))

    def response(self, status: int, schema: Schema, **options: Any) -> Callable[[View], View]:
        """Shape what goes out."""
        return cast(Callable[[View], View], super().response(status, schema, **options))

    def alt_response(self, status: int, **options: Any) -> Callable[[View], View]:
        """Document another answer."""
        return cast(Callable[[View], View], super().alt_response(status, **options))

    @staticmethod
    def doc(**fields: Any) -> Callable[[View], View]:
        """Add to the OpenAPI document."""
        return cast(Callable[[View], View], SmorestBlueprint.doc(**fields))


def _refuse_crowds(fields: Mapping[str, object], schema: Schema) -> None:
    """Collecting a message for each of a hundred thousand unknown fields would take seconds."""
    if len(fields) > len(schema.fields) + MAX_ERRORS:
        unknown = nsmallest(MAX_ERRORS, fields.keys() - schema.fields.keys())
        raise RequestInvalid([FieldError(where="body", field=name, message="Unknown field.") for name in unknown])


def _place(found: FieldError) -> tuple[str, str]:
    return found.where, found.field


def _flat(messages: object, path: str) -> Iterator[tuple[str, str]]:
    """Nested messages of marshmallow's as ("tags.3", "Too long.") pairs."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            step = "" if name == "_schema" else str(name)
            yield from _flat(inner, ".".join(part for part in (path, step) if part))
    elif isinstance(messages, list):
        for inner in messages:
            yield from _flat(inner, path)
    else:
        yield path, str(messages)
