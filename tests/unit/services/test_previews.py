"""What submitting a log would do, when one prompt cannot show it."""

import pytest

from app.domain.analyses import Source, Submission
from app.pipeline.windows import WindowLimits
from tests.support.parts import Analyses, make_previews

pytestmark = pytest.mark.unit

#: Too many errors for one prompt.
LOG = "".join(
    f"2026-01-31T09:00:00Z ERROR {first}{second} failed because {second}{first} is {second}" + " detail" * 60 + "\n"
    for first in "pqrstuvw"
    for second in "klmnoxyz"
)


@pytest.fixture
def previews():
    limits = WindowLimits(max_calls=8, max_tokens=80_000)
    return make_previews(Analyses(1), max_log_bytes=1_000_000, windows=limits)


def test_a_plan_counts_the_calls_of_windows_and_the_one_that_gathers_them(previews):
    plan = previews.plan(Submission(project_id=1, log=LOG))
    assert 3 <= plan.calls <= 8
    assert plan.max_completion_tokens == plan.calls * 1200
    assert plan.coverage.tokens_estimated + 8000 < plan.prompt_tokens <= plan.calls * 8000
    assert plan.max_cost_micro_usd == plan.prompt_tokens + plan.max_completion_tokens


def test_the_rules_are_asked_no_questions(previews):
    plan = previews.plan(Submission(project_id=1, log=LOG, source=Source.RULES))
    assert (plan.calls, plan.coverage.windows, plan.max_cost_usd) == (0, 0, 0)


def test_bytes_that_were_no_text_are_counted_in_the_plan(previews):
    plan = previews.plan(Submission(project_id=1, log="ERROR a\x00b", bytes_replaced=2))
    assert plan.coverage.bytes_replaced == 3
