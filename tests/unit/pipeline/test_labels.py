"""Values that their label gives away, and lines with the same labels that name none."""

import random

import pytest

from app.pipeline.lines import split
from app.pipeline.redaction import redact
from tests.support.planted_secrets import TOKENS, some


def redacted(text):
    lines = split(text)
    redact(lines)
    return "\n".join(lines)


#: A line and what of it must not be left. `{}`: forty random characters, as the secret of an access key has.
HIDDEN = (
    ("DB_PASS=hello123", "hello123"),
    ("SMTP_PASS=winter24", "winter24"),
    ("SMTP_PASS=letmein", "letmein"),
    ("export FTP_PW=summer1 ok", "summer1"),
    ("pass=hello123", "hello123"),
    ("user=a pass=hello123 host=b", "hello123"),
    ("pw: colonpw77", "colonpw77"),
    ("the password is hunter2", "hunter2"),
    ("the password for app is hunter2.", "hunter2"),
    ("password = spaced pw 13", "spaced"),
    ("password = spaced pw 13", "13"),
    ("2025-03-18 INFO passwd = winterly user = app", "winterly"),
    ("password = 'spaced pw 13' and more", "spaced pw 13"),
    ("password is: hunter2", "hunter2"),
    ("the password for bob was hunter2", "hunter2"),
    ("ADMIN_PASS: letmein", "letmein"),
    ("Password for https://bob@git.example.com: letmein1", "letmein1"),
    ("Password for user admin: Tr0ub4dor&3x", "3x"),
    ("password := spaced pw 13", "spaced"),
    ("암호는 abcd1234", "abcd1234"),
    ("비밀번호 abcd1234", "abcd1234"),
    ("비밀번호는 abcd1234 입니다", "abcd1234"),
    ("비밀번호: abcd1234 로그인", "abcd1234"),
    ("비밀번호：abcd1234", "abcd1234"),
    ("secret key = {}", "{}"),
    ("Secret Access Key: {}", "{}"),
    ("AWS_SECRET_ACCESS_KEY {}", "{}"),
    ('{{"password_confirmation":"letmein"}}', "letmein"),
    ("passwordConfirm=letmein", "letmein"),
    ("REDISCLI_AUTH=letmein", "letmein"),
    ("Password for user admin: Winter24x", "Winter24x"),
    ("Password for user admin: letmein", "letmein"),
    ("jdbc:oracle:thin:scott/tiger99@db:1521/x", "tiger99"),
    ("smbclient -L //nas -U u%letmein", "letmein"),
    ("password='it''s-Xk29fQ7z'", "Xk29fQ7z"),
    ('password="it""s-Xk29fQ7z"', "Xk29fQ7z"),
    ("주민등록번호: 900101 1234567", "1234567"),
    ('{{"residentNo":"900101 1234567"}}', "1234567"),
    ("주민등록번호: 900101\u20131234567", "1234567"),
    ("주민등록번호: 900101-1234567", "1234567"),
    (
        "rrn=\uff19\uff10\uff10\uff11\uff10\uff11-\uff11\uff12\uff13\uff14\uff15\uff16\uff17",
        "\uff11\uff12\uff13\uff14\uff15\uff16\uff17",
    ),
    ("card_number=4111.1111.1111.1111", "1111"),
    ("주민번호(900101 1234567)", "1234567"),
    ("card_number=4111\u20131111\u20131111\u20131111", "1111"),
    ("card_number=4111_1111_1111_1111", "1111"),
    ("mobile=01012345678", "01012345678"),
    ('{{"phoneNumber":"5551234567"}}', "5551234567"),
    ("휴대폰번호: 01012345678", "01012345678"),
    ("mail to 홍길동@example.com failed", "홍길동"),
    ("mail to 홍길동1@example.com and kim홍@example.com failed", "홍"),
    ("mail to jörg.maier@example.com failed", "jörg"),
    ("mail to kim@예시.한국 failed", "kim@예시"),
    ("mail to kim@bücher.example failed", "kim@b"),
    ('mail to "john doe"@example.com failed', "john doe"),
    ('{{"to":"\\"john doe\\"@example.com"}}', "john doe"),
)
STAY = (
    "pass=3 fail=2",
    "pass: 12",
    "passed=12 pass=12ms",
    "tests pass: 12 of 14",
    "tests passed",
    "PASS: test_login2",
    "PASS: tests/unit/test_a1",
    "pass: step2 done",
    "first pass=phase2 second pass=loop10",
    "PASS=ok DB_PASS=ok SMTP_PASS=required",
    "DB_PASS is not set",
    "ADMIN_PASS: not set",
    "ADMIN_PASS: missing",
    "the password was changed",
    "the password was rejected 3 times",
    "비밀번호 변경 2회",
    "the password is required",
    "the password is invalid",
    "the password is expired",
    "the password is incorrect",
    "the password is sha256 hashed",
    "the password is base64 encoded",
    "pw: not found",
    "pw: 12",
    "password = required for user a",
    "password = wrong, try again",
    "    password = self.read(fd) or None",
    "    if password == stored for user",
    "SELECT password FROM users WHERE password = ? AND id = 7",
    "Enter password for user admin:",
    "password for user admin: expired",
    "Failed password for root: 22 attempts",
    "password of account bob: must be changed",
    "암호는 aes256 입니다",
    "비밀번호는 필수입니다",
    "비밀번호는 8자 이상이어야 합니다",
    "secret key is required",
    "access key not found in /home/app/Keys1/production",
    "api key rotation_interval_of_seven_days",
    "jdbc:oracle:thin:@db:1521/x",
    "smbclient -L //nas -U guest",
    "password='' user='x'",
    "주민등록번호: 없음",
    "주민등록번호: 901301 1234567",
    "residents 900101 1234567",
    "version=4111.1111.1111.1112",
    "id 4111_1111_1111_1112",
    "mobile=true phone=12 hotel=01012345678",
    "phone: 2025-03-18 10:00:00",
    "tel=10.0.0.10",
    "@홍길동 님이 로그인",
    "한글@ 그리고 @media",
    'say "hello"@12',
)


@pytest.mark.parametrize(("line", "secret"), HIDDEN)
def test_a_weak_value_is_hidden_by_its_label(line, secret):
    random_one = some(random.Random(line), 40)
    assert secret.format(random_one) not in redacted(line.format(random_one))


@pytest.mark.parametrize("line", STAY)
def test_a_label_without_a_value_of_its_own_stays(line):
    assert redacted(line) == line


@pytest.mark.parametrize("between", [" / ", ":", '","', " "])
def test_a_secret_right_beside_the_id_of_an_access_key_is_hidden(between):
    rng = random.Random(between)
    key, secret = TOKENS["AWS_KEY"](rng), some(rng, 40)
    assert redacted(f"using {key}{between}{secret} now") == f"using <AWS_KEY_1>{between}<SECRET_1> now"


@pytest.mark.parametrize("around", ["the password is {}.", "the password is '{}', and", "암호가 {}로", "the pw is {}"])
def test_what_ends_a_sentence_is_no_part_of_the_value(around):
    assert redacted(around.format("hunter22")) == around.format("<SECRET_1>")


def test_of_an_address_in_a_sentence_only_the_address_is_hidden():
    assert redacted("“kim@example.com”으로, lee@example.com으로") == "“<EMAIL_1>”으로, <EMAIL_2>으로"
