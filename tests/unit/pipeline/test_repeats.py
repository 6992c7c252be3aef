"""A secret that was recognized once is hidden wherever it stands again."""

import random

import pytest

from app.pipeline import repeats
from app.pipeline.lines import split
from app.pipeline.redaction import redact
from tests.support.planted_secrets import some

SECRET = some(random.Random(11), 10)


def redacted(text):
    lines = split(text)
    found = redact(lines)
    return found, "\n".join(lines)


@pytest.mark.parametrize(
    "other",
    [
        "run tool -p {}",
        "run tool -p{} now",
        "connect as app/{}@db",
        '{{"args":["-x","{}"]}}',
        '{{"text":"tried:\\n{}\\n"}}',
        "refused '{}'",
        "{}",
        "{},{}",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_value_that_was_recognized_is_hidden_elsewhere_by_the_same_placeholder(other, first):
    other, label = other.format(SECRET, SECRET), f"login with password={SECRET} failed"
    found, text = redacted("\n".join((label, "between", other) if first else (other, "between", label)))
    assert SECRET not in text
    assert "<SECRET_1>" in text.split("\n")[2 if first else 0]
    assert "<SECRET_2>" not in text
    assert found.counts == {"SECRET": 1 + other.count(SECRET)}


def test_a_part_of_a_longer_word_stays():
    assert redacted(f"password={SECRET}\nid x{SECRET}\nid {SECRET}9\nid a_{SECRET}_b")[1] == (
        f"password=<SECRET_1>\nid x{SECRET}\nid {SECRET}9\nid a_{SECRET}_b"
    )


def test_of_two_values_of_which_one_begins_with_the_other_each_keeps_its_own():
    longer = f"{SECRET}-x1"
    text = redacted(f"password={SECRET}\npassword={longer}\nsaw {longer} and {SECRET}")[1]
    assert text == "password=<SECRET_1>\npassword=<SECRET_2>\nsaw <SECRET_2> and <SECRET_1>"


@pytest.mark.parametrize(
    "value",
    [
        "postgres",
        "localhost",
        "password",
        "password1",
        "admin123",
        "production",
        "db-1",
        "x9",
        "12345678",
        "20250318",
        "sha256",
        "us-east-1",
        "1.27.4-alpine",
        "203.0.113.7:443",
        "2025-03-18T01:59:07Z",
        "run/secrets/db1",
        "SECRET_12",
        "ab1" * 100,
    ],
)
def test_what_many_lines_hold_is_hidden_by_its_label_only(value):
    assert not repeats.worth_repeating(value)
    line = f"connected to {value} again"
    assert redacted(f"password={value}\n{line}")[1].endswith(f"\n{line}")


@pytest.mark.parametrize(
    "value", ["hunter2x", "abc123", "a1b2c3", "correct horse 9", "1234-5678-90", "비밀번호1a", "wJa1rX/K7MDENG/bPxR"]
)
def test_what_somebody_made_up_is_worth_it(value):
    assert repeats.worth_repeating(value)


def test_an_address_is_not_looked_for_again_because_its_rule_finds_each():
    found, _ = redacted("a1@example.com\na1@example.com")
    assert found.counts == {"EMAIL": 2}


def test_only_so_many_values_are_looked_for():
    rng = random.Random(3)
    values = [some(rng, 12) for _ in range(repeats.MOST_VALUES + 1)]
    text = redacted("\n".join(f"password={value}" for value in values) + f"\nsaw {values[0]}\nsaw {values[-1]}")[1]
    assert text.split("\n")[-2:] == ["saw <SECRET_1>", f"saw {values[-1]}"]


def test_it_is_found_in_every_block_of_a_long_log():
    text = redacted(f"saw {SECRET}\n" + "ordinary line 1234\n" * 30_000 + f"password={SECRET}\nsaw {SECRET}")[1]
    assert SECRET not in text
    assert text.startswith("saw <SECRET_1>\n")
