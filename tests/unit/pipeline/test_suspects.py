"""Lines worth a closer look: found together in one pass, told apart afterwards."""

import pytest

from app.domain.analyses import Mask
from app.pipeline import seams
from app.pipeline.lines import split
from app.pipeline.masking import mask
from app.pipeline.redaction import redact
from app.pipeline.suspects import LOOKED_FOR, Suspects, compiled

ADDRESS = compiled(*(place.pattern for place in LOOKED_FOR))
QUIET = "2026-03-01T10:00:00Z INFO all is well\n"
MAIL = "2026-03-01T10:00:00Z INFO sent to anna@example.com\n"
PUBLIC = "2026-03-01T10:00:00Z INFO asked by 8.8.4.4\n"


def hidden(text):
    lines = split(text)
    suspects = Suspects(lines)
    seams.hide(lines, suspects)
    redact(lines, suspects)
    mask(lines, Mask.PUBLIC, (), suspects)
    return list(lines)


def test_a_quiet_log_has_no_suspects():
    lines = split(QUIET * 50)
    suspects = Suspects(lines)
    assert suspects.addressed == set()
    assert suspects.lines_with(compiled("INFO"), 0) == []


def test_one_suspect_is_told_from_the_other():
    lines = split(QUIET + MAIL + QUIET + PUBLIC)
    suspects = Suspects(lines)
    block = lines.block(0)
    assert [block[start:end].decode() for start, end in suspects.lines_with(ADDRESS, 0)] == [PUBLIC.strip()]
    assert suspects.addressed == {0}


def test_a_line_that_is_suspicious_twice_is_hidden_twice():
    assert hidden(MAIL.strip() + " from 8.8.4.4") == ["2026-03-01T10:00:00Z INFO sent to <EMAIL_1> from <IP_1>"]


@pytest.mark.parametrize("many", [1, 15, 16, 17, 32, 33, 500])
def test_however_many_suspects_a_block_has_none_is_missed(many):
    told = hidden((QUIET + MAIL + PUBLIC) * many + QUIET * 40 + MAIL + PUBLIC)
    assert len(told) == 3 * many + 42
    assert sum("<EMAIL_1>" in line for line in told) == sum("<IP_1>" in line for line in told) == many + 1
    assert not any("@" in line or "8.8" in line for line in told)


def test_what_a_line_end_cuts_in_two_is_found_beside_something_else():
    value = "Zx9" + "q7Lm2" * 3
    told = hidden(f"anna@example.com asks for password:\n  {value}\n{QUIET}")
    assert value not in "\n".join(told)
    assert "anna@" not in told[0]
