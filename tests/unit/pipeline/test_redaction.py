"""Secrets become placeholders."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.pipeline.blocks import Lines
from app.pipeline.lines import split
from app.pipeline.redaction import redact


def redacted(text):
    lines = Lines([text.encode()])
    found = redact(lines)
    return "\n".join(lines), found


#: The secrets themselves are put together here, so that scanners of this repository find none.
AWS = "AKIA" + "IOSFODNN7" + "EXAMPLE"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "c2lnbmF0dXJl"
PLANTED = [
    (AWS, "AWS_KEY", "using key {} for upload"),
    (GITHUB, "GITHUB_TOKEN", "remote: https://github.com using {}"),
    (JWT, "JWT", "session={}"),
    ("glpat-" + "x9Y8z7W6v5U4t3S2r1Q0", "GITLAB_TOKEN", "clone with {}"),
    ("xoxb-" + "123456789012-abcdefghij", "SLACK_TOKEN", "posting as {}"),
    ("sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "STRIPE_KEY", "stripe: {}"),
    ("AIza" + "SyA1234567890abcdefghijklmnopqrstuv", "GOOGLE_KEY", "maps {} loaded"),
    ("sk-" + "proj-abcdefghijklmnop1234567890", "OPENAI_KEY", "calling with {}"),
    ("sk-" + "abcdefghijklmnop1234567890", "API_TOKEN", "calling with {}"),
    ("s3cr3t-P4ss", "URL_PASSWORD", "dsn postgres://app:{}@db:5432/x"),
    ("p@ss@w0rd", "URL_PASSWORD", "redis://:{}@cache:6379"),
    ("dXNlcjpwYXNzd29yZA==", "AUTHORIZATION", "Authorization: Basic {}"),
    ("abc123def456ghi789", "AUTHORIZATION", '{{"authorization": "Bearer {}"}}'),
    ("abc123def456ghi789", "BEARER_TOKEN", "sent header Bearer {}"),
    ("hunter2", "SECRET", "password={}"),
    ("hunter2", "SECRET", "DB_PASSWORD: {}"),
    ("correct horse battery", "SECRET", '{{"password": "{}", "user": "x"}}'),
    ("hunter2", "SECRET", '{{"log":"{{\\"password\\":\\"{}\\"}}"}}'),
    ("zzz111yyy222", "SECRET", "api_key={}&x=1"),
    ("zzz111yyy222", "SECRET", "client-secret = '{}'"),
    ("zzz111yyy222", "SECRET", "accessToken: {}, next"),
    ("hunter2", "SECRET", "mysql --user app --password {}"),
    ("비밀1234", "SECRET", "비밀번호: {}"),
    ("spaced5511", "SECRET", "PASSWORD = {}"),
    ("aligned9911", "SECRET", "PASSWORD           =          {} "),
    ("hunter2secret", "SECRET", "db.password = {}"),
    ("letmein", "SECRET", "db.password = {}"),
    ("letmein", "SECRET", "passwd = {}  # of the staging server"),
    ("arrowsecret88", "SECRET", "api_key => {}"),
    ("gohunter2", "SECRET", "password := {}"),
    ("abcd1234efgh", "SECRET", "API key: {}"),
    ("xmlpass16", "SECRET", "<password>{}</password>"),
    ("xml pass", "SECRET", '<wsse:Password Type="PasswordText">{}</wsse:Password>'),
    ("abcSECRETkey", "SECRET", "<name>fs.s3a.secret.key</name><value>{}</value>"),
    ("hunter two", "SECRET", '{{"name": "DB_PASSWORD", "value": "{}"}}'),
    ("MyPass99", "SECRET", "+ mysql -u root -p{} shop"),
    ("My Pass", "SECRET", "mysqldump -p'{}' shop"),
    ("Hunter2x", "SECRET", "curl -s -u admin:{} https://x"),
    ("passw0rd1", "SECRET", "redis-cli -h x -a {} ping"),
    ("s3cretpw", "SECRET", "sshpass -p {} ssh x"),
    ("s3cretpw", "SECRET", "openssl rsa -passin pass:{}"),
    ("abcDEF%2Bghijklmnop1234%3D", "URL_SIGNATURE", "GET https://x.blob.core.windows.net/c?sv=2020&sig={}&se=1"),
    ("sid=abc; theme=dark", "COOKIE", "Set-Cookie: {}"),
    ("bob.smith+x@mail.example.com", "EMAIL", "user {} logged in"),
    ("4111 1111 1111 1111", "CARD", "card {} declined"),
    ("378282246310005", "CARD", "card={}"),
    ("900101-1234567", "RRN", "rrn {} given"),
    ("010-1234-5678", "PHONE", "sms to {}"),
    ("+82-10-1234-5678", "PHONE", "sms to {}"),
]


@pytest.mark.parametrize(("secret", "kind", "line"), PLANTED)
def test_a_planted_secret_does_not_survive(secret, kind, line):
    text, found = redacted("before\n" + line.format(secret) + "\nafter")
    assert secret not in text
    assert f"<{kind}_1>" in text
    assert found.counts == {kind: 1}
    assert text.startswith("before\n")
    assert text.endswith("\nafter")


@given(
    st.lists(st.sampled_from([(secret, line) for secret, _, line in PLANTED]), min_size=1, max_size=6),
    st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=30),
)
def test_no_planted_secret_survives_among_any_text(planted, noise):
    text, _ = redacted("\n".join(f"{noise} {line.format(secret)}" for secret, line in planted))
    assert not [secret for secret, _ in planted if secret in text.replace(noise, "")]


LINES = st.lists(
    st.one_of(
        st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=60),
        st.sampled_from([line.format(secret) for secret, _, line in PLANTED]),
        st.builds(
            "{}{}{}".format,
            *[st.sampled_from(["password", "=", ": ", '"', "token", "Bearer ", "@", "a.b", "<", "x1"])] * 3,
        ),
    ),
    max_size=6,
)


@given(LINES)
@example(["Authorization: AWS4-HMAC-SHA256 Credential=x/y, SignedHeaders=a, Signature=b1"])
def test_redacting_twice_is_redacting_once_and_keeps_every_line(lines):
    once, _ = redacted("\n".join(lines))
    twice, _ = redacted(once)
    assert twice == once
    assert once.count("\n") == "\n".join(lines).count("\n")


@pytest.mark.parametrize(
    "line",
    [
        "10.251.73.220:50010 is added to blk_7128370237687728475 size 67108864",
        "Invalid token: unexpected EOF",
        "max_tokens=  tokens=12 token: 12",
        "Bearer authentication failed; Basic authentication required",
        "getty@tty1.service: Succeeded. lodash@4.17.21 com.example.Foo@1a2b3c",
        "sudo: deploy : TTY=pts/1 ; PWD=/home/deploy ; USER=root",
        "password=null token=${TOKEN} secret=****** api_key=<redacted>",
        "job 4111111111111112 and id 1445144423722",
        "Failed password for root from 10.0.0.1 port 22 ssh2",
        "2024-05-01 12:00:00,123 INFO 010 12-34",
        "    password = get_password(request)",
        "    token = tokens2[0]",
        "    secret = self.secret",
        "    if password == stored1:",
        "pwd = /home/user1 and max_tokens = 4096",
        "expected <token> before </b>, key token value 5",
        "usage: mysql -p --user=root; curl -u user https://a:b; redis-cli -a",
        "GET /x?signature=none&sig=short",
    ],
)
def test_ordinary_lines_stay_as_they_are(line):
    text, found = redacted(line)
    assert text == line
    assert found.counts == {}


def test_a_value_has_one_placeholder_in_a_log_and_only_emails_can_be_put_back():
    text, found = redacted("a@example.com\nb@example.com\na@example.com password=hunter2")
    assert text == "<EMAIL_1>\n<EMAIL_2>\n<EMAIL_1> password=<SECRET_1>"
    assert found.placeholders == {"<EMAIL_1>": "a@example.com", "<EMAIL_2>": "b@example.com"}
    assert found.counts == {"EMAIL": 3, "SECRET": 1}


def test_a_placeholder_that_stands_in_the_log_is_not_given_out_again():
    text, found = redacted("seen <EMAIL_3>, then a@example.com")
    assert text == "seen <EMAIL_3>, then <EMAIL_4>"
    assert list(found.placeholders) == ["<EMAIL_4>"]


def test_a_private_key_goes_line_by_line_so_that_numbers_stay_true():
    body = "MIIEpAIBAAKCAQEA1234567890abcdefghijklmnopqrstuvwxyzABCDEFGH"
    dashes = "-" * 5
    key = f"{dashes}BEGIN RSA PRIVATE KEY{dashes}\n{body}\nshort==\n{dashes}END RSA PRIVATE KEY{dashes}"
    text, found = redacted(f"loading\n{key}\nloaded")
    assert text == "loading" + "\n<PRIVATE_KEY_1>" * 4 + "\nloaded"
    assert found.counts == {"PRIVATE_KEY": 1}
    cut, _ = redacted(f"{dashes}BEGIN PRIVATE KEY{dashes}\n{body}\n{body}\nConnection refused")
    assert cut == "<PRIVATE_KEY_1>\n<PRIVATE_KEY_1>\n<PRIVATE_KEY_1>\nConnection refused"


def test_a_private_key_may_go_on_in_the_next_block():
    body = "MIIEpAIBAAKCAQEA1234567890abcdefghijklmnopqrstuvwxyzABCDEFGH"
    dashes = "-" * 5
    lines = Lines(
        [
            f"x\n{dashes}BEGIN PRIVATE KEY{dashes}\n{body}".encode(),
            f"{body}\n{dashes}END PRIVATE KEY{dashes}\npassword=hunter2".encode(),
        ]
    )
    found = redact(lines)
    assert list(lines) == ["x", *["<PRIVATE_KEY_1>"] * 4, "password=<SECRET_1>"]
    assert found.counts == {"PRIVATE_KEY": 1, "SECRET": 1}


def test_values_keep_their_placeholders_through_many_suspicious_lines():
    lines = split("".join(f"mail to user{i % 3}@example.com for job {i}\n" for i in range(20_000)))
    found = redact(lines)
    assert found.counts == {"EMAIL": 20_000}
    assert len(found.placeholders) == 3
    assert [lines[index] for index in (0, 19_999)] == ["mail to <EMAIL_1> for job 0", "mail to <EMAIL_2> for job 19999"]


def test_a_secret_behind_a_megabyte_of_lines_is_found():
    lines = split("ordinary line 1234\n" * 120_000 + "password=hunter2\n" + "x\n" * 10)
    found = redact(lines)
    assert lines[120_000] == "password=<SECRET_1>"
    assert found.counts == {"SECRET": 1}
