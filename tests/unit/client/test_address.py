"""Addresses and keys that cannot be one."""

import pytest

from app.client import Client, ConnectionInvalid

pytestmark = pytest.mark.unit
KEY = "bf_0123_topsecret"


@pytest.mark.parametrize(
    "url", ["ftp://x", "localhost:8000", "http://", "http://x:port", "http://[::1", "", "http://x?y"]
)
def test_an_address_that_is_none_is_refused_in_words(url):
    with pytest.raises(ConnectionInvalid, match="BIFROST_URL"):
        Client(url)


def test_a_password_in_an_address_is_not_repeated():
    with pytest.raises(ConnectionInvalid) as caught:
        Client("http://me:hunter2@host")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\n{KEY}", f"{KEY}é", f"{KEY} x", f"{KEY}\x00"])
def test_a_key_that_is_none_is_refused_without_a_word_of_it(key):
    with pytest.raises(ConnectionInvalid) as caught:
        Client("http://x", key)
    assert "topsecret" not in str(caught.value)


def test_what_is_pasted_along_is_dropped():
    assert Client(" http://x:8000/\n", f" {KEY}\r\n").url == "http://x:8000"
