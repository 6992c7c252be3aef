"""Prompts as files: what was written reads the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.analyses import Language
from app.domain.errors import PromptInvalid
from app.domain.prompts import PromptConfig
from app.pipeline.prompt_files import PromptFile, read, tidy, write

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=200)


@given(
    text=TEXTS,
    description=st.text(max_size=60).filter(str.isprintable),
    version=st.one_of(st.none(), st.integers(1, 999)),
    tokens=st.one_of(st.none(), st.integers(100, 9999)),
)
def test_what_was_written_reads_the_same(text, description, version, tokens):
    file = PromptFile(
        name="triage",
        language=Language.KO,
        version=version,
        text=tidy(text),
        description=description,
        config=PromptConfig(max_output_tokens=tokens),
    )
    content = write(file)
    assert read(content) == file
    assert write(read(content)) == content


def test_a_text_may_look_like_front_matter():
    file = PromptFile(name="a", language=Language.EN, text="---\nname: b\n---\nx")
    assert read(write(file)) == file


def test_editors_may_change_the_ends_of_lines():
    content = write(PromptFile(name="a", language=Language.EN, text="one\n\ntwo"))
    for other in (content.replace("\n", "\r\n"), "\ufeff" + content, content + "\n\n", content.rstrip()):
        assert read(other).text == "one\n\ntwo"


@pytest.mark.parametrize(
    "content",
    ["", "x", "---\n", "---\nname: a\n", "---\n- a\n---\nx", "---\nname: a\nlanguage: fr\n---\nx",
     "---\nname: A\nlanguage: en\n---\nx", "---\nname: a\nlanguage: en\nversion: true\n---\nx",
     "---\nname: a\nlanguage: en\nversion: -1\n---\nx", "---\nname: a\nlanguage: en\nmax_output_tokens: many\n---\nx",
     "---\nname: a\nlanguage: en\nother: 1\n---\nx", "---\nname: a\nlanguage: en\ndescription: [a]\n---\nx",
     "---\nname: !!python/object:os.system a\n---\nx",
     "---\nname: " + "a" * 5000 + "\n---\nx"],
)  # fmt: skip
def test_what_is_no_such_file_is_refused(content):
    with pytest.raises(PromptInvalid):
        read(content)
