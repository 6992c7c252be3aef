"""Short logs of our own making, each with what a good diagnosis of it says."""

OOM = """\
2026-03-01T10:00:00Z INFO  api starting on port 8080
2026-03-01T10:00:04Z INFO  api ready
2026-03-01T10:14:11Z WARN  api heap at 94%
2026-03-01T10:14:15Z ERROR api java.lang.OutOfMemoryError: Java heap space
\tat com.example.Cache.grow(Cache.java:81)
\tat com.example.Api.handle(Api.java:40)
2026-03-01T10:14:16Z ERROR kubelet Container api was OOMKilled, exit code 137
"""
REFUSED = """\
2026-03-01 09:12:01,003 INFO worker started
2026-03-01 09:12:04,551 ERROR worker could not connect to server: Connection refused
2026-03-01 09:12:04,552 ERROR worker Is it running on host "db" (10.0.0.7) and accepting connections on port 5432?
2026-03-01 09:12:09,560 ERROR worker could not connect to server: Connection refused
2026-03-01 09:12:14,571 CRITICAL worker giving up after 3 attempts
"""
TRACE = """\
[2026-03-01 12:30:00] INFO: POST /orders 201
[2026-03-01 12:30:01] ERROR: unhandled exception
Traceback (most recent call last):
  File "/srv/shop/orders.py", line 44, in create
    total = sum(item["price"] for item in items)
KeyError: 'price'
[2026-03-01 12:30:02] INFO: POST /orders 500
"""
HEALTHY = "".join(
    f"2026-03-01T08:{minute:02}:00Z INFO GET /health 200 in {3 + minute % 4} ms\n" for minute in range(40)
)
#: Name -> (log, whether something is wrong in it).
SAMPLES = {"oom": (OOM, True), "refused": (REFUSED, True), "trace": (TRACE, True), "healthy": (HEALTHY, False)}
