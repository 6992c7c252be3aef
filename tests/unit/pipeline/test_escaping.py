"""Text of strangers where a runner, a terminal or a browser reads it."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.escaping import inert, inert_json

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
