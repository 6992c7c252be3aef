"""Diagnoses as people read them, and what a hostile one cannot do."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.domain.diagnoses import Coverage, Diagnosis, Doubt, Evidence, LeftOut, Severity
from app.pipeline import rendering
from app.pipeline.escaping import printable

pytestmark = pytest.mark.unit

COVERAGE = Coverage(
    bytes_total=120_000,
    bytes_replaced=3,
    lines_total=1204,
    lines_blank=1,
    lines_sent=118,
    lines_cut=2,
    lines_counted=1080,
    left_out=(LeftOut(reason="over_budget", lines=5),),
    records=900,
    templates=40,
    templates_sent=31,
    redactions={"email": 2, "aws_key": 1},
    tokens_estimated=1850,
    token_budget=8000,
    evidence_cited=3,
    evidence_dropped=1,
)
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/leak.png)",
    "[click](javascript:alert(1))",
    "https://evil.example/?q=1",
    "# heading",
    "```\nfence",
    "`code` and `` ` `` and `unclosed",
    "> quote",
    "---",
    "&lt;b&gt;",
    "::error::pwned",
    "  ::set-output name=x::y",
    "##[group]x",
    "##vso[task.setvariable variable=x]y",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\u202egnp.exe",
    "@octocat",
    "a\rb\x00c\x08d\x7f",
    "half \ud800 pair",
    "*bold* _em_ ~~gone~~ |table|",
    "<!-- comment",
    "[ref]: https://evil.example",
    "1. one\n2. two\n    indented code",
]


def diagnosis(**changes: object) -> Diagnosis:
    fields = {
        "summary": "The API cannot reach PostgreSQL.",
        "root_cause": "db-1 refuses connections.",
        "recommendation": "1. Look at `systemctl status postgresql`.\n2. Raise max_connections.",
        "severity": Severity.HIGH,
        "confidence": 0.87,
        "evidence": (Evidence(line=7, text="ERROR refused"), Evidence(line=118, text="FATAL gone")),
    }
    return Diagnosis(**(fields | changes))


def hostile(text: str) -> Diagnosis:
    return diagnosis(summary=text, root_cause=text, recommendation=text, evidence=(Evidence(line=1, text=text),))


def test_plain_text_reads_from_severity_to_coverage():
    text = rendering.plain(diagnosis(), COVERAGE)
    assert text.splitlines() == [
        "HIGH  The API cannot reach PostgreSQL.",
        "  Cause       db-1 refuses connections.",
        "  Do next     1. Look at `systemctl status postgresql`.",
        "              2. Raise max_connections.",
        "  Evidence      7 | ERROR refused",
        "              118 | FATAL gone",
        (
            "  Read        1,204 lines: 118 shown, 2 of them cut, 1,080 counted in 31 templates, 1 blank, "
            "5 left out (over budget) · redacted: 1 aws key, 2 email · 3 bytes were not text · "
            "1 of 3 quotes was not in the log and was dropped · 1,850 of 8,000 tokens"
        ),
        "  Confidence  87%",
    ]


def test_markdown_keeps_lists_and_code_and_quotes_evidence_in_a_fence():
    text = rendering.markdown(diagnosis(), COVERAGE)
    assert text.startswith("### HIGH · The API cannot reach PostgreSQL.\n")
    assert "1. Look at `systemctl status postgresql`.\n2. Raise max_connections." in text
    assert "```text\n  7 | ERROR refused\n118 | FATAL gone\n```" in text


def test_a_healthy_log_is_said_to_be_healthy():
    healthy = diagnosis(issues_found=False, severity=Severity.LOW, evidence=(), root_cause="", recommendation="")
    assert rendering.plain(healthy, None).splitlines() == [
        "NO ISSUE  The API cannot reach PostgreSQL.",
        "  Confidence  87%",
    ]
    assert "::notice title=NO ISSUE" in rendering.github(healthy, None)
    assert rendering.markdown(healthy, None).startswith("### NO ISSUE · The API cannot")
    assert "none of the log's lines" not in rendering.markdown(healthy, None)
    assert rendering.markdown(healthy, None, language="ko").startswith("### 이상 없음 · ")
    assert rendering.github(healthy, None, language="ko").startswith("::notice title=이상 없음%3A ")


@pytest.mark.parametrize("doubt", [Doubt.CONTRADICTED, Doubt.MILDER])
@pytest.mark.parametrize("render", [rendering.plain, rendering.markdown, rendering.github])
def test_an_all_clear_that_the_log_contradicts_gives_no_advice(render, doubt):
    text = render(diagnosis(issues_found=False, doubts=(doubt,)), None)
    assert "NO ISSUE" in text
    assert "ERROR refused" in text
    assert "db-1 refuses" not in text
    assert "max_connections" not in text
    assert "db-1 refuses" in render(diagnosis(doubts=(doubt,)), None)


def test_an_issue_without_evidence_says_so():
    assert "none of the log's lines is quoted" in rendering.plain(diagnosis(evidence=()), None)
    assert "none of the log's lines is quoted" in rendering.markdown(diagnosis(evidence=()), None)


def test_korean_has_korean_labels_aligned_by_columns():
    text = rendering.plain(diagnosis(), COVERAGE, language="ko")
    assert text.startswith("높음(HIGH)  ")
    assert "  원인       db-1" in text
    assert "  분석 범위  총 1,204줄" in text


def test_an_unknown_language_reads_english():
    assert rendering.plain(diagnosis(), None, language="fr").startswith("HIGH")


@pytest.mark.parametrize(
    ("severity", "level"),
    [("LOW", "notice"), ("MEDIUM", "warning"), ("HIGH", "error"), ("CRITICAL", "error")],
)
def test_github_annotates_by_severity(severity, level):
    assert rendering.github(diagnosis(severity=Severity(severity)), None).startswith(f"::{level} title=")


def test_github_names_file_and_line_escaped():
    text = rendering.github(diagnosis(), COVERAGE, file="a,b:c%.log")
    assert text.startswith("::error file=a%2Cb%3Ac%25.log,line=7,title=HIGH%3A The API cannot reach PostgreSQL.::")
    assert text.count("\n") == 1
    assert "87%25" in text


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("render", [rendering.plain, rendering.markdown, rendering.github])
def test_nothing_hostile_reaches_a_terminal_or_a_runner(render, text):
    out = render(hostile(text), COVERAGE)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", out)
    commands = [line for line in out.splitlines() if line.strip().startswith("::")]
    assert len(commands) == (1 if render is rendering.github else 0)
    assert not re.search(r"##\w*\[", out)


def test_evidence_is_quoted_as_it_stands_except_for_what_a_runner_obeys():
    text = "##[error]Process completed with exit code 1.\x1b[0m"
    quoting = diagnosis(evidence=(Evidence(line=3, text=text),))
    assert "3 | # #[error]Process completed with exit code 1.\n" in rendering.plain(quoting, None)
    assert "3 | # #[error]Process completed with exit code 1.\n" in rendering.markdown(quoting, None)
    assert rendering.quotes(quoting) == (("3", "##[error]Process completed with exit code 1."),)
    assert "##[" not in rendering.github(quoting, None)


@pytest.mark.parametrize("render", [rendering.plain, rendering.markdown, rendering.github])
def test_that_no_model_answered_is_said_with_the_reason(render):
    said = render(diagnosis(), COVERAGE, degraded="The server is gone (x_y)").replace("\\", "")
    assert "by the built-in rules, since no model answered: The server is gone (x_y)" in said.replace("%3A", ":")
    assert "답하지 않아 내장 규칙이" in render(diagnosis(), COVERAGE, degraded="", language="ko")
    assert "no model answered" not in render(diagnosis(), COVERAGE)


def test_one_of_a_kind_is_told_in_the_singular():
    one = Coverage(
        bytes_total=9,
        bytes_replaced=1,
        lines_total=1,
        lines_blank=0,
        lines_sent=0,
        lines_counted=1,
        records=1,
        templates=1,
        templates_sent=1,
        tokens_estimated=5,
        token_budget=9,
    )
    assert rendering.coverage_line(one).startswith("1 line: 1 counted in 1 template · 1 byte was not text · ")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_active_in_markdown(text):
    assert_inert(rendering.markdown(hostile(text), COVERAGE))


@given(st.text(alphabet="`*_<>[]()!#&|~\\:/@-+=. \n1abw$", max_size=40))
def test_no_combination_of_marks_is_active_in_markdown(text):
    assert_inert(rendering.markdown(hostile(text), None))


@given(st.text(max_size=60))
def test_any_text_can_be_rendered_and_printed(text):
    for render in (rendering.plain, rendering.markdown, rendering.github):
        render(hostile(text), None).encode("utf-8")


def test_an_escape_sequence_that_never_ends_hides_one_line_at_most():
    assert printable("a \x1b]0;never ends\nsecond line") == "a \nsecond line"


def test_a_carriage_return_does_not_overwrite():
    assert printable("50%\r100%") == "50%\n100%"


def assert_inert(text: str) -> None:
    """Rendered by CommonMark with HTML and links on: nothing but the structure that we wrote."""
    found = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    kinds = {token.type for token in found} | {child.type for token in found for child in token.children or ()}
    active = {"html_block", "html_inline", "link_open", "image", "blockquote_open", "hr", "table_open", "s_open"}
    assert not kinds & active, (kinds & active, text)
    headings = [token.tag for token in found if token.type == "heading_open"]
    assert headings == ["h3"], text
    labels = sum(child.type == "strong_open" for token in found for child in token.children or ())
    fences = sum(token.type == "fence" for token in found)
    assert (labels, fences) in {(2, 1), (3, 1), (4, 1), (5, 1)}, text
