"""Secrets made at run time from a seed, and lines of logs that give them away. None of them ever worked anywhere."""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
B64 = ALNUM + "+/"
Maker = Callable[[random.Random], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """`text`: one or more lines that hold `secret`, of a kind of our own list of kinds."""

    kind: str
    secret: str
    text: str


def some(rng: random.Random, count: int, alphabet: str = ALNUM) -> str:
    """Characters of which at least one is a digit, one a small and one a capital letter where there are some."""
    while True:
        found = "".join(rng.choices(alphabet, k=count))
        wanted = [
            kind
            for kind in (string.digits, string.ascii_lowercase, string.ascii_uppercase)
            if set(kind) & set(alphabet)
        ]
        if count < len(wanted) or all(set(found) & set(kind) for kind in wanted):
            return found


def _after(prefix: str, count: int, alphabet: str = ALNUM) -> Maker:
    return lambda rng: prefix + some(rng, count, alphabet)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _jwt(rng: random.Random) -> str:
    parts = (json.dumps({"alg": "HS256"}), json.dumps({"sub": some(rng, 12)}))
    return ".".join(_base64(part).rstrip("=") for part in parts) + "." + some(rng, 43)


def _card(rng: random.Random) -> str:
    digits = [4, *(rng.randrange(10) for _ in range(14))]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[::-2]]
    check = -(sum(doubled) + sum(digits[-2::-2])) % 10
    text = "".join(map(str, [*digits, check]))
    return rng.choice((text, "-".join(text[at : at + 4] for at in range(0, 16, 4))))


def _iban(rng: random.Random) -> str:
    account = some(rng, 18, string.digits)
    check = 98 - int(account + "131400") % 97  # D = 13, E = 14
    return f"DE{check:02}{account}"


def _digits(form: str) -> Maker:
    """`#` is any digit."""
    return lambda rng: "".join(rng.choice(string.digits) if one == "#" else one for one in form)


def _birth(rng: random.Random) -> str:
    return f"{rng.randrange(50, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"


def _pem(rng: random.Random) -> str:
    body = "\n".join(some(rng, 64, B64) for _ in range(6))
    name = rng.choice(
        ("RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY", "PGP PRIVATE KEY BLOCK")
    )
    return f"-----BEGIN {name}-----\n{body}\n-----END {name}-----"


def _email(rng: random.Random) -> str:
    return f"{some(rng, 8).lower()}.{some(rng, 5).lower()}@{some(rng, 7).lower()}.example.com"


#: What is recognizable wherever it stands.
TOKENS: Mapping[str, Maker] = {
    "AWS_KEY": _after("AK" + "IA", 16, UPPER),
    "GOOGLE_KEY": _after("AI" + "za", 35),
    "AZURE_KEY": lambda rng: some(rng, 3) + "8Q~" + some(rng, 34),
    "DIGITALOCEAN_TOKEN": _after("dop_" + "v1_", 64, HEX),
    "ALIBABA_KEY": _after("LT" + "AI", 20),
    "GITHUB_TOKEN": _after("gh" + "p_", 36),
    "GITLAB_TOKEN": _after("gl" + "pat-", 20),
    "ATLASSIAN_TOKEN": _after("ATA" + "TT3", 120),
    "NPM_TOKEN": _after("np" + "m_", 36),
    "PYPI_TOKEN": _after("py" + "pi-AgEIcHlwaS5vcmc", 80),
    "RUBYGEMS_KEY": _after("ruby" + "gems_", 48, HEX),
    "DOCKER_TOKEN": _after("dckr_" + "pat_", 27),
    "TERRAFORM_TOKEN": lambda rng: some(rng, 14) + ".atlas" + "v1." + some(rng, 64),
    "VAULT_TOKEN": _after("hv" + "s.", 24),
    "ANTHROPIC_KEY": _after("sk-" + "ant-api03-", 60),
    "OPENAI_KEY": _after("sk-" + "proj-", 60),
    "HUGGINGFACE_TOKEN": _after("hf" + "_", 34),
    "GROQ_KEY": _after("gs" + "k_", 52),
    "SLACK_TOKEN": lambda rng: "xo" + "xb-" + some(rng, 12, string.digits) + "-" + some(rng, 24),
    "TELEGRAM_TOKEN": lambda rng: some(rng, 10, string.digits) + ":A" + "A" + some(rng, 33),
    "SENDGRID_KEY": lambda rng: "S" + "G." + some(rng, 22) + "." + some(rng, 43),
    "TWILIO_KEY": _after("S" + "K", 32, HEX),
    "MAILGUN_KEY": _after("ke" + "y-", 32, HEX),
    "STRIPE_KEY": _after("sk_" + "live_", 24),
    "SQUARE_TOKEN": _after("sq0" + "atp-", 22),
    "SHOPIFY_TOKEN": _after("shp" + "at_", 32, HEX),
    "GRAFANA_TOKEN": _after("gl" + "sa_", 41),
    "NEW_RELIC_KEY": _after("NR" + "AK-", 27, UPPER),
    "DATABRICKS_TOKEN": _after("da" + "pi", 32, HEX),
    "AGE_KEY": _after("AGE-SECRET-" + "KEY-1", 58, UPPER),
    "API_TOKEN": _after("fi" + "gd_", 40),
    "JWT": _jwt,
    "CARD": _card,
    "IBAN": _iban,
    "RRN": lambda rng: f"{_birth(rng)}-{rng.randrange(1, 5)}{some(rng, 6, string.digits)}",
    "SSN": lambda rng: f"{rng.randrange(101, 600)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}",
    "PHONE": lambda rng: _digits(rng.choice(("010-####-####", "+82 10-####-####", "02-####-####")))(rng),
    "KR_LICENSE": _digits("13-##-######-##"),
    "PASSWORD_HASH": lambda rng: "$2" + "b$12$" + some(rng, 53),
}
#: Where such a token stands; `{}` is its place, `{json}` inside of a JSON string.
PLACES: tuple[str, ...] = (
    "2025-03-18T01:59:07Z ERROR upload refused for {} after 3 attempts",
    '{{"ts":"2025-03-18T01:59:07Z","level":"error","msg":"call failed","detail":"{}"}}',
    '{{"log":"{{\\"level\\":\\"error\\",\\"value\\":\\"{}\\"}}\\n","stream":"stderr","time":"2025-03-18T01:59:07Z"}}',
    "level=error ts=2025-03-18T01:59:07Z value={} caller=main.go:12",
    'level=error value="{}" caller=main.go:12',
    "Caused by: java.lang.IllegalStateException: cannot use {}, giving up",
    "2025-03-18T01:59:07.123456789Z stderr F refused: {}",
    "+ curl -sf https://api.example.com/v1/items -H 'X-Value: {}'",
    "UPDATE settings SET value = '{}' WHERE id = 7;",
    "    value: {}",
    "Mar 18 01:59:07 web-1 app[77]: got ({}) from the queue",
    "  - '{}'",
    "<value>{}</value>",
    'Traceback: KeyError: "{}"',
    '{{"error":"env dump:\\n{}\\nend"}}',
    "\x1b[31m{}\x1b[0m refused",
    '{{"msg":"\\u001b[31m{}\\u001b[0m refused"}}',
)
#: Values that only the name beside them gives away.
FIELDS: tuple[str, ...] = (
    "password={}",
    "DB_PASSWORD={}",
    "export PGPASSWORD={}",
    "2025-03-18 INFO connecting with user=app password={} host=db",
    '{{"level":"info","password":"{}","user":"app"}}',
    '{{"log":"{{\\"client_secret\\":\\"{}\\",\\"id\\":7}}\\n","stream":"stdout"}}',
    '{{"a":"{{\\\\\\"password\\\\\\":\\\\\\"{}\\\\\\"}}"}}',
    '{{"msg":"\\u0022password\\u0022:\\u0022{}\\u0022"}}',
    "<p>{{&quot;api_key&quot;:&quot;{}&quot;}}</p>",
    "spring.datasource.password = {}",
    "  password: {}",
    "  apiKey: '{}'",
    'secret_key => "{}"',
    "+ mysql -u root -p{} shop",
    "curl -u admin:{} https://example.com",
    "java -Djavax.net.ssl.keyStorePassword={} -jar app.jar",
    "docker run -e MYSQL_ROOT_PASSWORD={} mysql",
    "ALTER USER app WITH PASSWORD '{}'",
    "CREATE USER 'app'@'%' IDENTIFIED BY '{}'",
    "INSERT INTO users (id, email, password, role) VALUES (7, 'a', '{}', 'admin')",
    '10.0.0.7 - - [18/Mar/2025:01:59:07 +0000] "GET /login?user=a&password={}&x=1 HTTP/1.1" 200 17',
    '10.0.0.7 - - [18/Mar/2025:01:59:07 +0000] "GET /r?next=%2Flogin%3Fpassword%3D{}%26x%3D1 HTTP/1.1" 302 0',
    "headers: {{X-Api-Key=[{}], Accept=[*/*]}}",
    "{{'password': '{}', 'user': 'app'}}",
    "User(name=app, password={}, roles=[admin])",
    "<password>{}</password>",
    '<add key="db" password="{}" />',
    '{{"name": "DB_PASSWORD", "value": "{}"}}',
    '{{"msg":"\\u001b[32mpassword\\u001b[0m=\\u001b[33m{}\\u001b[0m"}}',
    "\x1b[36mpassword\x1b[0m=\x1b[33m{}\x1b[0m",
    "time=1 msg=login access_token={}",
    "비밀번호: {}",
    "machine api.example.com login app password {}",
    "db.example.com:5432:shop:app:{}",
    "form: [('user', 'app'), ('password', '{}')]",
    "SMTP_PASS: {}",
    "dbpass={}",
    "Password for user 'app' is {}",
    "비밀번호는 {} 입니다",
    "creds: auth=('app', '{}')",
    "SET PASSWORD FOR 'app'@'%' = PASSWORD('{}');",
    "echo {} | docker login -u app --password-stdin",
    "sqlplus scott/{}",
    "password\u00a0=\u00a0{}",
    '{{"msg":"token:\\n{}"}}',
    "[password] => {}",
    "Setting environment: ['PATH=/bin', 'DB_PASSWORD={}']",
    "DB_PASS={}",
    "user=app pass={} host=db",
    "pw: {}",
    "the password is {}",
    "password = {} and more words",
    "암호는 {} 입니다",
    "비밀번호：{}",
    "Password for user admin: {}",
    '{{"password_confirmation":"{}"}}',
    "export REDISCLI_AUTH={}",
    "jdbc:oracle:thin:scott/{}@//db:1521/shop",
    "smbclient -L //nas -U app%{}",
    "password='it''s-{}'",
)
#: Kind -> lines with a name-like secret of that kind.
CARRIED: Mapping[str, tuple[str, ...]] = {
    "URL_PASSWORD": (
        "could not connect to postgres://app:{}@db:5432/shop",
        "redis://:{}@cache:6379/0 timed out",
        '{{"dsn":"mongodb+srv://app:{}@cluster.example.net/x"}}',
        "git clone https://ci:{}@git.example.com/app.git",
        "callback=https%3A%2F%2Fapp%3A{}%40example.com%2Fx",
    ),
    "AUTHORIZATION": (
        "Authorization: Bearer {}",
        '{{"headers":{{"authorization":"Bearer {}"}}}}',
        "> Authorization: token {}",
        "headers={{Authorization=[Bearer {}]}}",
        "Proxy-Authorization: Negotiate {}",
    ),
    "BEARER_TOKEN": ("sent Bearer {} to the gateway", "auth 'bearer {}' refused"),
    "COOKIE": (
        "Set-Cookie: SID={}; Path=/; HttpOnly",
        '{{"cookie":"theme=dark; sid={}"}}',
    ),
    "URL_SIGNATURE": (
        "GET https://x.blob.core.windows.net/c?sv=2020&sig={}&se=1",
        "https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature={}",
        '{{"url":"https://b.s3.amazonaws.com/k?X-Amz-Expires=60\\u0026X-Amz-Signature={}"}}',
    ),
    "URL_TOKEN": ("dsn https://{}@o12.ingest.example.com/34",),
}


def secrets(seed: int) -> Iterator[Planted]:
    """Without end: every kind in turn, each time in another place."""
    rng = random.Random(seed)
    turn = 0
    while True:
        for kind, make in TOKENS.items():
            secret = make(rng)
            yield Planted(kind=kind, secret=secret, text=rng.choice(PLACES).format(secret))
        for _ in range(8):
            secret = password(rng)
            yield Planted(kind="SECRET", secret=secret, text=FIELDS[turn % len(FIELDS)].format(secret))
            turn += 1
        for kind, lines in CARRIED.items():
            secret = some(rng, 32)
            yield Planted(kind=kind, secret=secret, text=rng.choice(lines).format(secret))
        user = _base64(f"app:{password(rng)}")
        yield Planted(kind="AUTHORIZATION", secret=user.rstrip("="), text=f"authorization: Basic {user}")
        key = _pem(rng)
        body = key.split("\n")[3]
        yield Planted(kind="PRIVATE_KEY", secret=body, text=key)
        yield Planted(kind="PRIVATE_KEY", secret=body, text=json.dumps({"private_key": key}))
        sealed = _base64(key)
        yield Planted(kind="PRIVATE_KEY", secret=sealed[60:120], text=f"  tls.key: {sealed}")
        mail = _email(rng)
        yield Planted(kind="EMAIL", secret=mail, text=rng.choice(PLACES).format(mail))
        encoded = quote(_email(rng))
        yield Planted(kind="EMAIL", secret=encoded, text=f"GET /find?who={encoded}&x=1 HTTP/1.1")


def password(rng: random.Random) -> str:
    """As people and generators make them."""
    return rng.choice(
        (
            some(rng, 12),
            some(rng, 20),
            some(rng, 9) + "!" + some(rng, 4),
            "pa$$" + some(rng, 8),
            some(rng, 6) + "@" + some(rng, 5),
        )
    )
