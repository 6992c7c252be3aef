"""A finished analysis in every format."""

import pytest

from app.cli.exits import Exit
from app.cli.show import FORMATS, code_of, show
from app.cli.words import footer
from app.client.answers import read_analysis
from tests.support.api_server import COVERAGE, diagnosis

pytestmark = pytest.mark.unit


def analysis(**changes):
    raw = {
        "id": 42,
        "status": "completed",
        "provider": "ollama",
        "model": "mistral",
        "diagnosis": diagnosis(),
        "coverage": COVERAGE,
        "usage": {"prompt_tokens": 1200, "completion_tokens": 80, "cost_usd": 0.0123},
        "duration_seconds": 0.25,
        "attempts": 1,
    }
    return read_analysis(raw | changes)


@pytest.mark.parametrize(
    ("fail_on", "severity", "issues_found", "code"),
    [
        (None, "CRITICAL", True, Exit.DONE),
        ("high", "MEDIUM", True, Exit.DONE),
        ("high", "HIGH", True, Exit.FINDING),
        ("low", "CRITICAL", True, Exit.FINDING),
        ("low", "LOW", False, Exit.DONE),
    ],
)
def test_fail_on_compares_severities_and_a_healthy_log_never_fails(fail_on, severity, issues_found, code):
    found = analysis(diagnosis=diagnosis(severity, issues_found=issues_found))
    assert code_of(found, fail_on) is code


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_has_no_diagnosis_is_not_completed(status):
    assert code_of(analysis(status=status, diagnosis=None), None) is Exit.NOT_COMPLETED


def test_the_footer_tells_who_answered_and_what_it_cost():
    assert footer(analysis()) == "analysis 42 · ollama mistral · 0.25 s · 1,200 + 80 tokens · $0.0123"
    guessed = {"prompt_tokens": 1200, "completion_tokens": 80, "cost_usd": None, "estimated": True}
    assert footer(analysis(usage=guessed)).endswith("1,200 + 80 tokens (estimated) · cost unknown")
    ours = footer(analysis(prompt={"name": "triage", "version": 3}))
    assert ours.startswith("analysis 42 · ollama mistral · triage@3 · 0.25 s")
    assert footer(analysis(prompt={"name": "default", "version": 0})) == footer(analysis())
    again = analysis(degraded=True, cached=True, provider="rules", model="rules", attempts=3, usage=None)
    assert footer(again) == (
        "analysis 42 · built-in rules (degraded: no model answered) · from the cache · 0.25 s · attempt 3"
    )


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_every_format_shows_every_end(format_, status, capsys):
    error = {"code": "worker_lost", "detail": "The worker died.", "retryable": True} if status == "failed" else None
    found = analysis(status=status, error=error, **({} if status == "completed" else {"diagnosis": None}))
    show(found, name="build.log", format_=format_)
    out = capsys.readouterr().out
    expected = {"completed": "refuses connections", "failed": "worker_lost", "cancelled": "cancelled"}[status]
    assert expected in out.replace("\\_", "_")


@pytest.mark.parametrize("format_", [format_ for format_ in FORMATS if format_ != "json"])
def test_a_degraded_answer_says_why_no_model_answered(format_, capsys):
    error = {"code": "provider_unavailable", "detail": "Nobody is at the model's address.", "retryable": True}
    show(analysis(degraded=True, provider="rules", error=error), name="a.log", format_=format_)
    said = capsys.readouterr().out.replace("\\", "").replace("%3A", ":")
    assert "since no model answered: Nobody is at the model's address (provider_unavailable)" in said


def test_json_is_the_apis_object_and_cannot_act_on_a_terminal(capsys):
    raw = dict(analysis().raw) | {"new": "\x1b[2J\x9b\u202e"}
    show(read_analysis(raw), name="", format_="json")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x9b" not in out
    import json

    assert json.loads(out) == raw


def test_nobody_answered_what_was_cancelled():
    assert footer(analysis(status="cancelled", diagnosis=None, provider="rules", usage=None)) == "analysis 42 · 0.25 s"
