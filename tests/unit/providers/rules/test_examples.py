"""The logs that the README shows: each is read as an engineer would read it."""

from pathlib import Path

import pytest

from app.domain.diagnoses import Severity

LOGS = Path(__file__).parents[4] / "examples" / "logs"
EXPECTED = {
    "kubernetes-oom-crash-loop.log": (Severity.HIGH, "OOMKilled", "reason=OOMKilled"),
    "postgres-pool-exhausted.log": (Severity.HIGH, "connection pool is exhausted", "QueuePool limit"),
    "nginx-502-burst.log": (Severity.HIGH, "39 × 502, 16 × 503", '" 50'),
    "ci-pytest-failure.log": (Severity.MEDIUM, "test_voucher_on_last_day", "FAILED tests/test_discounts.py"),
    "tls-certificate-expired.log": (Severity.CRITICAL, "certificate has expired", "x509: certificate has expired"),
    "ssh-brute-force.log": (Severity.CRITICAL, "password guessing", "Accepted password for deploy"),
    "kafka-disk-full.log": (Severity.CRITICAL, "disk is full: /var/lib/kafka/data", "No space left on device"),
}


def test_every_example_is_expected_here():
    assert {file.name for file in LOGS.glob("*.log")} == {*EXPECTED, "healthy-service.log"}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_is_understood_and_its_decisive_line_comes_first(diagnose, name):
    severity, said, decisive = EXPECTED[name]
    found = diagnose((LOGS / name).read_text(encoding="utf-8"))
    assert found.severity is severity
    assert said in found.summary
    assert decisive in found.evidence[0].text


def test_the_healthy_example_is_healthy(diagnose):
    assert not diagnose((LOGS / "healthy-service.log").read_text(encoding="utf-8")).issues_found


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_is_understood_in_korean_too(diagnose, name):
    text = (LOGS / name).read_text(encoding="utf-8")
    english, korean = diagnose(text), diagnose(text, "ko")
    assert korean.severity is english.severity
    assert korean.evidence == english.evidence
    assert korean.summary != english.summary


@pytest.mark.parametrize(
    "secret",
    ["AKIAQ4EXAMPLEX7TESTS", "pl4nted-Ex4mple-pw", "glpat-EXAMPLEexample12345678", "c2lnbmF0dXJlLWV4YW1wbGU"],
)
def test_no_planted_secret_reaches_the_rules(make_prompt, secret):
    texts = [file.read_text(encoding="utf-8") for file in LOGS.glob("*.log")]
    planted = next(text for text in texts if secret in text)
    assert secret not in repr(make_prompt(planted).log.templates)
