import io
import json
import logging
import re

import pytest
import structlog

from app import telemetry
from app.settings import Log
from app.web import create_app
from tests.support.parts import EVERYTHING

pytestmark = pytest.mark.unit

URL = "/api/v1/analyses"


@pytest.fixture
def written():
    """What the log says."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    telemetry.configure_logging(Log(format="json", level="DEBUG"), stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    logging.basicConfig(handlers=handlers, level=level, force=True)


@pytest.mark.parametrize("path", ["/health", "/nowhere", URL, "/docs", "/openapi.json", "/metrics/prometheus"])
def test_every_answer_has_an_id_and_safe_headers(client, path):
    headers = client.get(path).headers
    assert re.fullmatch("[0-9a-f]{32}", headers["X-Request-ID"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] in {"no-store", "no-cache"}
    assert "Server" not in headers


def test_a_sane_request_id_is_kept(client):
    assert client.get("/health", headers={"X-Request-ID": "ci/build-7:3"}).headers["X-Request-ID"] == "ci/build-7:3"


@pytest.mark.parametrize("given", ["", " ", "a b", "x" * 129, "é", '{"a":1}', "a\tb"])
def test_another_request_id_is_replaced(client, given):
    assert client.get("/health", headers={"X-Request-ID": given}).headers["X-Request-ID"] != given


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/api/v1", "/api/v1/analyses/", "/docs/../etc/passwd", "/docs/docs.py", "/%00", "/" + "x" * 3000],
)
def test_an_unknown_path_is_a_problem(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "not_found"
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/api/v1//analyses", "//api/v1/analyses", "/api//v1/analyses/7"])
def test_nobody_is_sent_to_the_host_that_the_client_named(keyed, path):
    answer = keyed.get(path, base_url="http://evil.com")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert "Location" not in answer.headers


def test_a_redirect_of_the_router_is_a_problem_too(parts):
    app = create_app(parts)
    app.add_url_rule("/branch/", view_func=lambda: "here")
    answer = app.test_client().get("/branch", base_url="http://evil.com")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert "evil.com" not in answer.text + str(answer.headers)


def test_an_unknown_method_is_a_problem_that_names_the_known_ones(keyed):
    answer = keyed.delete(URL)
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    assert answer.content_type == "application/problem+json"


def test_a_crash_is_a_problem_without_its_trace_and_in_the_log_with_it(keyed, parts, written):
    parts.analyses.fault = ZeroDivisionError("secret detail")
    answer = keyed.get(f"{URL}/7", headers={"X-Request-ID": "r-7"})
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert "secret detail" not in answer.text
    crash = next(event for event in written() if event["event"] == "request_crashed")
    assert "ZeroDivisionError: secret detail" in crash["exception"]
    assert (crash["request_id"], crash["analysis_id"], crash["key"]) == ("r-7", 7, "all")


def test_every_line_of_a_request_has_its_id_and_none_of_the_next_has(keyed, written):
    keyed.get(f"{URL}/7", headers={"X-Request-ID": "first"})
    keyed.get("/nowhere", headers={"X-Request-ID": "second"})
    first, second = [event for event in written() if event["event"] == "request_finished"]
    assert (first["request_id"], first["analysis_id"], first["status"]) == ("first", 7, 404)
    assert second["request_id"] == "second"
    assert not {"analysis_id", "key"} & second.keys()


def test_the_log_never_shows_a_body_or_a_key(keyed, written):
    keyed.post(URL, json={"log_content": "hunter2 failed", "source": "hunter2"})
    keyed.post(URL, json={"log_content": "hunter2 failed"})
    keyed.post(URL, data=b'{"log_content": "hunter2', content_type="application/json")
    everything = json.dumps(written())
    assert "hunter2" not in everything
    assert EVERYTHING not in everything


def test_cors_is_off(keyed):
    answer = keyed.options(URL, headers={"Origin": "https://example.com", "Access-Control-Request-Method": "POST"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
