"""A diagnosis in a few lines."""

import pytest

from app.cli.brief import draw_briefly
from app.client.answers import read_analysis
from tests.support.api_server import COVERAGE, diagnosis

pytestmark = pytest.mark.unit


def shown(capsys, **changes) -> list[str]:
    raw = {"id": 1, "status": "completed", "diagnosis": diagnosis() | changes, "coverage": COVERAGE}
    draw_briefly(read_analysis(raw), name="x.log")
    return capsys.readouterr().out.splitlines()


def test_it_says_what_why_where_and_what_was_read(capsys):
    assert shown(capsys) == [
        "x.log",
        " HIGH  The database refuses connections.",
        "  Cause     PostgreSQL on db-1 reached max_connections.",
        "  Evidence  3 │ FATAL: sorry, too many clients already",
        "  Read      4 lines: 3 shown, 1 blank · redacted: 1 email · 90 of 8,000 tokens",
    ]


def test_every_line_is_cut_to_the_width(capsys):
    lines = shown(capsys, summary="long " * 100, root_cause="why " * 100)
    assert max(map(len, lines)) == 110
    assert lines[1].endswith("…")


def test_at_most_three_quotes_are_shown_no_two_the_same(capsys):
    quotes = [{"line": number, "text": text} for number, text in enumerate("aabcd", 1)]
    marks = [line.split("│")[1].strip() for line in shown(capsys, evidence=quotes) if "│" in line]
    assert marks == ["a", "b", "c"]


def test_one_without_a_diagnosis_says_why(capsys):
    draw_briefly(read_analysis({"id": 1, "status": "cancelled"}), name="x.log")
    assert capsys.readouterr().out == "x.log\n CANCELLED  somebody cancelled it\n"
