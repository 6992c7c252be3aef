"""Addresses and names of machines, and an operator's own patterns, hidden by policy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.analyses import Mask
from app.domain.diagnoses import Severity
from app.pipeline.blocks import Lines
from app.pipeline.grounding import ground
from app.pipeline.interpretation import Answer, Citation
from app.pipeline.masking import mask, own_places
from app.pipeline.preparation import PreparationLimits, prepare


def masked(line, policy, own=()):
    lines = Lines([line.encode()])
    found = mask(lines, policy, own)
    return "\n".join(lines), found


@pytest.mark.parametrize(
    ("line", "public"),
    [
        ("refused by 8.8.8.8:53", "refused by <IP_1>:53"),
        ("from 8.8.8.8 to 1.1.1.1 and 8.8.8.8", "from <IP_1> to <IP_2> and <IP_1>"),
        ("peer [2606:4700:4700::1111]:443", "peer [<IP_1>]:443"),
        ("db/9.9.9.9:5432 timed out", "db/<IP_1>:5432 timed out"),
        ("http://8.8.4.4/x", "http://<IP_1>/x"),
        ("net 172.217.16.0/24, 192.178.1.1, 100.128.0.1", "net <IP_1>/24, <IP_2>, <IP_3>"),
    ],
)
def test_public_addresses_are_hidden_and_can_be_put_back(line, public):
    text, found = masked(line, Mask.PUBLIC)
    assert text == public
    for name, value in found.placeholders.items():
        text = text.replace(name, value)
    assert text == line
    assert masked(line, Mask.NONE)[0] == line


@pytest.mark.parametrize(
    "line",
    [
        "10.1.2.3 127.0.0.1 192.168.0.7 172.16.0.1 172.31.255.254 169.254.169.254 100.64.0.1 0.0.0.0",
        "192.0.2.1 198.51.100.7 203.0.113.9 224.0.0.1 255.255.255.255",
        "Chrome/116.0.0.0 version 4.1.2.3 v1.2.3.4 lib-1.2.3.4 1.2.3.4.5 1.2.3.4-rc1",
        "at 12:30:59 mac 02:42:ac:11:00:02 fe80::1 ::1 fd00::7 std::io a::b",
        "host=db.example.com",
    ],
)
def test_private_addresses_and_what_is_no_address_stay(line):
    assert masked(line, Mask.PUBLIC)[0] == line


def test_all_hides_private_addresses_and_names_too():
    line = (
        "Jun 14 15:16:01 web-1 app: https://api.example.com/v1 host=db-1 10.0.0.7 fe80::1 redis.shop.svc "
        "localhost 12:30:59"
    )
    text, found = masked(line, Mask.ALL)
    for name in ("web-1", "api.example.com", "db-1", "10.0.0.7", "fe80::1", "redis.shop.svc"):
        assert name not in text
    assert "localhost 12:30:59" in text
    assert found.counts == {"HOST": 4, "IP": 2}
    assert set(found.placeholders.values()) == {
        "web-1",
        "api.example.com",
        "db-1",
        "10.0.0.7",
        "fe80::1",
        "redis.shop.svc",
    }


def test_a_placeholder_that_stands_in_the_log_is_not_given_out_again():
    text, found = masked("seen <IP_4>\nfrom 8.8.8.8", Mask.PUBLIC)
    assert text == "seen <IP_4>\nfrom <IP_5>"
    assert found.placeholders == {"<IP_5>": "8.8.8.8"}


def test_own_patterns_are_hidden_for_good_by_their_first_group():
    own = own_places({"EMPLOYEE": r"EMP-\d{6}", "CASE": r"case=(\w+)"})
    text, found = masked("by EMP-123456 case=ab12 again EMP-123456", Mask.NONE, own)
    assert text == "by <EMPLOYEE_1> case=<CASE_1> again <EMPLOYEE_1>"
    assert found.counts == {"EMPLOYEE": 2, "CASE": 1}
    assert found.placeholders == {}


def test_a_pattern_never_joins_lines():
    assert masked("a\nb\nc", Mask.NONE, own_places({"X_X": r"a[^x]*c"}))[0] == "a\nb\nc"


@given(st.lists(st.text(alphabet="0123456789.:af /-<IP_>\n é", max_size=40), max_size=4), st.sampled_from(list(Mask)))
def test_masking_keeps_every_line_and_doing_it_again_changes_nothing(lines, policy):
    text = "\n".join(lines)
    once, _ = masked(text, policy)
    assert once.count("\n") == text.count("\n")
    assert masked(once, policy)[0] == once


def test_only_the_answer_names_what_the_model_did_not_see():
    log = "2025-03-18 ERROR 8.8.8.8 refused bob@example.com\n" + "INFO from 9.9.9.9\n" * 3
    prepared = prepare(log, limits=PreparationLimits(), token_budget=8000, mask=Mask.PUBLIC)
    assert "8.8.8.8" not in "".join(line.text for line in prepared.shown)
    assert prepared.coverage.redactions == {"EMAIL": 1, "IP": 4}
    said = Answer(
        summary="<IP_1> refused <EMAIL_1>",
        severity=Severity.HIGH,
        evidence=(Citation(line=1, quote="<IP_1> refused"),),
    )
    found = ground(said, prepared).diagnosis
    assert found.summary == "8.8.8.8 refused bob@example.com"
    assert found.evidence[0].text == "2025-03-18 ERROR 8.8.8.8 refused bob@example.com"


def test_what_is_not_shown_is_not_kept_for_being_put_back():
    log = "ERROR here\n" + "".join(f"INFO user{n}@example.com\n" for n in range(500))
    prepared = prepare(log, limits=PreparationLimits(), token_budget=2000)
    assert prepared.coverage.redactions == {"EMAIL": 500}
    assert 0 < len(prepared.placeholders) < 400
