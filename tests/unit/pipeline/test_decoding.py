"""Bytes to text."""

from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.decoding import clean, decode


def test_utf8_passes_through_untouched():
    assert decode("오류 – error\n".encode()).text == "오류 – error\n"
    assert decode("오류".encode()).bytes_replaced == 0


def test_each_byte_that_is_no_text_is_replaced_and_counted():
    decoded = decode(b"a\xff\xfe\x80b")
    assert decoded.text == "a\ufffd\ufffd\ufffdb"
    assert decoded.bytes_replaced == 3


def test_a_byte_order_mark_is_dropped_and_utf16_is_understood():
    assert decode(b"\xef\xbb\xbfERROR").text == "ERROR"
    assert decode("ERROR 오류".encode("utf-16")).text == "ERROR 오류"


def test_nul_and_lone_surrogates_are_cleaned_and_counted():
    decoded = clean("a\x00b\ud800c")
    assert decoded.text == "ab\ufffdc"
    assert decoded.bytes_replaced == 1 + 3


@given(st.binary(max_size=500))
def test_any_bytes_become_valid_text_without_nul(data):
    text = decode(data).text
    assert "\x00" not in text
    assert text.encode().decode() == text
