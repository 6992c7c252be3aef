"""What is kept however little room there is."""

import pytest

from app.pipeline.preparation import PreparationLimits, prepare
from tests.support.many_errors import many_errors

BEFORE = "".join(f"2026-03-01T00:00:0{second}Z INFO step {word}\n" for second, word in enumerate(("one", "two", "six")))
FIRST = "2026-03-01T00:00:04Z ERROR the disk of the journal is full\n"


@pytest.mark.parametrize("budget", [8000, 4000, 3000, 1000])
@pytest.mark.parametrize("level", ["ERROR", "CRITICAL"])
def test_the_first_error_and_what_preceded_it_are_shown_however_many_follow(level, budget):
    log = BEFORE + FIRST + many_errors(300, others=0).replace("ERROR", level)
    prepared = prepare(log, limits=PreparationLimits(), token_budget=budget)
    assert prepared.first_error == 4
    assert {1, 2, 3, 4} <= {line.number for line in prepared.shown}


def test_the_first_error_is_shown_even_when_its_template_is_not_kept():
    log = BEFORE + FIRST + many_errors(60, others=0).replace("ERROR", "CRITICAL")
    prepared = prepare(log, limits=PreparationLimits(max_templates=20), token_budget=8000)
    assert {3, 4} <= {line.number for line in prepared.shown}


@pytest.mark.parametrize("budget", [8000, 1000])
def test_a_long_line_and_a_long_record_keep_head_and_tail_and_say_what_is_missing(budget):
    trace = "".join(f"\tat com.example.Part{number}.run(Part{number}.java:{number})\n" for number in range(60))
    log = BEFORE + f"2026-03-01T00:00:04Z ERROR begins {'x' * 5000} ends\n{trace}Caused by: java.io.IOException: full\n"
    limits = PreparationLimits(max_line_chars=200)
    prepared = prepare(log, limits=limits, token_budget=budget)
    [head] = [line.text for line in prepared.shown if line.number == 4]
    assert "begins" in head
    assert head.endswith("ends")
    assert len(head) <= 200
    assert prepared.coverage.lines_cut == 1
    numbers = [line.number for line in prepared.shown]
    assert 65 in numbers, "the cause, at its end"
    assert numbers != list(range(1, 66)), "the middle of the record"
