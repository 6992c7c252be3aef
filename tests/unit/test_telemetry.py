import io
import json
import logging
import warnings

import pytest
import structlog

from app import telemetry
from app.settings import Log

pytestmark = pytest.mark.unit


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    telemetry.unbind()
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    logging.basicConfig(handlers=handlers, level=level, force=True)


def written(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_its_context(stream):
    telemetry.configure_logging(Log(format="json"), stream)
    telemetry.bind(request_id="r", analysis_id=7)
    with telemetry.bound(stage="infer"):
        structlog.get_logger().info("asked", model="m\nn")
    telemetry.unbind("analysis_id")
    structlog.get_logger().info("done")
    asked, done = written(stream)
    assert (asked["event"], asked["level"], asked["model"]) == ("asked", "info", "m\nn")
    assert (asked["request_id"], asked["analysis_id"], asked["stage"]) == ("r", 7, "infer")
    assert asked["timestamp"].endswith("Z")
    assert not {"analysis_id", "stage"} & done.keys()


def test_libraries_and_warnings_speak_the_same_way(stream):
    telemetry.configure_logging(Log(format="json"), stream)
    telemetry.bind(request_id="r")
    logging.getLogger("some.library").warning("it said %s", "so")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", stacklevel=1)
    said, warned = written(stream)
    assert (said["event"], said["logger"], said["request_id"]) == ("it said so", "some.library", "r")
    assert "careful" in warned["event"]


def test_less_than_the_level_is_not_written(stream):
    telemetry.configure_logging(Log(format="json", level="WARNING"), stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("some.library").info("quiet")
    structlog.get_logger().warning("loud")
    assert [event["event"] for event in written(stream)] == ["loud"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_never_written(stream, form):
    telemetry.configure_logging(Log(format=form), stream)
    log = structlog.get_logger()
    log.info("a", api_key="hunter2", password="hunter2", token="hunter2", authorization="hunter2")
    log.info("b", detail="Bearer hunter2hunter2, bf_1a2b_hunter2, postgresql://user:hunter2@host/db")
    logging.getLogger("some.library").error("redis://:hunter2@localhost:6379 refused AKIAABCDEFGHIJKLMNOP")
    try:
        crash("cannot connect to postgresql://user:hunter2@host/db")
    except RuntimeError:
        log.exception("c")
    assert "hunter2" not in stream.getvalue()
    assert "ABCDEFGHIJKLMNOP" not in stream.getvalue()
    assert "bf_1a2b_***" in stream.getvalue()
    assert "postgresql://user:***@host/db" in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_trace_shows_no_values(stream, form):
    telemetry.configure_logging(Log(format=form), stream)
    log_content = "hunter2 is the body"
    try:
        crash(len(log_content))
    except RuntimeError:
        structlog.get_logger().exception("crashed")
    assert "RuntimeError: 19" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_what_json_cannot_hold_is_still_written(stream):
    telemetry.configure_logging(Log(format="json"), stream)
    structlog.get_logger().info("odd", text="a\ud800b", number=10**40, thing=object(), **{"4": {1: 2}})
    (event,) = written(stream)
    assert (event["event"], event["number"]) == ("odd", str(10**40))
    assert event["text"] == "a\\ud800b"


def test_text_is_for_terminals(stream):
    telemetry.configure_logging(Log(format="auto"), stream)
    structlog.get_logger().info("plain")
    assert stream.getvalue().startswith("{")


def test_what_is_counted_is_told():
    telemetry.count_analysis(status="failed", source="auto", provider=None, degraded=True, seconds=0.2)
    text, content_type = telemetry.exposition("", tuple)
    assert b'analysis_total{degraded="true",provider="none",source="auto",status="failed"}' in text
    assert b'analysis_duration_seconds_bucket{le="0.25",provider="none",status="failed"}' in text
    assert content_type.startswith("text/plain")


def test_deliveries_are_counted_by_their_outcome():
    telemetry.count_delivery("webhook", "dead")
    assert b'deliveries_total{outcome="dead",publisher="webhook"}' in telemetry.exposition("", tuple)[0]


def crash(message):
    raise RuntimeError(message)
