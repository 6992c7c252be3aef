"""Diagnoses in other formats than JSON."""

import json

import pytest

from app.domain.analyses import Failure, Language, Status
from app.domain.diagnoses import Diagnosis, Evidence, Severity
from tests.support.parts import STRANGER

pytestmark = pytest.mark.unit

URL = "/api/v1/analyses/1/report"
DIAGNOSIS = Diagnosis(
    summary="<b>Out of memory</b>",
    root_cause="The limit is too low.",
    recommendation="Raise it.",
    severity=Severity.HIGH,
    confidence=0.9,
    evidence=(Evidence(line=2, text="OOMKilled"),),
)


@pytest.fixture
def ended(keyed, parts):
    keyed.post("/api/v1/analyses", json={"log_content": "a\nOOMKilled\n"})
    parts.analyses.put(1, status=Status.COMPLETED, diagnosis=DIAGNOSIS)
    return keyed


@pytest.mark.parametrize(
    ("query", "media_type", "start"),
    [
        ("", "text/markdown; charset=utf-8", "### HIGH · `<b>`Out of memory"),
        ("?format=markdown", "text/markdown; charset=utf-8", "### HIGH"),
        ("?format=plain", "text/plain; charset=utf-8", "HIGH  <b>Out of memory"),
        ("?format=github", "text/plain; charset=utf-8", "::error title=HIGH%3A"),
        ("?format=github&file=a,b.log", "text/plain; charset=utf-8", "::error file=a%2Cb.log,line=2,title="),
        ("?format=sarif", "application/sarif+json", '{\n  "$schema"'),
    ],
)
def test_a_report_has_the_format_asked_for(ended, query, media_type, start):
    answer = ended.get(URL + query)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)
    assert answer.text.startswith(start)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_report_in_sarif_names_the_file(ended):
    run = json.loads(ended.get(f"{URL}?format=sarif&file=build.log").text)["runs"][0]
    assert run["artifacts"][0]["location"]["uri"] == "build.log"


@pytest.mark.parametrize("format_", ["markdown", "plain", "github", "sarif"])
def test_a_report_says_why_no_model_answered(ended, parts, format_):
    error = Failure(code="provider_unavailable", detail="Nobody is there.", retryable=True)
    parts.analyses.put(1, degraded=True, error=error)
    said = ended.get(f"{URL}?format={format_}").text.replace("\\", "").replace("%3A", ":")
    assert "since no model answered: Nobody is there (provider_unavailable)" in said


def test_a_report_speaks_the_language_of_its_analysis(ended, parts):
    parts.analyses.put(1, language=Language.KO)
    assert "**원인**" in ended.get(URL).text


@pytest.mark.parametrize("query", ["format=pdf", "format=json", "file=", "file=a%0Ab", "surprise=1"])
def test_a_format_that_there_is_not_is_refused(ended, query):
    assert ended.get(f"{URL}?{query}").status_code == 422


def test_a_report_of_another_project_is_not_found(ended, client):
    assert client.get(URL, headers={"X-API-Key": STRANGER}).status_code == 404
