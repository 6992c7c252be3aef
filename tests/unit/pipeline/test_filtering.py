"""Records by level, words and time; whole logs and streams."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import PatternInvalid
from app.domain.excerpts import Wanted
from app.domain.logs import Level
from app.pipeline.composition import compose
from app.pipeline.filtering import Paging, Sieve, Stream, cut_up, excerpt
from app.pipeline.preparation import PreparationLimits

pytestmark = pytest.mark.unit

NOW = datetime(2026, 2, 1, tzinfo=UTC)
LOG = """\
a banner of the program
2026-01-31T09:00:00Z INFO started with password=swordfish
2026-01-31T09:00:05Z ERROR cannot read orders
Traceback (most recent call last):
  File "app.py", line 3, in read
ValueError: no such Order

2026-01-31T09:01:00Z WARN pool is at 90%
2026-01-31T09:02:00Z INFO ready
"""


def found(log: str = LOG, *, limit: int = 100, after: int = 0, **wanted: object):
    return excerpt(log, Wanted(**wanted), Paging(limit=limit, after=after), NOW)


def numbers(log: str = LOG, **wanted: object) -> list[int]:
    return [record.line for record in found(log, **wanted).records]


def minute(number: int) -> datetime:
    return datetime(2026, 1, 31, 9, number, tzinfo=UTC)


def test_a_stack_trace_comes_with_its_record():
    record = found(severity=Level.ERROR).records[0]
    assert (record.line, record.level, len(record.lines)) == (3, Level.ERROR, 4)
    assert record.lines[-1] == "ValueError: no such Order"
    assert record.at == datetime(2026, 1, 31, 9, 0, 5, tzinfo=UTC)


def test_a_severity_is_the_least_and_what_has_none_is_below_all():
    assert numbers() == [1, 2, 3, 8, 9]
    assert numbers(severity=Level.DEBUG) == [2, 3, 8, 9]
    assert numbers(severity=Level.WARNING) == [3, 8]


def test_a_keyword_is_literal_in_any_case_and_found_in_any_line():
    assert numbers(keyword="order") == [3]
    assert numbers(keyword="90%") == [8]
    assert numbers(keyword=".*") == []
    assert numbers(keyword="POOL|ready", regex=True) == [8, 9]


@pytest.mark.parametrize("pattern", ["(", "[a", r"(?=x)", "a{1001}", "(" * 2000])
def test_what_re2_does_not_take_is_refused(pattern):
    with pytest.raises(PatternInvalid):
        found(keyword=pattern, regex=True)


def test_a_pattern_that_takes_other_engines_for_ever_takes_no_time_here():
    assert numbers("a" * 30_000 + "!\n", keyword="(a+)+$", regex=True) == []


def test_a_time_range_begins_with_since_and_ends_before_until():
    assert numbers(since=minute(1)) == [8, 9]
    assert numbers(until=minute(1)) == [2, 3]
    assert numbers(since=minute(1), until=minute(2)) == [8]
    # before the first time nothing is known
    assert 1 not in numbers(since=datetime(1970, 1, 1, tzinfo=UTC))


def test_a_line_without_a_time_has_that_of_the_record_before():
    log = "2026-01-31 09:00:00 INFO a\nplain words\n2026-01-31 09:01:00 INFO b\n"
    assert numbers(log, until=minute(1))[-1] <= 2
    assert numbers(log, since=minute(1)) == [3]


def test_several_conditions_must_all_be_true():
    assert numbers(severity=Level.WARNING, keyword="pool", since=minute(1)) == [8]
    assert numbers(severity=Level.ERROR, keyword="pool") == []


def test_secrets_are_hidden_only_when_asked():
    assert "swordfish" in found(keyword="started").records[0].lines[0]
    assert "swordfish" not in found(keyword="started", redact=True).records[0].lines[0]
    assert numbers(keyword="swordfish", redact=True) == []


def test_pages_follow_each_other_without_gap_or_repetition():
    seen, after = [], 0
    while True:
        page = found(limit=2, after=after)
        seen += [record.line for record in page.records]
        assert (page.total, page.matched) == (5, 5)
        if page.next_after is None:
            break
        after = page.next_after
    assert seen == [1, 2, 3, 8, 9]


def test_a_giant_line_says_what_it_lost():
    line = found("INFO " + "x" * 400_000 + "\n").records[0].lines[0]
    assert line.startswith("INFO xxx")
    kept, said = line.count("x"), int(line.partition("[")[2].partition(" ")[0].replace(",", ""))
    assert len(line) < 40_000
    assert kept + said in range(400_000, 400_010)


@pytest.mark.parametrize("log", ["", "\n\n\n", "\n", "\x00"])
def test_a_log_of_nothing_has_no_records(log):
    assert found(log).total == 0


def streamed(log: str, size: int, **wanted: object):
    stream = Stream(Sieve(Wanted(**wanted), NOW, timed=True))
    out = [one for start in range(0, len(log), size) for one in stream.feed(log[start : start + size])]
    return [*out, *stream.close()], stream


@pytest.mark.parametrize("size", [300, 1000])
def test_a_stream_finds_what_the_whole_finds(size):
    log = "".join(LOG.replace(":00Z", f":{second:02}Z") for second in range(60))
    out, stream = streamed(log, size, severity=Level.WARNING)
    whole = found(log, limit=10_000, severity=Level.WARNING)
    assert out == list(whole.records)
    assert (stream.total, stream.matched) == (whole.total, whole.matched)


@given(st.lists(st.sampled_from(["2026-01-31T09:00:00Z INFO a", "2026-01-31T09:00:00Z ERROR b", "  at x", "", "c"])))
def test_no_line_of_a_stream_is_lost_or_told_twice(rows):
    log = "\n".join(rows)
    out, _ = streamed(log, 40)
    told = [record.line + offset for record in out for offset in range(len(record.lines))]
    assert told == sorted(set(told))
    assert {number for number, row in enumerate(rows, 1) if row.strip()} <= set(told)


def test_a_stream_of_blank_lines_is_not_kept():
    _, stream = streamed("INFO a\n" + "\n" * 5000, 500)
    assert stream.total == 1
    stream = Stream(Sieve(Wanted(), NOW))
    assert [one.line for part in ("INFO a\n", "\n" * 3000, "INFO b\n") for one in stream.feed(part)] == [1]
    assert [one.line for one in stream.close()] == [3002]


def test_every_record_is_counted_by_level_and_template():
    log = LOG + "".join(f"2026-01-31T09:00:{second:02}Z INFO request {second} served\n" for second in range(30))
    made = compose(log, most=2, limits=PreparationLimits())
    assert made.levels == {Level.ERROR: 1, Level.WARNING: 1, Level.INFO: 32, Level.UNKNOWN: 1}
    assert list(made.levels) == sorted(made.levels, reverse=True)
    assert (made.lines, made.lines_blank, made.records, made.first_error) == (39, 1, 35, 3)
    assert len(made.templates) == 2
    assert made.templates[0].level is Level.ERROR
    assert sum(made.redactions.values()) == 1


def test_more_templates_than_are_kept_for_a_prompt_are_counted_all_the_same():
    log = "".join(
        f"INFO {'abcdefghij'[n // 100]}{'klmnopqrst'[n // 10 % 10]}{'uvwxyzabcd'[n % 10]}\n" for n in range(50)
    )
    assert sum(compose(log, most=1, limits=PreparationLimits(max_templates=1)).levels.values()) == 50


def test_every_line_that_is_not_blank_belongs_to_one_record():
    assert [(start, stop) for start, stop, _ in cut_up(LOG).bounds] == [(0, 1), (1, 2), (2, 6), (7, 8), (8, 9)]


def test_a_zone_is_for_times_that_name_none():
    korea = timezone(timedelta(hours=9))
    log = "2026-01-31 09:00:00 INFO a\n2026-01-31T09:00:00Z INFO b\n"
    assert [record.at for record in found(log, zone=korea).records] == [minute(0) - timedelta(hours=9), minute(0)]
