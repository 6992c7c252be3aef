"""Lines to records."""

import pytest

from app.domain.logs import Level
from app.pipeline.preparation import PreparationLimits, prepare
from app.pipeline.records import LONGEST

JAVA = """2024-05-01 12:00:00 INFO [main] up
2024-05-01 12:00:01 ERROR [exec-1] request failed

java.lang.IllegalStateException: pool is closed
\tat a.b.Pool.take(Pool.java:12)
\tat a.b.Api.call(Api.java:3)
Caused by: java.net.ConnectException: refused
\tat java.net.Socket.connect(Socket.java:9)
\t... 4 more
2024-05-01 12:00:02 INFO [main] down
"""
PYTHON = """ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File "/app/main.py", line 3, in get
    row = fetch()
KeyError: 'id'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/main.py", line 5, in get
    raise LookupFailed(1)
app.errors.LookupFailed: 1
INFO:     done
"""
GO = """2024/05/01 12:00:00 started
panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.main()
\t/src/main.go:40 +0x2b
exit status 2
"""
NODE = """listening on 3000
TypeError: Cannot read properties of undefined (reading 'id')
    at /app/routes/user.js:14:22
    at Layer.handle (/app/layer.js:95:5)
listening again
"""


def records(text):
    """(first line, lines, level, pattern) of every template, in order."""
    prepared = prepare(text, limits=PreparationLimits(), token_budget=8000)
    return sorted((t.first, t.lines, t.level, t.pattern) for t in prepared.templates), prepared


def test_a_java_stack_trace_belongs_to_its_line_and_its_cause_names_it():
    found, _ = records(JAVA)
    assert [(first, lines) for first, lines, _, _ in found] == [(1, 1), (2, 7), (10, 1)]
    assert found[1][2] == Level.ERROR
    assert found[1][3].endswith("request failed … Caused by: java.net.ConnectException: refused")


def test_a_python_traceback_ends_with_the_exception_of_the_last_one():
    found, _ = records(PYTHON)
    assert [(first, lines) for first, lines, _, _ in found] == [(1, 10), (13, 1)]
    assert found[0][3].endswith("… app.errors.LookupFailed: <*>")


def test_a_go_panic_is_one_record_across_blank_lines():
    found, prepared = records(GO)
    assert [(first, lines, level) for first, lines, level, _ in found] == [
        (1, 1, Level.UNKNOWN),
        (2, 5, Level.CRITICAL),
    ]
    panic = prepared.templates[0].exemplars[0]
    assert [line.number for line in panic] == [2, 3, 4, 5, 6, 7]


def test_a_node_error_keeps_its_frames():
    found, _ = records(NODE)
    assert [(first, lines) for first, lines, _, _ in found] == [(1, 1), (2, 3), (5, 1)]
    assert found[1][2] == Level.ERROR


RAILS = """Completed 500 Internal Server Error in 12ms (ActiveRecord: 1.0ms)


NoMethodError (undefined method `total' for nil:NilClass):
\x20
app/models/order.rb:12:in `total'
activerecord (7.1.2) lib/active_record/core.rb:12:in `find'
Started GET "/x"
"""
TAGGED_RAILS = """I, [2024-05-01T12:00:00.123456 #1]  INFO -- : [0a1b2c3d-aaaa] Started
F, [2024-05-01T12:00:00.123456 #1]  FATAL -- : [0a1b2c3d-aaaa]
[0a1b2c3d-aaaa] ActiveRecord::RecordNotFound (Couldn't find Order):
[0a1b2c3d-aaaa]
[0a1b2c3d-aaaa] app/models/order.rb:12:in `total'
I, [2024-05-01T12:00:00.123456 #1]  INFO -- : [0a1b2c3d-aaaa] Started
"""


def test_frames_of_rails_belong_to_their_exception_though_they_are_not_indented():
    found, _ = records(RAILS)
    assert [(first, lines, level) for first, lines, level, _ in found] == [
        (1, 1, Level.ERROR),
        (4, 3, Level.ERROR),
        (8, 1, Level.UNKNOWN),
    ]
    dated, _ = records("2024-05-01 12:00:00 ERROR no\napp/models/x.rb:12:in 'X#y'\n2024-05-01 12:00:01 INFO ok\n")
    assert [(first, lines) for first, lines, _, _ in dated] == [(1, 2), (3, 1)]


def test_a_trace_of_rails_whose_lines_have_the_id_of_their_request_is_one_record():
    found, _ = records(TAGGED_RAILS)
    assert [(first, lines) for first, lines, _, _ in found] == [(1, 2), (2, 4)]
    assert "ActiveRecord::RecordNotFound (Couldn't find Order):" in found[1][3]


@pytest.mark.parametrize(
    "prefix", ["2024-05-01T12:00:00.123456789Z stderr F ", "api-1  | ", "May  1 12:00:00 node api[1]: "]
)
def test_records_are_found_inside_of_wrappers(prefix):
    text = "\n".join(prefix + line for line in NODE.splitlines())
    found, _ = records(text)
    if not prefix.startswith("May"):  # syslog gives every line a time of its own
        assert [(first, lines) for first, lines, _, _ in found] == [(1, 1), (2, 3), (5, 1)]


def test_a_plain_line_continues_a_dated_one_but_a_panic_does_not():
    found, _ = records("2024-05-01 12:00:00 INFO query:\nselect 1\n2024-05-01 12:00:01 INFO ok\npanic: gone\n")
    assert [(first, lines) for first, lines, _, _ in found] == [(1, 2), (3, 1), (4, 1)]


def test_without_dates_every_line_is_a_record():
    found, _ = records("first line\nsecond thing\nthird word\n")
    assert len(found) == 3


def test_a_record_without_end_is_cut_into_bounded_ones():
    text = "2024-05-01 12:00:00 ERROR x\n" + "\tat a.b.C(D.java:1)\n" * 1000
    _, prepared = records(text)
    assert max(len(record) for template in prepared.templates for record in template.exemplars) == LONGEST
    assert prepared.coverage.records == -(-1001 // LONGEST)


NODE_CRASH = """2024-05-01T12:00:00.000Z WARN no currency
/app/dist/format.js:18
    const symbol = SYMBOLS[price.currency];
                                 ^

TypeError: Cannot read properties of undefined (reading 'currency')
    at formatPrice (/app/dist/format.js:18:30)

Node.js v20.11.1
2024-05-01T12:00:01.000Z INFO started
"""
RUST_CRASH = """2024-05-01T12:00:00.000Z  INFO ingest: flushed
thread 'main' (17) panicked at src/codec.rs:114:38:
called `Result::unwrap()` on an `Err` value: TooShort
stack backtrace:
   0: rust_begin_unwind
note: run with `RUST_BACKTRACE=full` for a verbose backtrace.
2024-05-01T12:00:01.000Z  INFO ingest: flushed
"""


def test_the_end_of_a_node_process_is_one_record_and_not_the_end_of_the_line_before():
    found, _ = records(NODE_CRASH)
    assert [(first, lines) for first, lines, _, _ in found] == [(1, 1), (2, 6), (10, 1)]
    assert found[1][2] == Level.ERROR


def test_a_panic_of_rust_keeps_its_message():
    found, _ = records(RUST_CRASH)
    assert (2, 5, Level.ERROR) in [(first, lines, level) for first, lines, level, _ in found]


def test_a_json_line_ends_where_it_ends():
    found, _ = records('{"level":"info","msg":"up"}\nplain words\n{"level":"error","msg":"down"}\nERROR plain too\n')
    assert [(first, lines) for first, lines, _, _ in found] == [(1, 1), (2, 1), (3, 1), (4, 1)]


def test_a_line_of_an_access_log_begins_a_record_among_dated_lines():
    access = '203.0.113.9 - - [01/May/2024:12:00:09 +0000] "GET /cart HTTP/1.1" {} 15'
    dated = "2024-05-01 12:00:09 INFO served"
    found, prepared = records("\n".join([dated, access.format(200), dated, access.format(502)]))
    assert prepared.coverage.records == 4
    assert found[-1][2] == Level.ERROR


def test_a_record_that_only_its_form_makes_an_error_is_one():
    found, _ = records("node:events:497\n\nsaid below\n    at the end\nanother line\n")
    assert [(first, lines, level) for first, lines, level, _ in found] == [
        (1, 3, Level.ERROR),
        (5, 1, Level.UNKNOWN),
    ]
