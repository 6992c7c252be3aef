"""Analyses by the thousand, as CSV or JSON lines, streamed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Response
from marshmallow import fields, validate

from app.api import schemas, spreadsheets
from app.api.auth import needs
from app.api.context import caller, container
from app.api.parsing import Blueprint
from app.domain.analyses import Analysis, Filter
from app.domain.keys import Scope
from app.services.exports import Export

blueprint = Blueprint("exports", __name__, url_prefix="/api/v1", description="Analyses by the thousand.")

_ANALYSIS = schemas.AnalysisSchema()


def json_lines(analyses: Iterable[Analysis]) -> str:
    """One object on each line."""
    return "".join(orjson.dumps(_ANALYSIS.dump(analysis)).decode() + "\n" for analysis in analyses)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Format:
    media_type: str
    write: Callable[[Iterable[Analysis]], str]
    head: Callable[[], str] = str


_FORMATS: Mapping[str, _Format] = {
    "csv": _Format(
        media_type="text/csv; charset=utf-8; header=present", write=spreadsheets.rows, head=spreadsheets.head
    ),
    "jsonl": _Format(media_type="application/jsonl; charset=utf-8", write=json_lines),
}


class ExportSchema(schemas.FilterSchema):
    """Which analyses, and how they are written."""

    class Meta(schemas.Strict.Meta):
        """All of them: there are no pages."""

        exclude = ("limit", "cursor")

    format = fields.String(
        load_default="jsonl",
        validate=validate.OneOf(list(_FORMATS)),
        metadata={"description": "`jsonl`: what the list shows, an object on each line. `csv`: for spreadsheets."},
    )


@blueprint.route("/analyses/export")
@needs(Scope.READ)
@blueprint.arguments(ExportSchema(), location="query")
@blueprint.doc(
    responses={
        "200": {
            "description": "Newest first. An answer that ends without its last chunk is not whole.",
            "content": {
                "application/jsonl": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
            },
        }
    }
)
def export(wanted: dict[str, Any]) -> Response:
    """Export analyses, with the filters of the list.

    Streamed: what is accepted meanwhile is not in it, what is deleted meanwhile may be. In CSV, a cell that a
    spreadsheet would take for a formula begins with an apostrophe.
    """
    name = wanted.pop("format")
    format_ = _FORMATS[name]
    found = container().exports.begin(Filter(project_id=caller().project_id, **wanted))
    answer = Response(_written(found, format_), content_type=format_.media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="analyses.{name}"'
    # also when the client went away before the first byte
    answer.call_on_close(found.close)
    return answer


def _written(found: Export, format_: _Format) -> Iterator[str]:
    if format_.head():
        yield format_.head()
    for page in found:
        yield format_.write(page)
