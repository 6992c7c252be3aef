"""Records to requests: any bytes in, never an exception out; what is valid comes through whole."""

import json
import uuid
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from app.domain.analyses import Priority
from app.domain.records import DeadRecord, Record, RecordStage, Request, Spelling
from app.pipeline.decoding import clean
from tests.support.heimdall import POISON, request, spelled
from worker.bridge.adapter import Reader, RequestLimits

pytestmark = pytest.mark.unit

LIMITS = RequestLimits(
    max_record_bytes=100_000,
    max_log_bytes=10_000,
    max_name_chars=100,
    max_metadata_bytes=1000,
    max_json_depth=8,
    result_topic="analysis.result",
    callback_topics=frozenset({"analysis.result", "team.result"}),
)
READER = Reader(LIMITS, project_id=3)
KEY = b"7"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.text(min_size=1, max_size=100).filter(str.isprintable)
#: What Java may write: NUL and lone surrogates too.
TEXTS = st.text(st.characters(codec=None), max_size=200)
# strftime writes the year 999 with three digits
MOMENTS = st.datetimes(min_value=datetime(1000, 1, 1)).map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"))  # noqa: DTZ001 - as Hypothesis wants it
STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=128)
VALID = st.fixed_dictionaries(
    {
        "request_id": st.uuids().map(str) | st.uuids().map(lambda made: str(made).upper()),
        "log_id": st.integers(-(2**63), 2**63 - 1),
        "log_content": TEXTS.map(lambda text: "ERROR " + text),
        "service_name": st.none() | NAMES,
        "environment": st.none() | st.sampled_from(["dev", "staging", "prod", "development", "production"]),
    },
    optional={
        "timestamp": st.none() | MOMENTS,
        "analysis_type": st.none() | st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,49}", fullmatch=True),
        "priority": st.none() | st.sampled_from(["LOW", "normal", "High", "cRITICAL"]),
        "callback_topic": st.none() | st.sampled_from(sorted(LIMITS.callback_topics)),
        "correlation_id": st.none() | STORABLE,
        "metadata": st.none() | st.dictionaries(st.text(max_size=5), st.integers(-(2**63), 2**63) | TEXTS, max_size=3),
        "something_new": JSON.filter(lambda value: all(word not in repr(value) for word in ("inf", "nan"))),
    },
)  # fmt: skip


def read(value: bytes | None) -> Request | DeadRecord:
    return READER.read(Record(topic="analysis.request", partition=1, offset=42, key=KEY, value=value))


def accepted(fields: dict[str, object], spelling: Spelling = Spelling.CAMEL) -> Request:
    found = read(spelled(fields, spelling))
    assert isinstance(found, Request), found
    return found


def refused(fields: dict[str, object], spelling: Spelling = Spelling.SNAKE) -> DeadRecord:
    found = read(spelled(fields, spelling))
    assert isinstance(found, DeadRecord), found
    return found


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()) | st.none())
@example(b"\xef\xbb\xbf{}")
@example(b"\xff\xfe{\0}\0")
@example(b'{"a":' * 50_000)
@example(b"9" * 50_000)
@example(b'{"request_id":1e999}')
@example(b'"\\ud800"')
def test_whatever_comes_in_nothing_is_raised(value):
    found = read(value)
    assert isinstance(found, DeadRecord)
    assert found.record.value == value


@given(st.sampled_from(Spelling), st.data())
@settings(max_examples=200)
def test_a_request_with_any_field_of_any_json_is_taken_or_refused(spelling, data):
    fields = request() | data.draw(st.dictionaries(st.sampled_from(sorted(request())), JSON, max_size=3))
    found = read(spelled(fields, spelling))
    assert isinstance(found, Request | DeadRecord)
    assert found.record.key == KEY
    if isinstance(found, DeadRecord):
        # NaN and Infinity are no JSON
        assert found.stage is (RecordStage.DECODE if found.error.code == "record_unreadable" else RecordStage.VALIDATE)
        assert found.error.code != "internal_error"


@given(VALID, st.sampled_from(Spelling))
@settings(max_examples=300)
def test_every_valid_event_comes_through(fields, spelling):
    found = accepted(fields, spelling)
    asked, told = found.submission, found.submission.callback
    assert asked.request_id == fields["request_id"]
    assert asked.idempotency_key == f"heimdall:{fields['request_id'].lower()}"
    own = fields.get("correlation_id")
    assert asked.correlation_id == (fields["request_id"] if own is None else own)
    assert asked.service_name == (fields["service_name"] or "unknown")
    assert asked.environment == (fields["environment"] or "unknown")
    assert asked.priority is Priority[(fields.get("priority") or "NORMAL").upper()]
    assert asked.analysis_type == (fields.get("analysis_type") or "error")
    assert asked.project_id == 3
    assert asked.log == clean(fields["log_content"]).text
    assert told == {
        "kind": "kafka",
        "topic": fields.get("callback_topic") or "analysis.result",
        "spelling": spelling,
        "log_id": fields["log_id"],
        "key": f"heimdall:{fields['log_id']}",
        "from": ["analysis.request", 1, 42],
    }


@given(VALID)
def test_the_same_request_in_the_other_spelling_is_the_same_request(fields):
    one, other = accepted(fields, Spelling.SNAKE), accepted(fields, Spelling.CAMEL)
    assert one.request_hash == other.request_hash
    assert replace(one.submission, callback=None) == replace(other.submission, callback=None)


@given(VALID, st.sampled_from(["log_id", "log_content", "service_name", "priority", "metadata", "correlation_id"]))
def test_another_request_has_another_hash(fields, name):
    others = {"log_id": 1, "log_content": "other", "service_name": "other", "correlation_id": "other"}
    others |= {"priority": "LOW", "metadata": {"other": 1}}
    before, after = accepted(fields), accepted(fields | {name: others[name]})
    told = ("service_name", "priority", "metadata", "correlation_id", "log", "callback")
    alike = all(getattr(before.submission, each) == getattr(after.submission, each) for each in told)
    assert (before.request_hash == after.request_hash) == alike


@pytest.mark.parametrize("name", POISON)
def test_poison_is_a_dead_letter_that_says_where_it_stopped(name):
    make, stage, code = POISON[name]
    value = make()
    found = READER.read(replace(read(b"").record, value=value))
    assert isinstance(found, DeadRecord)
    assert (found.stage, found.error.code, found.record.value) == (stage, code, value)


@pytest.mark.parametrize("name", ["request_id", "log_id", "log_content", "service_name", "environment"])
@pytest.mark.parametrize("spelling", Spelling)
def test_a_missing_field_is_named_as_its_sender_spells_it(name, spelling):
    found = refused(request(**{name: ...}), spelling)
    spelled_name = to_camel(name) if spelling is Spelling.CAMEL and name != "request_id" else name
    assert f"{spelled_name}: field required" in found.error.detail


def test_a_request_has_one_spelling_throughout():
    mixed = json.loads(spelled(request(), Spelling.CAMEL))
    mixed["log_id"] = mixed.pop("logId")
    found = read(json.dumps(mixed).encode())
    assert isinstance(found, DeadRecord)
    assert found.error.detail == "logId: field required"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"request_id": "7"}, "request_id: must be a UUID"),
        ({"request_id": str(uuid.UUID(int=7)).replace("-", "")}, "request_id: must be a UUID"),
        ({"log_id": 2**63}, "log_id: input should be less than"),
        ({"log_id": 7.0}, "log_id: input should be a valid integer"),
        ({"log_id": True}, "log_id: input should be a valid integer"),
        ({"log_content": None}, "log_content: input should be a valid string"),
        ({"priority": "urgent"}, "priority: must be one of LOW, NORMAL, HIGH, CRITICAL"),
        ({"priority": 2}, "priority: must be one of"),
        ({"timestamp": 1731407400}, "timestamp: must be a text in ISO 8601"),
        ({"timestamp": "yesterday"}, "timestamp: must be in ISO 8601"),
        ({"service_name": "a\nb"}, "service_name: must have printable characters only"),
        ({"service_name": "a" * 101}, "service_name: at most 100 characters (limits.max_name_chars)"),
        ({"environment": "a" * 101}, "environment: at most 100 characters (limits.max_name_chars)"),
        ({"analysis_type": "what?"}, "analysis_type: must be a letter, then"),
        ({"correlation_id": "a" * 129}, "correlation_id: string should have at most 128 characters"),
        ({"correlation_id": "a\0"}, "correlation_id: must not contain NUL"),
        ({"metadata": []}, "metadata: input should be a valid dictionary"),
        ({"metadata": {"a": "x" * 1000}}, "metadata: at most 1,000 bytes as JSON (limits.max_metadata_bytes)"),
        ({"metadata": json.loads('{"a":' * 9 + "1" + "}" * 9)}, "metadata: nested more than 8 levels deep"),
        ({"metadata": {"a": 2**70}}, "metadata: a number has more than 64 bits"),
        ({"log_content": "x" * 10_001}, "The log has 10,001 bytes; limits.max_log_bytes is 10,000."),
        ({"log_content": "é" * 5001}, "The log has 10,002 bytes"),
        ({"padding": "x" * 100_000}, "kafka.max_record_bytes is 100,000"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(changes, told):
    assert told in refused(request() | changes).error.detail


def test_a_dead_letter_keeps_what_is_known_of_its_request():
    found = refused(request(log_id=None, correlation_id="inc-7"), Spelling.CAMEL)
    assert (found.correlation_id, found.service_name, found.environment) == ("inc-7", "checkout", "prod")
    assert found.request_id


def test_a_value_never_stands_in_the_message():
    found = refused(request(log_content=None, priority="hunter2", environment="x" * 101))
    assert "hunter2" not in found.error.detail


def test_a_refused_topic_stands_in_no_message_nor_do_the_allowed_ones():
    error = refused(request(callback_topic="hunter2")).error
    assert error.code == "callback_topic_refused"
    assert "callback_topic" in error.detail
    assert not [name for name in ("hunter2", *LIMITS.callback_topics) if name in error.detail]


def test_half_a_character_of_a_log_that_was_cut_is_replaced():
    value = spelled(request(log_content="ERROR X"), Spelling.CAMEL).replace(b"X", b"\\uD83D")
    found = read(value)
    assert isinstance(found, Request)
    assert (found.submission.log, found.submission.bytes_replaced) == ("ERROR \ufffd", 3)


def test_metadata_is_stored_without_what_the_database_cannot_hold():
    found = accepted(request(metadata={"a\0": ["b\0", {"c": "\ud800"}]}))
    assert found.submission.metadata == {"a\ufffd": ["b\ufffd", {"c": "\ufffd"}]}
