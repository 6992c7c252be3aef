"""A message for a chat: what a log says pings nobody, links nowhere, and fits."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.analyses import Analysis, Failure, Status
from app.domain.diagnoses import Doubt, Evidence
from app.publishers import slack
from tests.support.announcements import ANALYSIS, announcement

pytestmark = pytest.mark.unit

#: What Slack, or another that reads its format, would make a mention or a link of.
ACTIVE = re.compile(r"<|>|@\w|://|\bwww\.|\bmailto:|\]\(|&(?!(?:amp|lt|gt);)", re.IGNORECASE)
NASTY = (
    "<!channel>", "<!here>", "<!everyone>", "<@U012AB3CD>", "<#C024BE7LR>", "<!subteam^SAZ94GDB8>", "@here", "@channel",
    "<https://evil.example|Open the runbook>", "https://evil.example/?a=1&b=2", "www.evil.example", "&lt;!channel&gt;",
    "[runbook](https://evil.example)", "mailto:boss@example.com", "```", "*bold*", "\x1b[31mred", "\u202eright to left",
    "<!date^1392734382^{date}|x>",
)  # fmt: skip


def message(**changes) -> dict:
    return json.loads(slack.body(announcement("https://x"), replace(ANALYSIS, **changes)))


def texts(found: dict) -> list[str]:
    """Every text in a message."""
    return [found["text"], *(mrkdwn["text"] for mrkdwn in objects(found))]


def objects(found: dict) -> list[dict]:
    return [part for block in found["blocks"] for part in ([block["text"]] if "text" in block else block["elements"])]


def with_text(text: str) -> Analysis:
    assert ANALYSIS.diagnosis
    diagnosis = replace(
        ANALYSIS.diagnosis,
        summary=text,
        root_cause=text,
        recommendation=text,
        evidence=tuple(Evidence(line=number, text=text) for number in range(1, 30)),
    )
    return replace(ANALYSIS, diagnosis=diagnosis, service_name=text[:100], environment=text[:100], model=text[:100])


def test_a_person_reads_how_bad_where_what_why_and_what_to_do():
    found = message()
    assert ANALYSIS.diagnosis
    said = "\n".join(texts(found))
    for words in (ANALYSIS.diagnosis.severity.value, "api", "prod", "analysis 7", "ollama mistral", "*Cause*"):
        assert words in said
    assert found["text"].startswith(f"*{ANALYSIS.diagnosis.severity.value}* · api · prod\n")


def test_the_log_is_not_told():
    assert "private" not in json.dumps(message())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": Status.FAILED, "error": Failure(code="worker_lost", detail="It died.", retryable=True)}, "It died"),
        ({"status": Status.CANCELLED, "error": None}, "It was not finished."),
    ],
)
def test_what_has_no_diagnosis_says_why(changes, words):
    assert words in message(diagnosis=None, **changes)["text"]


def test_what_is_doubted_is_said_so():
    assert ANALYSIS.diagnosis
    doubted = replace(ANALYSIS.diagnosis, doubts=(Doubt.CONTRADICTED, Doubt.ADDRESSED))
    assert "*doubted*: contradicted, addressed" in texts(message(diagnosis=doubted))[-1]


def test_a_healthy_log_is_not_called_by_its_severity():
    assert ANALYSIS.diagnosis
    assert message(diagnosis=replace(ANALYSIS.diagnosis, issues_found=False))["text"].startswith("*completed*")


@pytest.mark.parametrize("text", NASTY)
def test_what_a_log_says_pings_nobody_and_links_nowhere(text):
    found = json.loads(slack.body(announcement("https://x"), with_text(f"before {text} after")))
    for one in texts(found):
        assert not ACTIVE.search(one), one
    assert all(part["verbatim"] for part in objects(found))
    assert (found["unfurl_links"], found["unfurl_media"]) == (False, False)


def test_a_quoted_line_does_not_end_the_quotes():
    (quotes,) = [
        one for one in texts(json.loads(slack.body(announcement("https://x"), with_text("a ```b`` c")))) if "1 |" in one
    ]
    assert quotes.startswith("```")
    assert quotes.endswith("```")
    assert "```" not in quotes[3:-3]


@settings(max_examples=40, deadline=None)
@given(st.text(), st.sampled_from(["", "&" * 900, "<" * 900, "@a" * 1500, "\U0001f600" * 1600, "x" * 3200]))
def test_every_text_fits_and_is_harmless_whatever_it_is(some, much):
    for text in (some + much, much + some):
        found = json.loads(slack.body(announcement("https://x"), with_text(text)))
        assert len(found["blocks"]) <= 50
        for one in texts(found):
            assert 1 <= len(one.encode("utf-16-le", "surrogatepass")) // 2 <= slack.MAX_TEXT
            assert not ACTIVE.search(one)


def test_what_is_cut_says_so_and_ends_between_characters():
    assert slack.escaped("&" * 10, 12) == "&amp;&amp;…"
    assert slack.escaped("\U0001f600" * 4, 6) == "\U0001f600" * 2 + "…"
    assert slack.escaped("short", 5) == "short"
