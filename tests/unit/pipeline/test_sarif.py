"""Diagnoses as SARIF, and what a hostile one cannot do there."""

import json
import re

import pytest

from app.domain.diagnoses import Diagnosis, Evidence, Severity
from app.pipeline.sarif import Report, sarif
from tests.unit.pipeline.test_rendering import COVERAGE, HOSTILE, diagnosis, hostile

pytestmark = pytest.mark.unit

#: Of each object of the official schema that we write: property -> is it required, and what may it be.
_TEXT = {"text": (True, str), "markdown": (False, str)}
_ARTIFACT_LOCATION = {"uri": (False, str), "uriBaseId": (False, str), "index": (False, int)}
_REGION = {"startLine": (False, int), "snippet": (False, {"text": (False, str)})}
_LOCATION = {"physicalLocation": (False, {"artifactLocation": (True, _ARTIFACT_LOCATION), "region": (False, _REGION)})}
_LEVEL = {"none", "note", "warning", "error"}
_NOTE = {"level": (False, _LEVEL), "message": (True, _TEXT)}
_RULE = {
    "id": (True, str),
    "name": (False, str),
    "shortDescription": (False, _TEXT),
    "fullDescription": (False, _TEXT),
    "defaultConfiguration": (False, {"level": (False, _LEVEL)}),
}
_RESULT = {
    "ruleId": (False, str),
    "ruleIndex": (False, int),
    "level": (False, _LEVEL),
    "rank": (False, float),
    "message": (True, _TEXT),
    "locations": (False, [_LOCATION]),
    "relatedLocations": (False, [_LOCATION]),
    "partialFingerprints": (False, {"primaryLocationLineHash": (False, str)}),
    "properties": (False, dict),
}
_DRIVER = {"name": (True, str), "version": (False, str), "rules": (False, [_RULE])}
_RUN = {
    "tool": (True, {"driver": (True, _DRIVER)}),
    "automationDetails": (False, {"id": (False, str)}),
    "language": (False, {"en", "ko"}),
    "artifacts": (
        False,
        [{"roles": (False, list), "description": (False, _TEXT), "location": (False, _ARTIFACT_LOCATION)}],
    ),
    "invocations": (False, [{"executionSuccessful": (True, bool), "toolExecutionNotifications": (False, [_NOTE])}]),
    "results": (False, [_RESULT]),
}
_LOG = {"$schema": (False, str), "version": (True, {"2.1.0"}), "runs": (True, [_RUN])}


def check(value: object, shape: object, path: str = "$") -> None:
    """`value` has all that it must have, and nothing that the format does not know."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), path
        assert set(value) <= set(shape), path
        assert {name for name, (needed, _) in shape.items() if needed} <= set(value), path
        for name, inner in value.items():
            check(inner, shape[name][1], f"{path}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), path
        for number, inner in enumerate(value):
            check(inner, shape[0], f"{path}[{number}]")
    elif isinstance(shape, set):
        assert value in shape, path
    else:
        assert isinstance(value, shape), path


def written(*reports: Report) -> dict:
    document = json.loads(sarif(reports))
    check(document, _LOG)
    return document


def one(found: Diagnosis | None, **more) -> dict:
    return written(Report(diagnosis=found, coverage=COVERAGE, **more))["runs"][0]


def test_a_finding_stands_at_its_first_quote_and_relates_to_the_others():
    result = one(diagnosis(), file="logs/build 1.log")["results"][0]
    first, other = result["locations"][0]["physicalLocation"], result["relatedLocations"][0]["physicalLocation"]
    assert first["artifactLocation"] == {"uri": "logs/build%201.log", "uriBaseId": "%SRCROOT%", "index": 0}
    assert first["region"] == {"startLine": 7, "snippet": {"text": "ERROR refused"}}
    assert other["region"]["startLine"] == 118
    assert (result["level"], result["rank"]) == ("error", 87.0)
    assert result["message"]["text"].startswith("HIGH: The API cannot reach PostgreSQL.\n\nCause\ndb-1 refuses")
    assert result["message"]["markdown"].startswith("### HIGH · ")


@pytest.mark.parametrize(
    ("severity", "level"),
    [("LOW", "note"), ("MEDIUM", "warning"), ("HIGH", "error"), ("CRITICAL", "error")],
)
def test_each_severity_has_its_level(severity, level):
    result = one(diagnosis(severity=Severity(severity)))["results"][0]
    assert (result["level"], result["properties"]["severity"]) == (level, severity)


def test_a_healthy_log_has_no_result_and_says_that_it_is_healthy():
    run = one(diagnosis(issues_found=False, severity=Severity.LOW, evidence=()), language="ko")
    notes = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert (run["results"], run["language"]) == ([], "ko")
    assert notes[0].startswith("이상 없음: ")
    assert notes[1].startswith("분석 범위: ")


def test_an_analysis_without_a_diagnosis_is_a_run_that_failed():
    run = one(None, trouble="analysis 7: failed: The worker died (worker_lost)")
    invocation = run["invocations"][0]
    assert not invocation["executionSuccessful"]
    assert "worker_lost" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_several_logs_are_runs_of_one_document():
    document = written(Report(diagnosis=diagnosis(), file="a.log"), Report(diagnosis=diagnosis(), file="b.log"))
    assert [run["artifacts"][0]["location"]["uri"] for run in document["runs"]] == ["a.log", "b.log"]


def ids(*reports: Report) -> list[str]:
    return [run["automationDetails"]["id"] for run in written(*reports)["runs"]]


def test_each_run_has_a_category_of_its_own():
    named = [Report(diagnosis=diagnosis(), file=file) for file in ("a b.log", "/var/log/b.log", "./a b.log")]
    assert ids(*named) == ["bifrost/a%20b.log/", "bifrost/var/log/b.log/", "bifrost/a%20b.log/3/"]
    unnamed = [Report(diagnosis=diagnosis(), analysis=number) for number in (7, 9)]
    assert ids(*unnamed) == ["bifrost/analysis-7/", "bifrost/analysis-9/"]
    assert ids(unnamed[0]) == ["bifrost/log/"]


def fingerprint(text: str, file: str | None = None) -> str:
    found = diagnosis(evidence=(Evidence(line=1, text=text),))
    return one(found, file=file)["results"][0]["partialFingerprints"]["primaryLocationLineHash"]


def test_the_same_trouble_has_the_same_fingerprint_in_the_next_log():
    before = fingerprint("2026-01-31 09:00:00 ERROR order 17 of 5f3e9a1b00c2 refused", "a.log")
    assert before == fingerprint("2026-02-01 10:01:59 ERROR order 4 of 77aa9a1b00c2 refused", "./a.log")
    assert before != fingerprint("2026-01-31 09:00:00 ERROR order 17 of 5f3e9a1b00c2 lost", "a.log")
    assert before != fingerprint("2026-01-31 09:00:00 ERROR order 17 of 5f3e9a1b00c2 refused", "b.log")


def test_that_no_model_answered_is_said_with_the_reason():
    run = one(diagnosis(), degraded="The model is too slow (model_timeout)")
    said = "by the built-in rules, since no model answered: The model is too slow (model_timeout)"
    (warning,) = [note for note in run["invocations"][0]["toolExecutionNotifications"] if note["level"] == "warning"]
    assert warning["message"]["text"] == f"Answered: {said}"
    assert said in run["results"][0]["message"]["text"]
    healthy = one(diagnosis(issues_found=False), degraded="x", language="ko")
    assert "모델이 답하지 않아" in json.dumps(healthy, ensure_ascii=False)


def test_a_log_from_a_pipe_has_no_address():
    place = one(diagnosis())["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"index": 0}


def test_an_issue_without_evidence_stands_at_the_log():
    result = one(diagnosis(evidence=()), file="a.log")["results"][0]
    assert result["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "a.log", "uriBaseId": "%SRCROOT%", "index": 0}}}
    ]


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("/var/log/a b.log", "file:///var/log/a%20b.log"),
        ("//host/share.log", "file:///host/share.log"),
        ("./logs/../a.log", "a.log"),
        ("logs\\a.log", "logs/a.log"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("로그.log", "%EB%A1%9C%EA%B7%B8.log"),
        ("a\n::error::b\x1b[31m\udc80.log", "a%0A%3A%3Aerror%3A%3Ab.log"),
    ],
)
def test_a_name_of_a_file_is_a_valid_address_whatever_it_is(file, uri):
    assert one(diagnosis(), file=file)["artifacts"][0]["location"]["uri"] == uri


@pytest.mark.parametrize("text", [*HOSTILE, "{0} {1}", "[here](1)", "[here] (2)", "{"])
def test_nothing_hostile_is_active_in_a_message(text):
    document = sarif([Report(diagnosis=hostile(text), coverage=COVERAGE)])
    run = json.loads(document)["runs"][0]
    for message in run["results"][0]["message"].values():
        assert not re.search(r"(?<!\{)(?:\{\{)*\{\d+\}", message)
        assert not re.search(r"\]\(", message)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", message)
    assert not re.search(r"##\w*\[", document)
    assert not re.search(r"^\s*::", document, re.MULTILINE)
    assert document.isprintable() or set(document) - {"\n"} <= set(filter(str.isprintable, document))


def test_a_quote_in_a_snippet_is_the_line_itself():
    found = diagnosis(evidence=(Evidence(line=0, text='{"level":"error"} [a](b) ##[error]x'),))
    region = one(found)["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 1, "snippet": {"text": '{"level":"error"} [a](b) ##[error]x'}}
