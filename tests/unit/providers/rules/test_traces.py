"""Stack traces of each language: exception, message, and the frame of the reader's own code."""

import pytest

from app.domain.logs import Line
from app.providers.rules.traces import parse

PYTHON = """Traceback (most recent call last):
  File "/usr/lib/python3.12/site-packages/flask/app.py", line 1, in wsgi_app
    return go()
  File "/srv/app/tasks.py", line 21, in run
    total = order["price"] * n
KeyError: 'price'"""
JAVA = """ERROR request failed
java.lang.IllegalStateException: price is negative
\tat com.example.pricing.PriceService.total(PriceService.java:88)
\tat org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:897)
Caused by: java.lang.NullPointerException: price is null
\tat java.base/java.util.Objects.requireNonNull(Objects.java:233)
\tat com.example.pricing.PriceTable.lookup(PriceTable.java:23)
\t... 40 more"""
NODE = """TypeError: Cannot read properties of undefined (reading 'items')
    at Layer.handle (/app/node_modules/express/lib/router/layer.js:95:5)
    at showCart (/app/src/cart.js:12:17)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"""
GO = """panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.price(...)
\t/app/server.go:57 +0x31
net/http.serve(0xc0)
\t/usr/local/go/src/net/http/server.go:2166 +0x29"""
DOTNET = """Unhandled exception. System.InvalidOperationException: Sequence contains no elements
   at System.Linq.ThrowHelper.ThrowNoElementsException()
   at Shop.Cart.First() in /src/Cart.cs:line 12"""
RUST = "thread 'main' panicked at src/main.rs:14:31:\nindex out of bounds"


@pytest.mark.parametrize(
    ("text", "kind", "error", "where"),
    [
        (PYTHON, "python", "KeyError", "/srv/app/tasks.py:21 in run"),
        (JAVA, "java", "java.lang.NullPointerException", "PriceTable.java:23 in com.example.pricing.PriceTable.lookup"),
        (NODE, "node", "TypeError", "/app/src/cart.js:12 in showCart"),
        (GO, "go", "panic", "/app/server.go:57"),
        (DOTNET, "dotnet", "System.InvalidOperationException", "/src/Cart.cs:12 in Shop.Cart.First"),
        (RUST, "rust", "panicked", "src/main.rs:14"),
    ],
)
def test_a_trace_tells_the_exception_and_the_own_frame(text, kind, error, where):
    trace = parse([Line(number=n, text=line) for n, line in enumerate(text.split("\n"), 1)])
    assert (trace.kind, trace.type, trace.where) == (kind, error, where)


def test_a_supervisors_prefix_does_not_hide_a_trace():
    lines = [f"Mar 18 10:00:01 web1 api[811]: {line}" for line in PYTHON.split("\n")]
    trace = parse([Line(number=n, text=line) for n, line in enumerate(lines, 1)])
    assert (trace.type, trace.where) == ("KeyError", "/srv/app/tasks.py:21 in run")


def test_ordinary_lines_are_no_trace():
    assert parse([Line(number=1, text="INFO all is well"), Line(number=2, text="  at least")]) is None


@pytest.mark.parametrize(
    "prefix", ["2024-05-01T12:00:00.1Z stderr F ", "api-1  | ", "May  1 12:00:00 node-1 api[17]: "]
)
def test_a_trace_is_read_through_its_wrapper_and_quoted_as_it_stands(prefix):
    record = [Line(number=n, text=prefix + text) for n, text in enumerate(JAVA.split("\n"), 1)]
    trace = parse(record)
    assert (trace.type, trace.where) == (
        "java.lang.NullPointerException",
        "PriceTable.java:23 in com.example.pricing.PriceTable.lookup",
    )
    assert trace.decisive.text == prefix + "Caused by: java.lang.NullPointerException: price is null"
