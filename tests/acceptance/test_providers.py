"""Each provider's protocol through the real processes: a right answer, a retry or a degraded one, never a stuck job."""

from collections.abc import Iterator

import pytest

from app.domain.analyses import Status
from tests.support.model_behaviors import (
    answer,
    corrupt,
    error,
    error_inside,
    filtered,
    garbage,
    hang,
    hang_inside,
    length_limited,
    no_json,
    prose,
    reset,
    slow,
    throttle,
    truncated,
    unfinished,
    web_page,
    wrong_schema,
)
from tests.support.model_server import ModelServer
from tests.support.sample_logs import REFUSED
from tests.support.stacks import Running, assert_true_to, providers_at, running
from tests.support.tiny_providers import answer as said

QUOTING = said(evidence=[{"line": 2, "quote": "Connection refused"}, {"line": 1, "quote": "invented"}])
PROTOCOLS = {"ollama": "local", "bedrock": "cloud", "openai_compatible": "auto"}


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def bifrost(models, tmp_path_factory) -> Iterator[Running]:
    # every test begins anew: no trouble of one makes the next one wait
    settings = providers_at(models.url) | {"BIFROST_GUARDS__FAILURES": "0"}
    with running(tmp_path_factory.mktemp("providers"), settings) as started:
        yield started


#: What the model server does first, and how often it is asked until somebody answers; then it answers well.
RECOVERED = {
    "answers": ([answer()], 1),
    "answers slowly": ([slow(0.01)], 1),
    "answers in prose": ([prose()], 1),
    "throttles": ([throttle(0.2), throttle(0.2), throttle(0.2), throttle(0.2)], 5),
    "fails": ([error("internal"), error("internal")], 3),
    "is reset": ([reset()], 2),
    "hangs": ([hang()], 2),
    "hangs midway": ([hang_inside()], 2),
    "is truncated": ([truncated()], 2),
    "does not finish": ([unfinished()], 2),
    "fails midway": ([error_inside("internal")], 2),
    "is corrupt": ([corrupt()], 2),
    "talks": ([no_json()], 2),
    "answers another question": ([wrong_schema()], 2),
    "is cut at its limit": ([length_limited()], 2),
}


@pytest.mark.parametrize("provider", PROTOCOLS)
@pytest.mark.parametrize("trouble", RECOVERED)
def test_trouble_that_passes_ends_in_the_models_answer(bifrost, models, provider, trouble):
    behaviors, calls = RECOVERED[trouble]
    before = len(models.requests)
    models.script(*behaviors)
    found = bifrost.answered(REFUSED, source=PROTOCOLS[provider])
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, provider, False), found.error
    assert found.diagnosis.summary == "The database refuses connections."
    assert len(models.requests) - before == calls
    assert_true_to(REFUSED, found)


#: What it does every time, and the code that says so.
LASTING = {
    "fails": (error("internal"), {"provider_unavailable"}),
    "talks": (no_json(), {"answer_malformed"}),
    "refuses": (filtered(), {"answer_refused", "answer_malformed"}),
    "is truncated": (truncated(), {"provider_unavailable"}),
    "speaks no protocol": (garbage(), {"provider_unavailable", "answer_malformed", "provider_misconfigured"}),
    "is a web page": (web_page(), {"provider_unavailable", "answer_malformed", "provider_misconfigured"}),
    "is cut at its limit": (length_limited(), {"answer_truncated"}),
}


@pytest.mark.parametrize("provider", PROTOCOLS)
@pytest.mark.parametrize("trouble", LASTING)
def test_trouble_that_stays_ends_in_the_rules_answer(bifrost, models, provider, trouble):
    behavior, codes = LASTING[trouble]
    models.otherwise(behavior)
    try:
        found = bifrost.answered(REFUSED, source=PROTOCOLS[provider])
    finally:
        models.otherwise(answer())
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, "rules", True)
    assert found.error.code in codes
    assert found.diagnosis.issues_found
    assert_true_to(REFUSED, found)


@pytest.mark.parametrize("provider", PROTOCOLS)
def test_only_what_stands_in_the_log_is_evidence(bifrost, models, provider):
    models.script(answer(QUOTING))
    found = bifrost.answered(REFUSED, source=PROTOCOLS[provider])
    assert [(line.line, line.text) for line in found.diagnosis.evidence] == [
        (2, "2026-03-01 09:12:04,551 ERROR worker could not connect to server: Connection refused")
    ]
    assert (found.coverage.evidence_cited, found.coverage.evidence_dropped) == (2, 1)
    assert found.diagnosis.confidence < 0.9


def test_no_key_of_a_provider_is_written_down(bifrost):
    written = bifrost.logs()
    assert "provider_failed" in written
    assert "nobody-may-see" not in written
