"""Tokens that those who issue them made recognizable."""

from app.pipeline.kinds.judges import letters_and_digits, numbered
from app.pipeline.kinds.rule import START, Rule

#: Kind -> what a line must hold to be looked at, and the whole token.
_TOKENS: tuple[tuple[str, str, str], ...] = (
    # clouds
    (
        "AWS_KEY",
        r"(?:AKIA|ASIA|AROA|AIDA|ANPA|ABIA|ACCA)[A-Z0-9]{16}",
        r"(?:AKIA|ASIA|AROA|AIDA|ANPA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    ),
    (
        "GOOGLE_KEY",
        r"AIza[\w-]{30}|ya29\.[\w-]{16}|GOCSPX-\w|1//0[\w-]{30}",
        r"(?:AIza[\w-]{30,60}|ya29\.[\w.-]{16,2048}|GOCSPX-[\w-]{20,64}|1//0[\w-]{30,200})",
    ),
    (
        # Entra ID's client secrets, personal tokens of Azure DevOps, keys of storage accounts
        "AZURE_KEY",
        r"\dQ~[\w~.-]{31}|AZDO\w{4}\b|[\w/+]==",
        r"(?:[\w~.-]{3}\dQ~[\w~.-]{31,34}|\w{76}AZDO\w{4}|[A-Za-z0-9/+]{86}==)",
    ),
    ("DIGITALOCEAN_TOKEN", r"do[opr]_v1_[a-f0-9]{32}", r"do[opr]_v1_[a-f0-9]{32,64}"),
    ("ALIBABA_KEY", r"LTAI[A-Za-z0-9]{12}", r"LTAI[A-Za-z0-9]{12,30}(?![A-Za-z0-9])"),
    ("HEROKU_KEY", r"HRKU-[\w-]{30}", r"HRKU-[\w-]{30,80}"),
    ("CLOUDFLARE_KEY", r"v1\.0-[a-f0-9]{20}", r"v1\.0-[a-f0-9]{20,32}-[a-f0-9]{100,160}"),
    # where code lives and is built
    (
        "GITHUB_TOKEN",
        r"gh[pousr]_[A-Za-z0-9]{20}|github_pat_\w{20}",
        r"(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255})",
    ),
    (
        "GITLAB_TOKEN",
        r"gl(?:pat|dt|ptt|rt|cbt|soat|ft|imt|agent|oas|ffct)-[\w-]{16}|GR1348941[\w-]{20}",
        r"(?:gl(?:pat|dt|ptt|rt|cbt|soat|ft|imt|agent|oas|ffct)-[\w.-]{16,255}|GR1348941[\w-]{20,64})",
    ),
    ("ATLASSIAN_TOKEN", r"AT(?:ATT|CTT|BB)[\w-]{16}", r"AT(?:ATT3|CTT3|BB)[\w=-]{16,400}"),
    ("NPM_TOKEN", r"npm_[A-Za-z0-9]{30}", r"npm_[A-Za-z0-9]{30,64}"),
    ("PYPI_TOKEN", r"pypi-[\w-]{40}", r"pypi-[\w-]{40,255}"),
    ("RUBYGEMS_KEY", r"rubygems_[a-f0-9]{40}", r"rubygems_[a-f0-9]{40,64}"),
    ("DOCKER_TOKEN", r"dckr_(?:pat|oat)_[\w-]{20}", r"dckr_(?:pat|oat)_[\w-]{20,64}"),
    ("TERRAFORM_TOKEN", r"\.atlasv1\.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{30,90}"),
    ("VAULT_TOKEN", r"hv[sbr]\.[\w-]{20}", r"hv[sbr]\.[\w-]{20,255}"),
    ("PULUMI_TOKEN", r"pul-[a-f0-9]{40}", r"pul-[a-f0-9]{40}"),
    # models
    ("ANTHROPIC_KEY", r"sk-ant-[\w-]{16}", r"sk-ant-[\w-]{16,255}"),
    ("OPENAI_KEY", r"sk-(?:proj|svcacct|admin|None)-[\w-]{20}", r"sk-(?:proj|svcacct|admin|None)-[\w-]{20,255}"),
    ("HUGGINGFACE_TOKEN", r"hf_[A-Za-z0-9]{30}", r"hf_[A-Za-z0-9]{30,64}"),
    ("GROQ_KEY", r"gsk_[A-Za-z0-9]{40}", r"gsk_[A-Za-z0-9]{40,64}"),
    ("REPLICATE_TOKEN", r"r8_[A-Za-z0-9]{36}", r"r8_[A-Za-z0-9]{36,40}"),
    # talking to people
    (
        "SLACK_TOKEN",
        r"xox[abceoprs]-\w|xapp-\d|hooks\.slack\.com/\w",
        (
            r"(?:xox[abceoprs](?:\.xox[abp])?-[\w-]{10,255}|xapp-\d-[\w-]{10,255}"
            r"|hooks\.slack\.com/(?P<value>(?:services|workflows|triggers)/[\w/-]{10,255}))"
        ),
    ),
    (
        "DISCORD_WEBHOOK",
        r"discord(?:app)?\.com/api/webhooks/\d",
        r"discord(?:app)?\.com/api/webhooks/(?P<value>\d{10,24}/[\w-]{30,120})",
    ),
    (
        "TEAMS_WEBHOOK",
        r"webhook\.office\.com/webhookb2/\w",
        r"webhook\.office\.com/(?P<value>webhookb2/[\w@/-]{30,400})",
    ),
    ("TELEGRAM_TOKEN", r":AA[\w-]{32}", r"\d{8,10}:AA[\w-]{32,34}(?![\w-])"),
    ("SENDGRID_KEY", r"SG\.[\w-]{16,}\.", r"SG\.[\w-]{16,64}\.[\w-]{16,128}"),
    ("TWILIO_KEY", r"SK[0-9a-f]{32}", r"SK[0-9a-f]{32}(?![0-9A-Za-z])"),
    ("MAILGUN_KEY", r"key-[0-9a-f]{32}", r"key-[0-9a-f]{32}(?![0-9A-Za-z])"),
    ("MAILCHIMP_KEY", r"[0-9a-f]{2}-us\d", r"[0-9a-f]{32}-us\d{1,2}(?!\w)"),
    # money
    (
        "STRIPE_KEY",
        r"(?:sk|rk|pk)_(?:live|test)_\w{10}|whsec_\w{16}",
        r"(?:(?:sk|rk|pk)_(?:live|test)_\w{10,255}|whsec_[\w+/=]{16,255})",
    ),
    ("SQUARE_TOKEN", r"sq0[a-z]{3}-[\w-]{22}|EAAA[\w-]{56}", r"(?:sq0[a-z]{3}-[\w-]{22,50}|EAAA[\w-]{56,64})"),
    ("SHOPIFY_TOKEN", r"shp(?:at|ca|pa|ss|ua)_[a-fA-F0-9]{32}", r"shp(?:at|ca|pa|ss|ua)_[a-fA-F0-9]{32}"),
    # watching
    (
        "GRAFANA_TOKEN",
        r"glsa_[A-Za-z0-9]{32}|glc_[A-Za-z0-9+/]{32}",
        r"(?:glsa_\w{32,64}|glc_[A-Za-z0-9+/]{32,400}={0,2})",
    ),
    ("NEW_RELIC_KEY", r"NR(?:AK|JS|II|RA)-[\w-]{16}", r"NR(?:AK|JS|II|RA)-[\w-]{16,60}"),
    ("SENTRY_TOKEN", r"sntry[su]_[\w+/]{40}", r"sntry[su]_[\w+/=.-]{40,400}"),
    # data
    ("DATABRICKS_TOKEN", r"dapi[0-9a-f]{32}", r"dapi[0-9a-f]{32}(?:-\d)?"),
    ("PLANETSCALE_TOKEN", r"pscale_(?:tkn|pw|oauth)_[\w.-]{30}", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{30,64}"),
    ("SUPABASE_KEY", r"sb[p]_[0-9a-f]{40}|sb_secret_\w{20}", r"(?:sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,64})"),
    # plain keys
    ("AGE_KEY", r"AGE-SECRET-KEY-1[0-9A-Z]{50}", r"AGE-SECRET-KEY-1[0-9A-Z]{50,64}"),
    (
        "API_TOKEN",
        (
            r"sk-[\w-]{20}|bf_\w{4,}_\w{16}|lin_api_\w{30}|ntn_\w{30}|figd_[\w-]{30}|PMAK-[a-f0-9]{24}|xai-\w{40}"
            r"|pplx-\w{40}|dp\.(?:pt|st|ct|sa)\.\w{30}|sdk-[0-9a-f]{8}-[0-9a-f]{4}-"
        ),
        (
            r"(?:sk-[\w-]{20,255}|bf_[A-Za-z0-9]{4,32}_[\w-]{16,128}|lin_api_\w{30,64}|ntn_\w{30,64}"
            r"|figd_[\w-]{30,64}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|xai-\w{40,120}|pplx-\w{40,80}"
            r"|dp\.(?:pt|st|ct|sa)\.[\w.]{30,80}"
            r"|sdk-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
        ),
    ),
)
#: Those with their mark in the middle or at the end: where they begin. To look for that in every line would be slow.
_FINDERS = {
    "AZURE_KEY": r"[\w~.-]{3}\dQ~|\w{76}AZDO\w{4}|[\w/+]{86}==",
    "TERRAFORM_TOKEN": r"[A-Za-z0-9]{14}\.atlasv1\.",
    "TELEGRAM_TOKEN": r"\d{8,10}:AA",
    "MAILCHIMP_KEY": r"[0-9a-f]{32}-us\d",
}
#: Words and paths may look like these, with nothing but letters or nothing but digits in them.
_JUDGED = {"API_TOKEN": numbered, "AZURE_KEY": letters_and_digits, "NPM_TOKEN": numbered, "TERRAFORM_TOKEN": numbered}

VENDORS: tuple[Rule, ...] = (
    Rule(
        kind="JWT",
        trigger=r"eyJ[\w-]{8,}\.",
        pattern=START + r"eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*",
    ),
    *(
        Rule(
            kind=kind,
            trigger=trigger,
            finder=_FINDERS.get(kind, ""),
            pattern=(r"(?<!\d)" if kind == "TELEGRAM_TOKEN" else START) + pattern,
            accept=_JUDGED.get(kind),
        )
        for kind, trigger, pattern in _TOKENS
    ),
)
