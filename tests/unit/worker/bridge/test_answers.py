"""Results and dead letters, to the byte."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.analyses import Failure, Status
from app.domain.records import Answered, DeadRecord, Event, Record, RecordStage, Spelling
from worker.bridge import answers

pytestmark = pytest.mark.unit

NOW = datetime(2024, 11, 12, 10, 30, 15, 999_999, tzinfo=UTC)
ANSWER = Answered(
    analysis_id=789,
    project_id=1,
    status=Status.COMPLETED,
    request_id="r",
    correlation_id="c",
    summary="s",
    root_cause="rc",
    recommendation="re",
    severity="HIGH",
    confidence=0.95,
    model="mistral-7b",
    duration_seconds=2.5,
    degraded=False,
    cached=True,
    attempts=2,
    error=None,
)
EVENT = Event(
    id=1,
    event_id="e",
    key="heimdall:12345",
    attempt=1,
    age=0.1,
    answer=ANSWER,
    callback={
        "topic": "analysis.result",
        "spelling": "snake_case",
        "log_id": 12345,
        "from": ["analysis.request", 1, 42],
    },
)
LETTER = DeadRecord(
    record=Record(topic="t", partition=2, offset=9, key=b"\x00k", value=b"\xff", headers=[("a", b"1"), ("a", None)]),
    stage=RecordStage.DECODE,
    error=Failure(code="record_unreadable", detail="Not JSON.", retryable=False),
)


def test_a_result_in_snake_case_has_exactly_these_fields():
    found = answers.result(EVENT, ANSWER, NOW)
    assert json.loads(found.value or b"") == {
        "request_id": "r",
        "correlation_id": "c",
        "timestamp": "2024-11-12T10:30:15Z",
        "log_id": 12345,
        "analysis_result": {
            "summary": "s",
            "root_cause": "rc",
            "recommendation": "re",
            "severity": "HIGH",
            "confidence": 0.95,
        },
        "bifrost_analysis_id": 789,
        "model": "mistral-7b",
        "duration_seconds": 2.5,
    }
    assert (found.topic, found.key) == ("analysis.result", b"12345")
    assert dict(found.headers) == {"bifrost-degraded": b"false", "bifrost-cached": b"true", "bifrost-attempts": b"2"}


def test_a_result_in_camel_case_has_the_same_under_their_names():
    event = replace(EVENT, callback={**EVENT.callback, "spelling": Spelling.CAMEL.value})
    found = json.loads(answers.result(event, ANSWER, NOW).value or b"")
    assert list(found) == [
        "requestId",
        "correlationId",
        "timestamp",
        "logId",
        "analysisResult",
        "bifrostAnalysisId",
        "model",
        "durationSeconds",
    ]
    assert list(found["analysisResult"]) == ["summary", "rootCause", "recommendation", "severity", "confidence"]


def test_numbers_are_numbers_also_when_they_are_whole():
    found = answers.result(EVENT, replace(ANSWER, confidence=1, duration_seconds=0), NOW).value or b""
    assert b'"confidence":1.0' in found
    assert b'"duration_seconds":0.0' in found


def test_a_moment_is_utc_in_whole_seconds():
    assert answers.moment(NOW.astimezone(timezone(timedelta(hours=9)))) == "2024-11-12T10:30:15Z"


@pytest.mark.parametrize("missing", ["summary", "root_cause", "recommendation", "severity"])
def test_no_field_of_a_result_is_null(missing):
    assert answers.is_answerable(ANSWER)
    assert not answers.is_answerable(replace(ANSWER, **{missing: None}))
    assert not answers.is_answerable(replace(ANSWER, status=Status.FAILED))


def test_a_dead_letter_is_what_came_with_what_was_wrong_beside_it():
    found = answers.dead_letter("dlq.failed", LETTER, NOW)
    assert (found.topic, found.key, found.value) == ("dlq.failed", b"\x00k", b"\xff")
    assert list(found.headers) == [
        ("a", b"1"),
        ("a", None),
        ("bifrost.error.topic", b"t"),
        ("bifrost.error.partition", b"2"),
        ("bifrost.error.offset", b"9"),
        ("bifrost.error.stage", b"decode"),
        ("bifrost.error.class", b"record_unreadable"),
        ("bifrost.error.message", b"Not JSON."),
        ("bifrost.error.attempt", b"1"),
        ("bifrost.error.at", b"2024-11-12T10:30:15Z"),
    ]


def test_a_letter_that_died_before_tells_of_its_last_death_alone():
    record = replace(LETTER.record, headers=[("bifrost.error.stage", b"submit"), ("x", b"y")])
    found = answers.dead_letter("dlq.failed", replace(LETTER, record=record, correlation_id="c"), NOW)
    names = [name for name, _ in found.headers]
    assert names.count("bifrost.error.stage") == 1
    assert dict(found.headers)["bifrost.error.correlation_id"] == b"c"
    assert names[0] == "x"
