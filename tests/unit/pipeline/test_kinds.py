"""Each kind of secret: what must be taken for one and what must not, and how seldom an ordinary line is."""

import itertools
import os
import random
from pathlib import Path

import pytest

from app.pipeline.lines import split
from app.pipeline.redaction import redact
from app.pipeline.secrets import RULES
from tests.support.planted_secrets import FIELDS, PLACES, TOKENS, password, secrets

DIRECTORY = Path(os.environ.get("BIFROST_TEST_LOGHUB", "/nonexistent"))  # noqa: TID251 - where the tests find it
LOGS = sorted(DIRECTORY.glob("*/*_2k.log"))

#: Lines that look like secrets of a kind and are none.
ORDINARY = {
    "AWS_KEY": ("AKIA is a prefix", "sha AKIAIOSFODNN7EXAMPLEAKIAIOSFODNN7EXAMPLE00", "class AROAD12"),
    "GOOGLE_KEY": ("AIza begins a key", "at ya29.x", "//0abc"),
    "AZURE_KEY": ("a8Q~short", "checksum 0123456789==", "YWJjZGVm=="),
    "GITHUB_TOKEN": ("ghp_ and gho_ are prefixes", "github_pat_ too", "sighp_length=12"),
    "GITLAB_TOKEN": ("glpat-short", "glrt-1"),
    "NPM_TOKEN": ("npm_config_registry", "npm_lifecycle_event=test", "npm_package_json=/app/package.json"),
    "PYPI_TOKEN": ("pypi-server 2.0 started", "pypi-mirror.example.net"),
    "OPENAI_KEY": ("sk-proj-short", "task-proj-1 done"),
    "ANTHROPIC_KEY": ("sk-ant-1", "disk-ant-0123456789abcdef missing"),
    "API_TOKEN": ("task-runner-with-a-long-name-but-no-digits", "risk-assessment-service-started-now", "sk-learn"),
    "HUGGINGFACE_TOKEN": ("hf_transfer enabled", "hf_hub_download"),
    "SLACK_TOKEN": ("xoxo", "xoxb-"),
    "STRIPE_KEY": ("sk_live_ prefix", "pk_test_x"),
    "TWILIO_KEY": ("SKU 0123456789", "SK0123456789abcdef"),
    "MAILGUN_KEY": ("key-0123", "monkey-0123456789abcdef"),
    "MAILCHIMP_KEY": ("eu-west-1 and us-east-1", "0123456789abcdef-us2"),
    "TELEGRAM_TOKEN": ("at 12:34:56:AA", "1234567890:AAA"),
    "VAULT_TOKEN": ("hvs.", "hv.start"),
    "TERRAFORM_TOKEN": ("x.atlasv1.y",),
    "JWT": ("eyJ", "eyJhbGciOi", "keyJournal.entries.flush"),
    "PRIVATE_KEY": ("BEGIN RSA PRIVATE KEY", "-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----"),
    "URL_PASSWORD": ("http://db:5432/x", "https://a/b:c", "at http://x:80/y@z is fine"),
    "URL_TOKEN": ("https://example.com/@user", "ssh://deploy@host", "https://a-name-of-words-only@host/x"),
    "URL_SIGNATURE": ("?sig=short", "?signature=none"),
    "AUTHORIZATION": ("Authorization: Basic", "authorization failed for user", "Authorization: required"),
    "BEARER_TOKEN": ("Bearer authentication failed", "basic availability", "a bearer of news"),
    "BANK_ACCOUNT": ("계좌 조회 110-123-456789 건", "계좌: 없음"),
    "PASSPORT": ("passport expired", "여권: 없음"),
    "COOKIE": ("cookie: none", "cookies enabled=true"),
    "PASSWORD_HASH": ("$1 and $5", "costs $2b", "{SSHA}"),
    "SECRET": (
        "Invalid token: unexpected EOF",
        "tokens=12 max_tokens=4096",
        "password=null",
        "password=$DB_PASSWORD",
        "token=${TOKEN}",
        "secret=******",
        "    token = tokens2[0]",
        "PWD=/home/deploy",
        "password_file=/run/secrets/x",
        "passwords.txt: not found",
        "the password is wrong",
        "secretary: Kim",
        "Adding job token for job_1445144423722_0020 to jobTokenSecretManager",
        "the password is expired",
        "password for user root is invalid",
        "tests pass=12 fail=0",
        "pass: 17/20",
        "bypass=true compass: north5east",
        "token 0x14ed93111f20027 is known",
        "api key is missing",
        "auth=('bob', None)",
        "status code: 200",
        "SELECT password FROM users",
        "columns: ['id', 'password', 'email']",
    ),
    "EMAIL": ("getty@tty1.service", "lodash@4.17.21", "git@github.com:group/project.git", "noreply@example.com", "a@b"),
    "CARD": ("job 4111111111111112", "4111-1111-1111-1112", "id=1445144423722", "blk_4111111111111111"),
    "IBAN": ("DE00123412341234123412", "AB12 CDEF", "GB29NWBK60161331926818"),
    "RRN": ("900101-9234567", "901301-1234567", "1900101-1234567", "ts=1710301234567"),
    "KR_LICENSE": ("10-12-123456-12", "2025-03-18", "13-12-123456-1"),
    "SSN": ("000-12-3456", "123-00-4567", "666-12-3456", "1.123-45-6789", "900-12-3456"),
    "PHONE": ("010 12-34", "0200-1234-5678", "12:00:00 +0900", "123-456-7890", "id 1415-555-01321"),
}


def redacted(text):
    lines = split(text)
    found = redact(lines)
    return found, "\n".join(lines)


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_of_each_kind_is_found_wherever_it_stands(kind):
    rng = random.Random(kind)
    for place in PLACES * 3:
        secret = TOKENS[kind](rng)
        found, text = redacted(place.format(secret))
        assert secret not in text
        assert set(found.counts) == {kind}


@pytest.mark.parametrize("field", FIELDS)
def test_a_password_is_found_by_the_name_beside_it(field):
    rng = random.Random(field)
    for _ in range(10):
        secret = password(rng)
        found, text = redacted(field.format(secret))
        assert secret not in text
        assert found.counts


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("계좌번호: 110-123-456789", "계좌번호: <BANK_ACCOUNT_1>"),
        ("여권번호: M12345678", "여권번호: <PASSPORT_1>"),
        ("주민등록번호 9001011234567", "주민등록번호 <RRN_1>"),
        ("your verification code is 482913", "your verification code is <SECRET_1>"),
        ("cookies: {'session': 'ab12cd34'}", "cookies: {<COOKIE_1>}"),
        ("requirepass Zx9kQ2mW7pL4", "requirepass <SECRET_1>"),
    ],
)
def test_what_only_its_name_gives_away_is_found_beside_it(line, hidden):
    assert redacted(line)[1] == hidden


def test_of_a_few_thousand_secrets_none_survives():
    planted = list(itertools.islice(secrets(7), 1500))
    assert [one for one in planted if one.secret in redacted(f"before\n{one.text}\nafter")[1]] == []
    assert len({one.kind for one in planted}) >= 25


@pytest.mark.parametrize(("kind", "line"), [(kind, line) for kind, lines in ORDINARY.items() for line in lines])
def test_what_only_looks_like_a_secret_stays(kind, line):
    found, text = redacted(line)
    assert (text, found.counts) == (line, {}), kind


def test_every_kind_is_a_word_in_capital_letters_and_there_are_at_least_twenty_five():
    kinds = {rule.kind for rule in RULES}
    assert all(kind.isupper() and kind.replace("_", "").isalnum() for kind in kinds)
    assert len(kinds) >= 25
    assert set(TOKENS) <= kinds
    assert set(ORDINARY) <= kinds


@pytest.mark.skipif(not LOGS, reason="BIFROST_TEST_LOGHUB names no copy of Loghub")
def test_of_two_thousand_ordinary_lines_less_than_one_loses_what_is_no_secret():
    total = taken = 0
    for path in LOGS:
        lines = split(path.read_text(encoding="utf-8", errors="replace"))
        before = list(lines)
        redact(lines)
        total += len(lines)
        # an e-mail address is one; whatever else was taken is none, these logs hold no secrets
        taken += sum(old != new and "<EMAIL_" not in new for old, new in zip(before, lines, strict=True))
    print(f"\nredacted without need: {taken} of {total:,} lines")  # noqa: T201 - the figure that is documented
    assert taken * 2000 < total
