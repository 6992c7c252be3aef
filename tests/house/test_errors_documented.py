"""docs/errors.md says of every error code what the code says of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.api.errors import HTTP_TABLE, TABLE, status_of
from app.api.openapi import problems
from app.domain.errors import BifrostError

pytestmark = pytest.mark.house

TEXT = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
_ANSWERS, _OF_ANALYSES = TEXT.split("## Errors of an analysis")


def family(kind: type[BifrostError]) -> Iterator[type[BifrostError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


def rows(text: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| `"]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_error_code_is_documented():
    codes = {kind.code for kind in family(BifrostError)} | {code for code, _ in HTTP_TABLE.values()}
    assert codes == rows(_ANSWERS).keys() | rows(_OF_ANALYSES).keys()


def test_no_code_is_documented_twice():
    codes = re.findall(r"^\| `(\w+)`", TEXT, re.MULTILINE)
    assert len(codes) == len(set(codes))


def test_every_answer_is_documented_with_its_status():
    documented = {code: int(cells[0]) for code, cells in rows(_ANSWERS).items()}
    assert documented == {problem["code"]: problem["status"] for problem in problems()}


def test_each_code_has_one_status():
    seen: dict[str, int] = {code: int(status) for status, (code, _) in HTTP_TABLE.items()}
    for kind in TABLE:
        assert seen.setdefault(kind.code, int(status_of(kind)[0])) == status_of(kind)[0], kind


def test_every_row_says_what_to_do():
    for code, cells in (rows(_ANSWERS) | rows(_OF_ANALYSES)).items():
        assert all(cells), code
