"""A log's lines in blocks."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.blocks import Lines
from app.pipeline.preparation import PreparationLimits, prepare

LINE = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
BLOCKS = st.lists(st.lists(LINE, min_size=1, max_size=5), max_size=5)


def lines_of(blocks):
    return Lines(["\n".join(block).encode() for block in blocks])


@given(BLOCKS)
def test_every_line_is_found_by_its_index(blocks):
    expected = [line for block in blocks for line in block]
    assert list(lines_of(blocks)) == expected
    assert len(lines_of(blocks)) == len(expected)
    assert lines_of(blocks)[1:4] == expected[1:4]


@given(BLOCKS.filter(bool), st.data())
def test_lines_can_be_replaced_across_blocks(blocks, data):
    expected = [line for block in blocks for line in block]
    fresh = data.draw(st.dictionaries(st.integers(0, len(expected) - 1), LINE, max_size=4))
    lines = lines_of(blocks)
    assert list(lines) == expected
    lines.replace(fresh)
    assert list(lines) == [fresh.get(index, line) for index, line in enumerate(expected)]


def test_there_is_no_line_beyond_the_last():
    with pytest.raises(IndexError):
        Lines([b"a\nb"])[2]


def test_what_preparing_takes_beside_the_log_is_its_bytes_and_a_few_megabytes():
    log = "".join(
        f"2024-05-01 12:00:00 INFO job {i} of user{i % 7}@example.com took {i * 7} ms\n" for i in range(15_000)
    )
    prepare(log[:1000], limits=PreparationLimits(), token_budget=4000)
    tracemalloc.start()
    prepare(log, limits=PreparationLimits(), token_budget=4000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * len(log) + 4_000_000
