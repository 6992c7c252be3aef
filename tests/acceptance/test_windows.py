"""A log with far more errors than a prompt can show, through the real processes."""

import json
import time
from collections.abc import Iterator

import pytest

from app.domain.analyses import Status
from app.pipeline.tokens import estimate
from tests.support.many_errors import many_errors, quoting, shown_in
from tests.support.model_behaviors import answer, hang, throttle
from tests.support.model_protocols import Usage
from tests.support.model_server import ModelServer, Recorded
from tests.support.stacks import Running, assert_adds_up, assert_true_to, providers_at, running
from tests.support.waiting import until

LOG = many_errors(3000)
MOST = 8
BUDGET = 8000
TOLD = Usage(prompt=7000)


def contents(asked: Recorded) -> list[str]:
    """Of each message, the system's first."""
    return [message["content"] for message in asked.body["messages"]]


def quotes(exchange) -> None:
    """Answers what the question shows; the last question, that shows the fewest lines, with one quote of each part."""
    content = contents(exchange.recorded)[-1]
    if "<findings>" not in content:
        answer(quoting(content), usage=TOLD)(exchange)
        return
    shown = [{"line": number, "quote": text} for number, text in shown_in(content).items()]
    answer(quoting(content, summary="All of it.", evidence=shown), usage=TOLD)(exchange)


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.otherwise(quotes)
        yield server


@pytest.fixture(scope="module")
def bifrost(models, tmp_path_factory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("windows"), providers_at(models.url, read_timeout=60)) as started:
        yield started


@pytest.mark.parametrize("source", ["local", "auto"])
def test_three_thousand_kinds_of_error_are_asked_about_within_the_bounds(bifrost, models, source):
    before = len(models.requests)
    found = bifrost.answered(LOG, source=source)
    asked = models.requests[before:]
    assert (found.status, found.degraded, found.error) == (Status.COMPLETED, False, None)
    assert len(asked) == MOST
    for question in asked:
        assert sum(estimate(content) for content in contents(question)) <= BUDGET
    assert_true_to(LOG, found)
    assert found.diagnosis.summary == "All of it."
    cited = {evidence.line for evidence in found.diagnosis.evidence}
    parts = [set(shown_in(contents(question)[-1])) for question in asked[1:-1]]
    assert sum(bool(cited & part) for part in parts) == MOST - 2, "lines of every window"
    assert found.coverage.windows_asked == MOST - 2 < found.coverage.windows
    assert found.coverage.templates_sent > 500
    assert found.usage.prompt_tokens == MOST * TOLD.prompt


def test_a_cancel_in_the_middle_closes_the_call_and_ends_the_rest(bifrost, models):
    before = len(models.requests)
    models.script(quotes, quotes, hang())
    analysis_id = bifrost.submit(LOG, source="auto")
    until(lambda: len(models.requests) == before + 3, what="the second window being asked about")
    began = time.monotonic()
    bifrost.client.cancel(analysis_id)
    assert models.requests[before + 2].closed_early.wait(1)
    found = bifrost.finished(analysis_id)
    assert found.status is Status.CANCELLED
    assert time.monotonic() - began < 2
    assert len(models.requests) == before + 3


def test_a_throttled_window_is_asked_again_and_nothing_else_is(bifrost, models):
    before = len(models.requests)
    models.script(quotes, quotes, throttle(0.2), quotes)
    found = bifrost.answered(LOG, source="auto")
    questions = [json.dumps(question.body) for question in models.requests[before:]]
    assert len(questions) == MOST + 1
    assert len(set(questions)) == MOST
    assert (found.error, found.coverage.windows_asked) == (None, MOST - 2)
    assert_adds_up(found.coverage)


def test_one_call_at_most_is_the_prompt_that_there_was_before(models, tmp_path):
    settings = providers_at(models.url) | {"BIFROST_WINDOWS__MAX_CALLS": "1"}
    before = len(models.requests)
    with running(tmp_path, settings) as bifrost:
        found = bifrost.answered(LOG, source="auto")
    assert len(models.requests) == before + 1
    assert (found.coverage.windows, found.coverage.windows_asked) == (0, 0)
    assert_true_to(LOG, found)
