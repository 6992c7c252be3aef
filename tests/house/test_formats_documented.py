"""docs/renderings.md says of every format what the code knows of it, docs/filtering.md of every time."""

import re
from pathlib import Path

import pytest

from app.api.reports import ReportQuerySchema
from app.cli.show import FORMATS
from app.domain.diagnoses import Severity
from app.pipeline.rendering import github
from app.pipeline.sarif import Report, sarif
from tests.unit.pipeline.test_rendering import diagnosis
from tests.unit.pipeline.test_timestamps import MOMENT, read

pytestmark = pytest.mark.house

DOCS = Path(__file__).parents[2] / "docs"
RENDERINGS = (DOCS / "renderings.md").read_text(encoding="utf-8")


def test_every_format_is_documented():
    assert set(re.findall(r"^\| `(\w+)` \| (?!`)", RENDERINGS, re.MULTILINE)) == set(FORMATS)


def test_the_api_has_every_format_but_its_own():
    (choices,) = ReportQuerySchema().fields["format"].validators
    assert {*choices.choices, "json"} == set(FORMATS)


@pytest.mark.parametrize("severity", Severity)
def test_levels_are_as_documented(severity):
    row = next(line for line in RENDERINGS.splitlines() if line.startswith("|") and severity.value in line)
    annotation, level = re.findall(r"`(\w+)`", row)
    found = diagnosis(severity=severity)
    assert github(found, None).startswith(f"::{annotation} ")
    assert f'"level": "{level}",\n          "rank"' in sarif([Report(diagnosis=found)])


def test_every_time_that_is_documented_is_read():
    text = (DOCS / "filtering.md").read_text(encoding="utf-8").partition("Times are found")[2].partition("Without")[0]
    times = re.findall(r"`([^`]+)`", text)
    assert len(times) >= 8
    for time in times:
        found = read(f"{time} a")
        assert found, time
        assert abs((found - MOMENT).total_seconds()) < 10 * 3600, time
