"""Text to physical lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.lines import MARKER, display, split, trim_giants


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n", [""]),
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\n\n", ["a", ""]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("10%\r20%\r\nb", ["10% 20%", "b"]),
        ("a\u2028b\x0bc\x0cd\x85e", ["a b c d e"]),
        ("\x1b[31;1mERROR\x1b[0m bad\x07", ["ERROR bad"]),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", ["link"]),
        ("a\u202eb\U000e0041c", ["abc"]),
    ],
)
def test_lines_end_at_newlines_only_and_hold_what_can_be_displayed(text, expected):
    assert list(split(text)) == expected


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=200))
def test_numbers_are_those_of_an_editor(text):
    assert len(split(text)) == (text.count("\n") + (not text.endswith("\n")) if text else 0)


def test_a_giant_line_keeps_its_ends():
    lines = split("x\n" + "A" * 100_000 + "Z" * 100_000)
    lost = trim_giants(lines, limit=1000)
    assert lost == {1: 199_000}
    assert lines[0] == "x"
    assert lines[1] == "A" * 500 + " " + "Z" * 500


def test_a_cut_is_visible_and_says_its_size():
    line = "".join(chr(65 + i % 26) for i in range(5000))
    shown = display(line, limit=200)
    assert len(shown) <= 200
    match = MARKER.search(shown)
    assert match
    kept = shown.replace(match[0], "")
    assert f"[{5000 - len(kept):,} characters cut]" in shown
    assert line.startswith(shown[: match.start()])
    assert line.endswith(shown[match.end() :])


def test_a_short_line_is_shown_as_it_stands():
    assert display("short", limit=80) == "short"
