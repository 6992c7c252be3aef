"""How loudly a line speaks."""

import pytest

from app.domain.logs import Level
from app.pipeline.levels import level_of
from app.pipeline.wrappers import unwrap

U, D, I, W, E, C = Level  # noqa: E741 — six letters for a table of six levels


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        (I, "2024-05-01 12:00:00,123 INFO [main] started, 0 errors"),
        (E, "2024-05-01T12:00:00Z ERROR could not connect"),
        (W, "17/06/09 20:10:40 WARN storage.BlockManager: slow"),
        (E, "[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6"),
        (I, "[Sun Dec 04 04:47:44 2005] [notice] jk2_init() Found child 6725"),
        (I, "2024-05-01 12:00:00 INFO the error handler was registered"),
        (I, "2024-05-01 12:00:00 INFO stats errors=0 error_rate=0 failed: 0"),
        (U, "Tests run: 12, Failures: 0, Errors: 0, Skipped: 0"),
        (E, "Tests run: 12, Failures: 1, Errors: 0"),
        (U, "compiled with no errors and 0 warnings"),
        (U, "web-1 : ok=5 changed=1 unreachable=0 failed=0 skipped=2"),
        (E, "web-1 : ok=5 changed=1 unreachable=1 failed=0 skipped=2"),
        (E, "2024-05-01 12:00:00 [INF] HTTP GET /orders/7 responded 500 in 34.5 ms"),
        (I, "2024-05-01 12:00:00 [INF] HTTP GET /orders/7 responded 200 in 34.5 ms"),
        (E, "Process finished with exit code 137"),
        (U, "Process finished with exit code 0"),
        (E, "2024-05-01 12:00:00 INFO worker exited with code 1"),
        (C, "panic: runtime error: index out of range [5]"),
        (C, "May  1 12:00:06 node1 kernel: Out of memory: Killed process 4321 (java)"),
        (E, "Traceback (most recent call last):"),
        (E, "java.lang.NullPointerException: x is null"),
        (E, "E0501 12:00:03.000001       1 reflector.go:138] failed to list"),
        (W, "W0501 12:00:03.000001       1 warnings.go:70] error is only a word here"),
        (I, "I0501 12:00:03.000001       1 leaderelection.go:250] no failure"),
        (E, '{"level":"error","msg":"failed to dial"}'),
        (I, '{"level":30,"msg":"an error in the text of an info"}'),
        (E, '{"level":50,"msg":"x"}'),
        (E, '{"PRIORITY":"3","MESSAGE":"x"}'),
        (W, '{"severity":"WARNING","message":"x"}'),
        (E, 'time="2024-05-01T12:00:14Z" level=error msg="cannot open file"'),
        (I, 'time="2024-05-01T12:00:14Z" level=info msg="error budget is full"'),
        (E, '10.0.0.1 - - [01/May/2024:12:00:09 +0000] "GET /x HTTP/1.1" 502 157'),
        (W, '10.0.0.1 - - [01/May/2024:12:00:09 +0000] "GET /x HTTP/1.1" 429 157'),
        (I, '10.0.0.1 - - [01/May/2024:12:00:09 +0000] "GET /x HTTP/1.1" 404 157'),
        (I, '10.0.0.1 - - [01/May/2024:12:00:09 +0000] "GET /error HTTP/1.1" 200 157'),
        (E, '2024-05-01 12:00:00 INFO "GET /api HTTP/1.1" status: 500 len: 20'),
        (C, "2024-05-01 12:00:11 UTC [77] FATAL:  password authentication failed"),
        (I, "2024-05-01 12:00:12 UTC [78] LOG:  checkpoint complete: wrote 44 buffers"),
        (W, "1:M 01 May 2024 12:00:13.000 # Can't save in background"),
        (E, "2024/05/01 12:00:10 [error] 29#29: *1 connect() failed"),
        (W, "Dec 10 06:55:46 host sshd[24200]: Failed password for root from 10.0.0.1 port 22 ssh2"),
        (E, "src/cart.ts:12:5 - error TS2322: Type 'string' is not assignable"),
        (E, "npm ERR! code ELIFECYCLE"),
        (W, "warning: unused variable"),
        (E, "##[error]Process completed."),
        (U, "Started Session 42 of user root."),
        (D, "DEBUG pool: retry failed"),
        (I, "2025-04-26T01:02:29.595363Z 4021 [Note] [MY-010914] [Server] Aborted connection (Got an error)"),
        (W, "2025-04-26T01:02:29.595363Z 0 [Warning] [MY-010068] [Server] CA certificate ca.pem is self signed."),
        (E, "thread 'main' (17) panicked at src/main.rs:14:31:"),
        (U, "$ npx eslint --on-error=exit --fail-on error ."),
        (U, "+ ./check.sh || exit 1"),
        (U, 'dumping contents of table "public.failures"'),
        (U, "Archiving src/errors/NotFoundException.java"),
        (U, "Checking volumes for errors... none found"),
        (U, "EXT4-fs (sda1): mounted filesystem. Opts: errors=remount-ro."),
        (I, "test errors::tests::timeout_is_fatal ... ok"),
        (I, "    ✓ throws an error when the token is expired (4 ms)"),
        (W, "could not connect, will try again in 1s"),
        (E, "could not connect to db:5432"),
        (E, "tests/test_a.py::test_b FAILED"),
        (U, ""),
    ],
)
def test_a_line_has_the_level_a_reader_would_give_it(expected, line):
    assert level_of(unwrap(line)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "2024-05-01T12:00:00.123456789Z stderr F {}",
        '{{"log":"{}\\n","stream":"stderr","time":"2024-05-01T12:00:00Z"}}',
        "api-1  | {}",
        "[pod/api-7f9c4d5b6-x2x9q/api] {}",
        "May  1 12:00:00 node-1 api[17]: {}",
        "<11>1 2024-05-01T12:00:00Z node-1 api 17 - - {}",
        "2024-05-01T12:00:00.123456789Z stdout F api-1  | {}",
    ],
)
def test_wrappers_are_looked_through(line):
    assert level_of(unwrap(line.format("ERROR disk quota exceeded"))) == E
    assert level_of(unwrap(line.format("INFO all is well, 0 errors"))) == I
