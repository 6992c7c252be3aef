import inspect
import re

import pytest

from app.domain import errors
from app.domain.errors import BifrostError, InvalidInput, LogTooLarge, ProviderError, Unavailable

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BifrostError)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_each_error_says_in_a_sentence_what_is_the_matter(kind):
    error = kind()
    assert error.detail == str(error) == kind.__doc__
    assert error.detail[0].isupper()
    assert error.detail.endswith(".") or "`" in error.detail or ":" in error.detail


def test_each_error_has_a_code_of_its_own():
    codes = [kind.code for kind in ALL]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_the_tree_drawn_on_top_is_the_tree():
    drawn = set(re.findall(r"\b[A-Z][A-Za-z]+\b", errors.__doc__.split("A class's docstring")[0]))
    assert {kind.__name__ for kind in ALL} <= drawn | {"BifrostError"}
    assert {name for name in drawn if hasattr(errors, name)} == {kind.__name__ for kind in ALL}


def test_a_detail_of_its_own_replaces_the_message():
    error = LogTooLarge("11 bytes are too many.", retry_after=3)
    assert (error.detail, str(error), error.retry_after) == ("11 bytes are too many.", "11 bytes are too many.", 3)


def test_whoever_made_the_mistake_is_told_not_to_repeat_it():
    assert not any(kind.retryable for kind in ALL if issubclass(kind, InvalidInput))
    assert all(kind.retryable for kind in ALL if issubclass(kind, Unavailable))
    again = {kind.__name__ for kind in ALL if issubclass(kind, ProviderError) and kind.retryable}
    assert again == {
        "ProviderThrottled",
        "ProviderUnavailable",
        "ProviderTimeout",
        "ProviderResting",
        "ProviderBusy",
    }
