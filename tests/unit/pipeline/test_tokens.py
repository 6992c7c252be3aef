"""Tokens, estimated."""

from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.tokens import estimate

TEXT = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=100)


def test_digits_and_hangul_cost_more_than_english_words():
    assert estimate("1234567890") == 10
    assert estimate("connection refused by server") <= 10
    assert estimate("데이터베이스 연결 실패") >= 15


def test_an_empty_text_costs_nothing():
    assert estimate("") == 0


@given(TEXT, TEXT)
def test_a_whole_never_costs_more_than_its_parts(first, second):
    assert estimate(first + second) <= estimate(first) + estimate(second)
