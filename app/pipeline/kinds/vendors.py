"""Tokens that those who issue them made recognizable."""

from app.pipeline.kinds.judges import numbered
from app.pipeline.kinds.rule import Rule

VENDORS: tuple[Rule, ...] = (
    Rule(
        kind="JWT",
        trigger=r"eyJ[\w-]{8,}\.",
        pattern=r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*",
    ),
    Rule(
        kind="AWS_KEY",
        trigger=r"(?:AKIA|ASIA|AROA|AIDA|ANPA|ABIA|ACCA)[A-Z0-9]{16}",
        pattern=r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA|ANPA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    ),
    Rule(
        kind="GITHUB_TOKEN",
        trigger=r"gh[pousr]_[A-Za-z0-9]{20}|github_pat_\w{20}",
        pattern=r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255})",
    ),
    Rule(
        kind="GITLAB_TOKEN",
        trigger=r"gl(?:pat|dt|ptt|rt|cbt|soat|ft|imt|agent)-[\w-]{16}",
        pattern=r"(?<![A-Za-z0-9])gl(?:pat|dt|ptt|rt|cbt|soat|ft|imt|agent)-[\w-]{16,255}",
    ),
    Rule(
        kind="SLACK_TOKEN",
        trigger=r"xox[abceoprs]-\w|xapp-\d|hooks\.slack\.com/\w",
        pattern=(
            r"(?<![A-Za-z0-9])xox[abceoprs]-[\w-]{10,255}|(?<![A-Za-z0-9])xapp-\d-[\w-]{10,255}"
            r"|hooks\.slack\.com/(?P<value>(?:services|workflows|triggers)/[\w/-]{10,255})"
        ),
    ),
    Rule(
        kind="STRIPE_KEY",
        trigger=r"(?:sk|rk|pk)_(?:live|test)_\w{10}|whsec_\w{16}",
        pattern=r"(?<![A-Za-z0-9])(?:(?:sk|rk|pk)_(?:live|test)_\w{10,255}|whsec_[\w+/=]{16,255})",
    ),
    Rule(
        kind="GOOGLE_KEY",
        trigger=r"AIza[\w-]{30}|ya29\.[\w-]{16}|GOCSPX-\w",
        pattern=r"(?<![A-Za-z0-9])(?:AIza[\w-]{30,60}|ya29\.[\w.-]{16,2048}|GOCSPX-[\w-]{20,64})",
    ),
    Rule(
        kind="API_TOKEN",
        trigger=(
            r"\bsk-[\w-]{20}|npm_[A-Za-z0-9]{30}|pypi-[\w-]{40}|hf_[A-Za-z0-9]{30}|SG\.[\w-]{16,}\."
            r"|do[opr]_v1_[a-f0-9]{32}|bf_\w{4,}_\w{16}|\bSK[0-9a-f]{32}|dckr_pat_\w|hv[sb]\.[\w-]{20}"
        ),
        pattern=(
            r"(?<![A-Za-z0-9])(?:sk-[\w-]{20,255}|npm_[A-Za-z0-9]{30,64}|pypi-[\w-]{40,255}"
            r"|hf_[A-Za-z0-9]{30,64}|SG\.[\w-]{16,64}\.[\w-]{16,128}"
            r"|do[opr]_v1_[a-f0-9]{32,64}|bf_[A-Za-z0-9]{4,32}_[\w-]{16,128}|SK[0-9a-f]{32}"
            r"|dckr_pat_[\w-]{20,64}|hv[sb]\.[\w-]{20,255})"
        ),
        accept=numbered,
    ),
)
