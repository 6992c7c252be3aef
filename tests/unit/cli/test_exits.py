"""How the command line ends."""

import pytest

from app.cli.exits import Exit, explain, worst
from app.client import ApiError, ConnectionInvalid, ServerUnreachable, UnexpectedAnswer
from app.domain.errors import ConfigurationInvalid, StorageUnavailable

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], Exit.DONE),
        ([Exit.DONE, Exit.USAGE], Exit.USAGE),
        ([Exit.NOT_FINISHED, Exit.NOT_COMPLETED], Exit.NOT_COMPLETED),
        ([Exit.FINDING, Exit.NOT_COMPLETED, Exit.USAGE], Exit.FINDING),
        ([Exit.INTERRUPTED, Exit.FINDING], Exit.INTERRUPTED),
    ],
)
def test_the_worst_code_wins_and_a_finding_is_never_hidden(codes, expected):
    assert worst(codes) is expected


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ServerUnreachable("http://x cannot be reached"), Exit.UNREACHABLE),
        (ApiError(status=503, code="storage_unavailable", detail="away"), Exit.UNREACHABLE),
        (ApiError(status=429, code="rate_limited", detail="slow down"), Exit.UNREACHABLE),
        (ApiError(status=404, code="analysis_not_found", detail="no"), Exit.USAGE),
        (ApiError(status=401, code="key_invalid", detail="no"), Exit.USAGE),
        (ApiError(status=500, code="internal_error", detail="no"), Exit.ERROR),
        (UnexpectedAnswer("not Bifrost"), Exit.ERROR),
        (ConfigurationInvalid(), Exit.USAGE),
        (StorageUnavailable(), Exit.UNREACHABLE),
    ],
)
def test_each_foreseen_error_has_its_exit_code(error, code):
    stop = explain(error)
    assert stop
    assert stop.exit_code == code


def test_an_unforeseen_error_has_no_explanation():
    assert explain(KeyError("x")) is None


def test_a_long_wait_is_told_in_minutes():
    stop = explain(ApiError(status=429, code="rate_limited", detail="100 an hour.", retry_after=1800))
    assert stop
    assert stop.message == "100 an hour (rate_limited)\nTry again in 30 min."


def test_a_problems_text_cannot_reach_the_terminal():
    stop = explain(ApiError(status=422, code="invalid_input", detail="\x1b[2Jx"))
    assert stop
    assert stop.message == "x (invalid_input)"


def test_a_connection_that_cannot_be_one_is_bad_input():
    stop = explain(ConnectionInvalid("not an address"))
    assert stop
    assert stop.exit_code == Exit.USAGE
