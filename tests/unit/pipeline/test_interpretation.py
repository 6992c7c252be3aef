"""A model's text to an answer."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.diagnoses import Severity
from app.domain.errors import AnswerMalformed
from app.pipeline.interpretation import ANSWER_SCHEMA, Citation, interpret

GOOD = {
    "summary": "The disk is full.",
    "root_cause": "Segments were never deleted.",
    "recommendation": "Free space.",
    "severity": "HIGH",
    "confidence": 0.9,
    "issues_found": True,
    "evidence": [{"line": 3, "quote": "No space left on device"}],
}


def variant(**changes):
    return interpret(json.dumps(GOOD | changes))


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "```json\n{}\n```",
        "Here is my diagnosis:\n\n{}\n\nHope this helps {{really}}!",
        '<think>Is it {{the disk}}? {{"summary": 1}}</think>\n{}',
        '{{"diagnosis": {}}}',
        "[{}]",
    ],
)
def test_an_answer_is_found_wherever_it_stands(text):
    answer = interpret(text.format(json.dumps(GOOD)))
    assert answer.summary == "The disk is full."
    assert answer.severity is Severity.HIGH
    assert answer.evidence == (Citation(line=3, quote="No space left on device"),)


def test_broken_json_is_repaired():
    broken = json.dumps(GOOD)[:-1].replace('"severity": "HIGH",', "'severity': 'high',").replace("True", "true") + ",}"
    assert interpret(broken).severity is Severity.HIGH


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [(0.85, 0.85), ("0.85", 0.85), (85, 0.85), ("85%", 0.85), ("high", 0.85), (-1, 0.0), (1, 1.0)],
)
def test_confidence_is_understood_as_people_write_it(given_value, expected):
    assert variant(confidence=given_value).confidence == pytest.approx(expected)


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [("critical", "CRITICAL"), (" High ", "HIGH"), ("warning", "MEDIUM"), ("심각", "CRITICAL")],
)
def test_severity_is_understood_in_any_case(given_value, expected):
    assert variant(severity=given_value).severity == expected


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (["17| disk full"], (17, "disk full")),
        (["disk full"], (0, "disk full")),
        ([{"line": "17", "text": "disk full"}], (17, "disk full")),
        ([{"line_number": "17-19", "quote": "disk full"}], (17, "disk full")),
        ({"line": 17, "quote": "disk full"}, (17, "disk full")),
        ([17], (17, "")),
    ],
)
def test_evidence_is_understood_in_many_forms(given_value, expected):
    citation = variant(evidence=given_value).evidence[0]
    assert (citation.line, citation.quote) == expected


def test_lists_and_nothing_become_text():
    assert variant(recommendation=["one", "two"], root_cause=None).recommendation == "one\ntwo"


def test_what_is_too_long_is_cut():
    answer = variant(
        summary="x" * 50_000, evidence=[{"line": 1, "quote": "y" * 5_000}, *[{"line": 1, "quote": ""}] * 99]
    )
    assert len(answer.summary) == 2000
    assert len(answer.evidence) == 50
    assert len(answer.evidence[0].quote) == 4000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot help with that.",
        "[]",
        "{}",
        '{"summary": "x"}',
        json.dumps(GOOD | {"severity": "purple"}),
        json.dumps(GOOD | {"summary": ""}),
        "[" * 200_000,
        "{" * 200_000,
        '{"summary": "' + "[" * 200_000,
        "<think>" * 30_000,
        '{"a":' * 100_000,
        "x" * 10_000_000,
        '{"summary": "x", ' * 20_000,
    ],
)
@pytest.mark.timeout(30)  # what were not linear would take minutes
def test_what_is_no_answer_is_malformed_and_takes_no_time(text):
    with pytest.raises(AnswerMalformed):
        interpret(text)


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda s: st.lists(s) | st.dictionaries(st.sampled_from(list(GOOD)), s),
        max_leaves=20,
    ).map(json.dumps)
)
def test_any_text_is_an_answer_or_malformed(text):
    with contextlib.suppress(AnswerMalformed):
        assert 0 <= interpret(text).confidence <= 1


def test_the_schema_names_every_field_of_an_answer():
    assert set(ANSWER_SCHEMA["required"]) == set(ANSWER_SCHEMA["properties"]) == set(GOOD)
