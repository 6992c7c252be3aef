"""What a log is known by again, and what of an earlier answer holds in another log."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.diagnoses import Diagnosis, Evidence, Severity
from app.domain.likenesses import Earlier
from app.domain.logs import PreparedLog
from app.pipeline.likeness import likeness_key, likeness_of
from app.pipeline.preparation import PreparationLimits, prepare
from app.pipeline.recalling import recall
from app.pipeline.rendering import markdown, plain

LIMITS = PreparationLimits()
TIME = st.datetimes(min_value=datetime.fromisoformat("2001-01-01"), max_value=datetime.fromisoformat("2039-01-01"))
ADDRESS = st.ip_addresses(v=4).map(str)
ID = st.uuids().map(str)
NUMBER = st.integers(min_value=0, max_value=10**9)
HOST = st.integers(min_value=1, max_value=999).map("node-{}.example.net".format)


def read(log: str) -> PreparedLog:
    return prepare(log, limits=LIMITS, token_budget=8000)


def key(log: str) -> str | None:
    return likeness_key(read(log))


@st.composite
def incidents(draw) -> list[str]:
    """Lines of one incident: always the same warnings and errors, everything that varies drawn anew."""

    def stamp() -> str:
        return f"{draw(TIME).isoformat(timespec='milliseconds')}Z"

    def failed() -> list[str]:
        return [
            f"{stamp()} ERROR [{draw(HOST)}] payment {draw(ID)} failed after {draw(NUMBER)} ms",
            "java.lang.IllegalStateException: pool exhausted",
            f"    at com.example.Pool.take(Pool.java:{draw(NUMBER)})",
            "Caused by: java.net.ConnectException: Connection refused",
        ]

    parts = {
        "refused": [f"{stamp()} ERROR cannot connect to {draw(ADDRESS)}:5432"],
        "failed": failed(),
        "slow": [f"{stamp()} WARN slow query took {draw(NUMBER)} ms on {draw(HOST)}"],
        "served": [f"{stamp()} INFO served {draw(NUMBER)} requests for {draw(ADDRESS)}"],
    }
    quiet = ["served"] * draw(st.integers(min_value=0, max_value=4))
    more = draw(st.lists(st.sampled_from(list(parts)), max_size=6))
    order = draw(st.permutations([*parts, *more, *quiet]))
    return [line for name in order for line in (failed() if name == "failed" else parts[name])]


@settings(max_examples=40)
@given(incidents(), incidents())
def test_times_ids_addresses_numbered_hosts_counts_and_order_do_not_matter(one, other):
    assert key("\n".join(one)) == key("\n".join(other)) is not None


NEW = (
    "2026-05-01T10:00:00Z ERROR disk full on /var/lib/postgresql",
    "2026-05-01T10:00:00Z CRITICAL shutting down",
    "2026-05-01T10:00:00Z WARN certificate expires soon",
    # the same words, louder
    "2026-05-01T10:00:00Z ERROR slow query took 12 ms on node-3.example.net",
)


@settings(max_examples=40)
@given(incidents(), st.sampled_from(NEW), st.data())
def test_another_warning_or_error_is_another_incident(lines, new, data):
    at = data.draw(st.sampled_from([i for i, line in enumerate(lines) if line[:1].isdigit()]))
    assert key("\n".join([*lines[:at], new, *lines[at:]])) != key("\n".join(lines))


@settings(max_examples=40)
@given(incidents(), st.sampled_from(["ERROR cannot connect", "WARN slow query"]))
def test_a_missing_warning_or_error_is_another_incident(lines, gone):
    assert key("\n".join(line for line in lines if gone not in line)) != key("\n".join(lines))


def test_another_status_or_exit_code_is_another_incident():
    line = "2026-05-01T10:00:00Z ERROR job ended, exit code: {}\n"
    assert key(line.format(1)) != key(line.format(137))


def test_a_log_that_neither_warns_nor_fails_has_nothing_to_be_known_by():
    assert key("2026-05-01T10:00:00Z INFO started\nlistening on 8080\n") is None
    assert key("") is None
    assert likeness_of((), read("2026-05-01T10:00:00Z INFO started\n")) is None


FIRST = """\
2026-05-01T10:00:01Z INFO orders started, build 17
2026-05-01T10:00:02Z ERROR cannot connect to 192.0.2.61:5432
2026-05-01T10:00:03Z ERROR request 4711 failed
java.lang.IllegalStateException: pool exhausted
    at com.example.Pool.take(Pool.java:42)
Caused by: java.net.ConnectException: Connection refused
2026-05-01T10:00:04Z WARN retry 3 of 5
"""
SECOND = """\
2026-07-09T23:10:00Z INFO cache is warm
2026-07-09T23:10:00Z INFO something else
2026-07-09T23:10:03Z ERROR request 815 failed
java.lang.IllegalStateException: pool exhausted
    at com.example.Pool.take(Pool.java:42)
Caused by: java.net.ConnectException: Connection refused
2026-07-09T23:10:04Z WARN retry 4 of 5
2026-07-09T23:11:02Z ERROR cannot connect to 198.51.100.7:5432
"""


def answered(*evidence: tuple[int, str], log: str = FIRST, **changes) -> Earlier:
    """An answer about a log that quoted these lines."""
    values = {
        "summary": "The database is away.",
        "root_cause": "Nobody listens.",
        "recommendation": "Start it.",
        "severity": Severity.HIGH,
        "confidence": 0.8,
        "evidence": tuple(Evidence(line=line, text=text) for line, text in evidence),
    }
    diagnosis = Diagnosis(**values | changes)
    likeness = likeness_of(diagnosis.evidence, read(log))
    return Earlier(analysis_id=7, provider="ollama", model="m", diagnosis=diagnosis, traces=likeness.traces)


def quoted(earlier: Earlier, log: str = SECOND, *, least: float = 0.5) -> list[tuple[int, str]] | None:
    found = recall(earlier, read(log), least=least)
    return None if found is None else [(quote.line, quote.text) for quote in found.diagnosis.evidence]


def test_the_evidence_is_this_logs_own_line_of_the_same_template():
    earlier = answered((2, "cannot connect to 192.0.2.61:5432"))
    assert quoted(earlier) == [(8, "2026-07-09T23:11:02Z ERROR cannot connect to 198.51.100.7:5432")]
    found = recall(earlier, read(SECOND), least=0.5)
    assert (found.diagnosis.summary, found.diagnosis.confidence) == ("The database is away.", 0.8)
    assert (found.cited, found.dropped) == (1, 0)


def test_a_line_inside_a_record_is_found_by_its_words():
    assert quoted(answered((6, "Caused by: java.net.ConnectException"))) == [
        (6, "Caused by: java.net.ConnectException: Connection refused")
    ]


def test_what_is_not_in_this_log_is_dropped_and_lowers_the_confidence():
    earlier = answered((2, "cannot connect to 192.0.2.61:5432"), (1, "orders started, build 17"))
    found = recall(earlier, read(SECOND), least=0.5)
    assert [quote.line for quote in found.diagnosis.evidence] == [8]
    assert (found.cited, found.dropped, found.diagnosis.confidence) == (2, 1, 0.4)


def test_too_little_evidence_is_no_answer():
    earlier = answered((2, "cannot connect to 192.0.2.61:5432"), (1, "orders started, build 17"))
    assert quoted(earlier, least=0.51) is None
    assert quoted(answered((1, "orders started, build 17"))) is None


def test_several_quotes_of_one_template_take_its_lines_one_after_the_other():
    log = "".join(f"2026-05-01T10:00:0{n}Z ERROR cannot connect to 192.0.2.{n}:5432\n" for n in (1, 2, 3))
    other = "".join(f"2026-06-01T11:00:0{n}Z ERROR cannot connect to 198.51.100.{n}:5432\n" for n in (4, 5))
    earlier = answered(*((n, f"192.0.2.{n}") for n in (1, 3)), log=log)
    assert [line for line, _ in quoted(earlier, other)] == [1, 2]
    # as many as there are, and none of them is called untrue
    again = recall(earlier, read(other.splitlines()[0]), least=1)
    assert ([quote.line for quote in again.diagnosis.evidence], again.dropped) == ([1], 0)


def test_an_answer_without_evidence_or_without_a_problem_holds_nowhere_else():
    assert quoted(answered()) is None
    assert quoted(answered((2, "cannot connect"), issues_found=False)) is None


def test_a_quote_whose_template_is_not_known_must_stand_word_for_word():
    earlier = answered((2, "cannot connect to 192.0.2.61:5432"), (6, "Connection refused"))
    blind = replace(earlier, traces=(earlier.traces[0], None))
    assert [line for line, _ in quoted(blind)] == [8, 6]
    assert recall(replace(earlier, traces=(None, None)), read(SECOND), least=0.5).dropped == 1


@settings(max_examples=40)
@given(incidents(), incidents())
def test_every_recalled_quote_stands_in_its_line(one, other):
    first = read("\n".join(one))
    lines = [line for line in first.shown if line.text.strip()]
    earlier = answered(*((line.number, line.text) for line in lines), log="\n".join(one))
    found = recall(earlier, read("\n".join(other)), least=0.01)
    assert found is not None
    assert found.diagnosis.evidence
    for quote in found.diagnosis.evidence:
        assert quote.text in other[quote.line - 1]


def test_the_rendering_tells_whose_answer_it_is():
    prepared = read(SECOND)
    found = recall(answered((2, "cannot connect")), prepared, least=0.5)
    coverage = replace(prepared.coverage, similar_to=12345)
    sentence = "taken over from analysis 12345: the same templates"
    assert sentence in markdown(found.diagnosis, coverage)
    assert sentence in plain(found.diagnosis, coverage)
    assert "분석 12345" in markdown(found.diagnosis, coverage, language="ko")
    assert "taken over" not in markdown(found.diagnosis, prepared.coverage)
