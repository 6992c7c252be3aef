"""Secrets known by what carries them: keys in PEM, addresses, headers."""

from app.pipeline.kinds.judges import bearer, credential, opaque, sealed
from app.pipeline.kinds.rule import PLACEHOLDER, QUOTE, Rule

_SCHEMES = r"bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256"
#: What stands between a header's name and its value: `: `, `=`, `": "`, `=[`, `":["`.
_OF = rf"{QUOTE}?[ \t]{{0,3}}(?:[:=]|%3[AaDd])[ \t]{{0,3}}\[?{QUOTE}?"
#: Servers whose addresses hold passwords with slashes in them, which is against the rules and works.
_LAX = r"(?:postgres\w{0,12}|mysql\w{0,8}|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|s?ftp|ldaps?|jdbc:\w{2,12})"

CARRIERS: tuple[Rule, ...] = (
    Rule(
        kind="PRIVATE_KEY",
        trigger=r"PRIVATE KEY(?: BLOCK)?-----",
        finder=r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        pattern=(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-\"'\n]"
            r"|-(?!----))*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
    ),
    Rule(
        # the same in base64, as Kubernetes keeps it: `LS0tLS1CRUdJTi` is `-----BEGIN`
        kind="PRIVATE_KEY",
        trigger=r"LS0tLS1CRUdJTi[\w+/]{40}",
        pattern=r"LS0tLS1CRUdJTi[\w+/]{40,}={0,2}",
        accept=sealed,
    ),
    Rule(
        kind="URL_PASSWORD",
        trigger=rf"://[^\s/@:]*:[^\s/]+@|{_LAX}://[^\s/@:]*:[^\s]+@",
        finder=rf"[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@'\"<>]*:[^\s/'\"<>]+@|{_LAX}://[^\s:/@'\"<>]*:[^\s'\"<>]+@",
        pattern=(
            rf"(?:{_LAX}://[^\s:/@'\"<>]*:{PLACEHOLDER}(?P<double>[^\s'\"<>]+)@"
            rf"|[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@'\"<>]*:{PLACEHOLDER}(?P<value>[^\s/'\"<>]+)@)"
        ),
    ),
    Rule(
        # the same inside of another address
        kind="URL_PASSWORD",
        trigger=r"(?i:%3a%2f%2f[\w.~-]{0,64}%3a[^\s&@]+%40)",
        pattern=rf"(?i)%3a%2f%2f[\w.~-]{{0,64}}%3a{PLACEHOLDER}(?P<value>[^\s&@<>\"']+?)%40",
    ),
    Rule(
        # a token alone before the host: `https://0123…@sentry.example.com/4`
        kind="URL_TOKEN",
        trigger=r"://[\w.~-]{20,}@",
        pattern=rf"://{PLACEHOLDER}(?P<value>[\w.~-]{{20,255}})@",
        accept=opaque,
    ),
    Rule(
        # signed addresses: Azure SAS, AWS, Google Cloud and CloudFront
        kind="URL_SIGNATURE",
        trigger=r"(?i:(?:[?&;]|%3f|%26|u0026)(?:sig|signature|x-amz-signature|x-goog-signature)(?:=|%3d)[\w%])",
        pattern=(
            r"(?i)(?:[?&;]|%3f|%26|u0026)(?:sig|signature|x-amz-signature|x-goog-signature)(?:=|%3d)"
            rf"{PLACEHOLDER}(?P<value>[\w%+/=.~-]{{16,}})"
        ),
    ),
    Rule(
        kind="AUTHORIZATION",
        trigger=r"(?i:authorization(?:\W|%3a|u002[27]|&quot;){1,10}\w)",
        pattern=(
            rf"(?i)authorization{_OF}(?:(?:{_SCHEMES})(?:\s+|%20|\+))?"
            rf"{PLACEHOLDER}(?P<value>[^\s\"'\\,;<>\]]{{6,}}(?:,\s?\w+=[^\s,]+)*)"
        ),
        accept=credential,
    ),
    Rule(
        # of digest authentication: the answer is the password's hash
        kind="AUTHORIZATION",
        trigger=r"(?i:\b(?:c?nonce|response)=\\?\"[\w+/=]{16})",
        pattern=rf"(?i)\b(?:c?nonce|response)=\\?\"{PLACEHOLDER}(?P<value>[\w+/=]{{16,}})",
    ),
    Rule(
        kind="BEARER_TOKEN",
        trigger=r"(?i:\b(?:bearer|basic)(?: |%20)[\w+/=.~-]{8,})",
        pattern=rf"(?i)\b(?:bearer|basic)(?: {{1,3}}|%20){PLACEHOLDER}(?P<value>[\w+/=.~-]{{8,}})",
        accept=bearer,
    ),
    Rule(
        kind="COOKIE",
        trigger=r"(?i:(?:set-)?cookie(?:\W|u002[27]|&quot;){1,10}[\w.-]+=)",
        pattern=(
            rf"(?i)\b(?:set-)?cookie{_OF}"
            rf"{PLACEHOLDER}(?P<value>[\w.-]{{1,64}}=[^\"'\\\n\]]+)"
        ),
    ),
    Rule(
        # as crypt(3), Apache, Django and LDAP keep passwords
        kind="PASSWORD_HASH",
        trigger=r"\$(?:2[abxy]?|[156y]|apr1|argon2(?:id|i|d)|scrypt|pbkdf2[\w-]*)\$|pbkdf2_sha\d+\$\d|\{SS?HA\d*\}\w",
        pattern=(
            r"(?:\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|\$(?:[156y]|apr1)\$[./A-Za-z0-9=,$]{16,200}"
            r"|\$(?:argon2(?:id|i|d)|scrypt|pbkdf2[\w-]*)\$[./A-Za-z0-9=,$+-]{16,300}"
            r"|pbkdf2_sha\d+\$\d+\$[./A-Za-z0-9+]+\$[A-Za-z0-9+/]{20,120}={0,2}|\{SS?HA\d*\}[A-Za-z0-9+/]{20,120}={0,2})"
        ),
    ),
)
