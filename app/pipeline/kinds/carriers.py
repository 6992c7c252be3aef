"""Secrets known by what carries them: keys in PEM, addresses, headers."""

from app.pipeline.kinds.judges import bearer, credential
from app.pipeline.kinds.rule import PLACEHOLDER, Rule

CARRIERS: tuple[Rule, ...] = (
    Rule(
        kind="PRIVATE_KEY",
        trigger=r"PRIVATE KEY-----",
        finder=r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----",
        pattern=(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:[^-\"'\n]"
            r"|-(?!----))*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?"
        ),
    ),
    Rule(
        kind="URL_PASSWORD",
        trigger=r"://[^\s/@:]*:[^\s/]+@",
        finder=r"[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@'\"<>]*:[^\s/'\"<>]+@",
        pattern=rf"[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@'\"<>]*:{PLACEHOLDER}(?P<value>[^\s/'\"<>]+)@",
    ),
    Rule(
        # signed addresses: Azure SAS, AWS, Google Cloud and CloudFront
        kind="URL_SIGNATURE",
        trigger=r"(?i:[?&;](?:sig|signature|x-amz-signature|x-goog-signature)=[\w%])",
        pattern=(
            r"(?i)[?&;](?:sig|signature|x-amz-signature|x-goog-signature)="
            rf"{PLACEHOLDER}(?P<value>[\w%+/=.~-]{{16,}})"
        ),
    ),
    Rule(
        kind="AUTHORIZATION",
        trigger=r"(?i:authorization\W{1,6}\w)",
        pattern=(
            rf"(?i)authorization\\?[\"']?[ \t]{{0,3}}[:=][ \t]{{0,3}}\\?[\"']?(?:(?:bearer|basic|token|digest"
            rf"|negotiate|apikey"
            rf"|aws4-hmac-sha256)\s+)?{PLACEHOLDER}(?P<value>[^\s\"'\\,;<>]{{6,}}(?:,\s?\w+=[^\s,]+)*)"
        ),
        accept=credential,
    ),
    Rule(
        kind="BEARER_TOKEN",
        trigger=r"(?i:\b(?:bearer|basic) [\w+/=.~-]{8,})",
        pattern=rf"(?i)\b(?:bearer|basic) {{1,3}}{PLACEHOLDER}(?P<value>[\w+/=.~-]{{8,}})",
        accept=bearer,
    ),
    Rule(
        kind="COOKIE",
        trigger=r"(?i:(?:set-)?cookie\W{1,5}[\w.-]+=)",
        pattern=(
            r"(?i)\b(?:set-)?cookie\\?[\"']?[ \t]{0,2}[:=][ \t]{0,2}\\?[\"']?"
            rf"{PLACEHOLDER}(?P<value>[\w.-]{{1,64}}=[^\"'\\\n]+)"
        ),
    ),
)
