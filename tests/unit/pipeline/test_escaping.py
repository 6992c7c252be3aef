"""Text of strangers where a runner, a terminal or a browser reads it."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.pipeline.escaping import inert, inert_json, markdown_inline, sarif_text

pytestmark = pytest.mark.unit

#: GitHub's runner and Azure's agent: `::x` after blanks, `##[x` and `##vso[` anywhere.
OBEYED = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)
COMMANDS = [
    "x ##vso[task.setvariable variable=a]b",
    "##[error]Process completed with exit code 1.",
    "##[add-path]/tmp",
    "##teamcity[buildStatus]",
    "::set-env name=a::b",
    "a\n\u3000 ::error::b",
    "###[x ####vso[x",
    ":::add-mask::x",
    "\\##vso[x",
]


@pytest.mark.parametrize("text", COMMANDS)
def test_no_line_is_a_command_to_a_runner(text):
    assert OBEYED.search(text)
    assert not OBEYED.search(inert(text))
    assert inert(text).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("text", COMMANDS)
def test_json_keeps_its_value_and_holds_no_command(text):
    written = inert_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert not OBEYED.search(written)
    assert json.loads(written) == {text: [text]}


@given(st.text(alphabet='#:[]\\"u0023vso \n\x9b\u202e', max_size=40))
def test_json_of_any_text_keeps_its_value_and_holds_no_command(text):
    written = inert_json(json.dumps([text, {text: text}], ensure_ascii=False))
    assert not OBEYED.search(written)
    assert json.loads(written) == [text, {text: text}]


def test_a_long_row_of_blank_lines_takes_linear_time():
    text = "\n \n" * 200_000
    assert inert(text) == text


REFERENCES = [
    "GH-123",
    "gh-7",
    "octo/repo#1",
    "octo-org/re.po_x#12",
    "octo#1",
    "#123",
    "@octocat",
    "@octo-org/team",
    "octo/repo@" + "0a" * 20,
    "0a" * 20,
    "1" * 40,
    "16c999e",
    "GHSA-aaaa-bbbb-cccc",
]
#: As GitHub finds them in text; digits and letters of other scripts are no part of them.
FOUND = re.compile(
    r"(?<![A-Za-z0-9_])@[A-Za-z0-9]|#\d|(?i:gh-\d)|[0-9a-f]{40}|(?<![A-Za-z0-9])16c999e(?![A-Za-z0-9])|GHSA-"
)


def shown(text: str) -> tuple[str, str]:
    """What is read, and what of it is not code."""
    (inline,) = [token for token in MarkdownIt("commonmark").parse(text) if token.type == "inline"]
    parts = inline.children or []
    return "".join(part.content for part in parts), " ".join(part.content for part in parts if part.type == "text")


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize(
    "around", ["{}", "see {}.", "({})", "&{}", "``{}", "x ` y {}", "`{}", "오류{}를", "a: {}, {}", "[{}]", "*{}*"]
)
@pytest.mark.parametrize("write", [markdown_inline, sarif_text])
def test_a_reference_reads_the_same_and_links_nowhere(write, around, reference):
    text = around.format(reference, reference)
    read, active = shown(write(text))
    assert FOUND.search(reference)
    assert not FOUND.search(active), write(text)
    assert reference in read
    if write is markdown_inline:
        assert read.replace("`", "") == text.replace("`", "")


@pytest.mark.parametrize("text", ["took 1048576 bytes", "defaced facade", "C# 8 is fine", "a@b", "x # 1", "GHOST-1"])
def test_words_and_numbers_that_refer_to_nothing_stay_words(text):
    assert "`" not in markdown_inline(text)
    assert sarif_text(text) == text
