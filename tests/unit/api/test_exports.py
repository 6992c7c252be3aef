import csv
import io
import json

import pytest

from app.api import spreadsheets
from app.domain.analyses import Failure, Filter, Status
from app.domain.errors import StorageUnavailable
from tests.support.parts import STRANGER, SUBMITTER
from tests.unit.api.test_analyses import DIAGNOSIS

pytestmark = pytest.mark.unit

URL = "/api/v1/analyses/export"


@pytest.fixture
def five(keyed):
    for number in range(5):
        keyed.post("/api/v1/analyses", json={"log_content": f"log {number}"})
    return keyed


def test_everything_is_written_page_after_page_newest_first(five):
    answer = five.get(URL)
    assert answer.content_type == "application/jsonl; charset=utf-8"
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == [5, 4, 3, 2, 1]
    shown = five.get("/api/v1/analyses/5").json
    assert json.loads(answer.text.splitlines()[0]) == shown


def test_the_filters_are_those_of_the_list(five, parts):
    assert five.get(f"{URL}?service_name=api&severity=HIGH&since=2026-01-01T00:00:00Z&tag=x").status_code == 200
    wanted = parts.analyses.wanted
    assert (wanted.service_name, wanted.severity, wanted.tag) == ("api", "HIGH", "x")
    for unknown in ("limit=3", "cursor=x", "format=xml"):
        assert five.get(f"{URL}?{unknown}").status_code == 422


def test_csv_has_a_head_and_a_row_for_each(five, parts):
    parts.analyses.put(2, status=Status.COMPLETED, diagnosis=DIAGNOSIS, degraded=True)
    parts.analyses.put(3, status=Status.FAILED, error=Failure(code="x", detail="No\nmodel", retryable=False))
    answer = five.get(f"{URL}?format=csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="analyses.csv"'
    found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert list(found[0]) == list(spreadsheets.COLUMNS)
    assert [row["id"] for row in found] == ["5", "4", "3", "2", "1"]
    assert (found[3]["summary"], found[3]["severity"], found[3]["degraded"]) == ("Out of memory.", "HIGH", "true")
    assert (found[2]["error_code"], found[2]["error_detail"]) == ("x", "No\nmodel")


def test_an_export_of_nothing_is_empty(keyed):
    assert keyed.get(URL, buffered=True).text == ""
    assert keyed.get(f"{URL}?format=csv").text.count("\r\n") == 1


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "　＝1", "\0=1", '="a";"b"', "\u200a@x"],
)
def test_no_cell_is_a_formula(text):
    assert spreadsheets.safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "OOMKilled", "'=1", "한글", "a\n=1"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert spreadsheets.safe(text) == text


def test_quotes_and_separators_begin_no_cell(five, parts):
    text = 'a",=1;=2\r\n=3'
    parts.analyses.put(5, service_name=text)
    found = list(csv.DictReader(io.StringIO(five.get(f"{URL}?format=csv").text, newline="")))
    assert found[0]["service_name"] == text


def test_a_place_is_free_again_when_the_answer_is_over_or_nobody_wanted_it(five, parts):
    held = parts.exports.begin(_everything())
    assert five.get(URL).json["code"] == "exports_busy"
    held.close()
    held.close()
    five.get(URL).close()
    assert [five.get(URL, buffered=True).status_code for _ in range(3)] == [200, 200, 200]


def test_a_database_that_is_away_is_a_problem_and_holds_no_place(five, parts):
    parts.analyses.fault = StorageUnavailable()
    assert five.get(URL).json["code"] == "storage_unavailable"
    parts.analyses.fault = None
    assert five.get(URL).status_code == 200


def test_an_export_that_breaks_off_is_not_taken_for_whole(five, parts):
    pages = iter(parts.exports.begin(_everything()))
    assert len(next(pages)) == 2
    parts.analyses.fault = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        next(pages)


def test_an_export_needs_a_key_that_may_read_and_shows_its_project(five):
    assert five.get(URL, headers={"X-API-Key": SUBMITTER}).status_code == 403
    assert five.get(URL, headers={"X-API-Key": STRANGER}).text == ""


def _everything():

    return Filter(project_id=1)
