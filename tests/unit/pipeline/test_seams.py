"""Secrets that a line's end cuts in two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline import seams
from app.pipeline.lines import split, trim_giants
from app.pipeline.redaction import redact

KEY = "AK" + "IA" + "Q7Z2M4N8P5R1S6T3"
STAMP = "2025-03-18T01:59:07.123456789Z"
JWT = "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + "abcDEF123456789" * 3


def hidden(text):
    lines = split(text)
    counts = dict(seams.hide(lines))
    for kind, count in redact(lines).counts.items():
        counts[kind] = counts.get(kind, 0) + count
    return list(lines), counts


def test_a_collector_that_splits_a_line_hides_nothing():
    lines, counts = hidden(
        f"{STAMP} stderr P using {KEY[:9]}\n{STAMP} stdout F between\n{STAMP} stderr P {KEY[9:14]}\n"
        f"{STAMP} stderr F {KEY[14:]} password=hunter2\n"
    )
    assert lines == [
        f"{STAMP} stderr P using <AWS_KEY_1>",
        f"{STAMP} stdout F between",
        f"{STAMP} stderr P <AWS_KEY_1>",
        f"{STAMP} stderr F <AWS_KEY_1> password=<SECRET_1>",
    ]
    assert counts == {"AWS_KEY": 1, "SECRET": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  password:\n    hunter2x\n  next: 1", ["  password:", "    <SECRET_1>", "  next: 1"]),
        ("client_secret: |\n  abc123def", ["client_secret: |", "  <SECRET_1>"]),
        ("mysqldump --password \\\n  S3cr3tpw shop", ["mysqldump --password \\", "  <SECRET_1> shop"]),
        (
            (
                '{"log":"password=hun","stream":"stderr","time":"1"}\n'
                '{"log":"ter2x9 done\\n","stream":"stderr","time":"1"}'
            ),
            [
                '{"log":"password=<SECRET_1>","stream":"stderr","time":"1"}',
                '{"log":"<SECRET_1> done\\n","stream":"stderr","time":"1"}',
            ],
        ),
        (
            f"2025-03-18 ERROR the server said no to this token of the user: {JWT[:50]}\n{JWT[50:]} end",
            ["2025-03-18 ERROR the server said no to this token of the user: <JWT_1>", "<JWT_1> end"],
        ),
    ],
)
def test_both_parts_become_the_same_placeholder(text, expected):
    assert hidden(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "Enter the password:\nConnection closed by remote host",
        "Invalid token\nat line 17",
        f"{STAMP} stdout P one long line, \n{STAMP} stdout F and its end",
        "password:\n\nnext",
        "password:",
        "using eyJ\nnothing",
        "a Bearer \nof news came in the morning to say that all is fine with the old token Bearer \nnothing more",
    ],
)
def test_ordinary_lines_stay_as_they_are(text):
    assert hidden(text) == (text.split("\n"), {})


def test_a_placeholder_that_stands_in_the_log_is_not_given_out_again():
    assert hidden("<SECRET_7>\npassword:\n  hunter2x")[0] == ["<SECRET_7>", "password:", "  <SECRET_8>"]


PARTS = st.sampled_from(
    [
        f"{STAMP} stderr P ",
        f"{STAMP} stderr F ",
        "\n",
        "password:",
        KEY[:9],
        KEY[9:],
        " ",
        "hunter2x",
        '{"log":"',
        '","stream":"x"}',
        "\\",
    ]
)


@given(st.lists(PARTS, max_size=14))
def test_every_line_stays_a_line(parts):
    text = "".join(parts)
    assert len(hidden(text)[0]) == len(split(text))


def test_the_cut_of_a_giant_line_leaves_no_half_of_a_secret():
    for shift in range(0, 40, 3):
        line = (
            "x" * (500 - shift) + f" password=hunter2hunter2 {KEY} " + "y" * 2000 + f" token={KEY}abcdef " + "z" * 490
        )
        lines = split(line)
        trim_giants(lines, limit=1000)
        redact(lines)
        for part in (KEY[:8], KEY[-8:], "hunter2", "ter2"):
            assert part not in lines[0]
