"""Which lines are told apart before anything looks at them closely."""

import random

import pytest

from app.pipeline.lines import split
from app.pipeline.skeletons import skeletons


def kinds(*lines):
    """How many lines are told apart."""
    return len(skeletons(split("\n".join(lines))).example)


def test_lines_that_differ_in_digits_are_one_and_the_first_stands_for_all():
    found = skeletons(split("a 1\nb 22\na 333\nb 4"))
    assert found.of_line == [0, 1, 0, 1]
    assert found.example == [0, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("exited with code 0", "exited with code 1"),
        ("GET /orders/7 200 3ms", "GET /orders/7 500 3ms"),
        ("HTTP GET /orders/7 responded 200 in 3 ms", "HTTP GET /orders/7 responded 500 in 3 ms"),
        ('"GET /x HTTP/1.1" 304 7', '"GET /x HTTP/1.1" 200 7'),
        ("ok=5 changed=1 unreachable=0 failed=0", "ok=5 changed=1 unreachable=3 failed=0"),
        ('{"level":30,"msg":"x"}', '{"level":50,"msg":"x"}'),
        ("", "12345"),
        ("  ", "12 34"),
    ],
)
def test_numbers_that_mean_something_tell_lines_apart(one, other):
    assert kinds(one, other) == 2


def hexadecimal(chance, digits):
    return f"{chance.getrandbits(4 * digits):0{digits}x}"


def uuid(chance):
    return "-".join(hexadecimal(chance, digits) for digits in (8, 4, 4, 4, 12))


def test_ids_in_hexadecimal_do_not_tell_lines_apart():
    chance = random.Random(5)
    lines = [
        f"request={hexadecimal(chance, 16)} of {uuid(chance)}, [req-{uuid(chance)}] /{hexadecimal(chance, 40)}_del"
        for _ in range(3000)
    ]
    assert kinds(*lines) < 100


def test_a_line_that_is_nothing_but_an_id_is_not_blank():
    chance = random.Random(5)
    log = "\n".join(["", *(uuid(chance) for _ in range(500)), "", "12"])
    found = skeletons(split(log))
    blank = found.of_line[0]
    assert [number for number, line in enumerate(found.of_line) if line == blank] == [0, 501]


def test_words_of_the_letters_of_hexadecimal_digits_are_words():
    chance = random.Random(5)
    ids = [
        f"id {hexadecimal(chance, 16)} {word}" for _ in range(2000) for word in ("reused", "refused", "dead", "added")
    ]
    found = skeletons(split("\n".join(ids)))
    last_words = [
        {ids[line].split()[2] for line in range(len(ids)) if found.of_line[line] == number}
        for number in range(len(found.example))
    ]
    assert all(len(words) == 1 for words in last_words)
    assert len(found.example) < 200


def test_a_rare_line_among_many_is_told_apart_in_every_block():
    noise = [f"2024-05-01 12:00:00 INFO job {i} done in {i * 7} ms" for i in range(30_000)]
    noise[17_000] = "2024-05-01 12:00:00 INFO job 7 gone in 7 ms"
    found = skeletons(split("\n".join(noise)))
    assert found.example == [0, 17_000]
