"""Everything read from the environment and `bifrost.yaml`: frozen, checked at start, all errors at once."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from app.domain.errors import ConfigurationInvalid
from app.setting_values import Delays, Names, Patterns, Properties, Seconds, Told, Topic, postgres_url, signing_secret

PREFIX = "BIFROST_"
#: Names that other tools set too, and the short forms of common ones: variable -> setting.
WELL_KNOWN: Mapping[str, tuple[str, ...]] = {
    "DATABASE_URL": ("database", "url"),
    "REDIS_URL": ("redis", "url"),
    "KAFKA_BOOTSTRAP_SERVERS": ("kafka", "bootstrap_servers"),
    "AI_MODEL": ("ai", "model"),
    "AI_API_KEY": ("ai", "api_key"),
    "LOG_LEVEL": ("log", "level"),
    "BIFROST_DATABASE_URL": ("database", "url"),
    "BIFROST_REDIS_URL": ("redis", "url"),
    "BIFROST_URL": ("client", "url"),
    "BIFROST_API_KEY": ("client", "api_key"),
}
#: Where nothing instead of a name means a mistake: the default would read or write another topic than was meant.
NEVER_EMPTY = frozenset(
    ("kafka", name) for name in ("request_topic", "result_topic", "dead_letter_topic", "group_id", "project")
)
#: Read by tools around Bifrost, not by Bifrost.
FOREIGN = ("BIFROST_TEST_", "BIFROST_CONFIG")


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Database(Section):
    """PostgreSQL, the only truth."""

    url: Annotated[SecretStr | None, BeforeValidator(postgres_url)] = Field(
        None, description="Address of PostgreSQL. Unset: the embedded server of `bifrost-cli up`."
    )
    pool_size: int = Field(8, ge=1, description="Connections a process keeps.")
    pool_overflow: int = Field(8, ge=0, description="Connections it may open beyond that under load.")
    pool_timeout: Seconds = Field(5.0, description="Seconds to wait for a free connection before answering 503.")
    connect_timeout: int = Field(3, ge=1, description="Seconds to wait for the server to accept a connection.")
    statement_timeout: Seconds = Field(15.0, description="Seconds after which the server ends a statement.")


class Redis(Section):
    """Redis, the doorbell."""

    url: SecretStr | None = Field(None, description="Address of Redis. Unset: the embedded server of `bifrost-cli up`.")


class Kafka(Section):
    """Kafka, for Heimdall."""

    bootstrap_servers: str | None = Field(None, description="Kafka brokers, `host:port,host:port`. Unset: no bridge.")
    properties: Properties = Field(
        default_factory=dict,
        description="Properties of librdkafka, passed on as they are: TLS, SASL and the like. In the environment "
        "`BIFROST_KAFKA__PROPERTIES__SASL_USERNAME` is `sasl.username`. What the bridge depends on cannot be set.",
    )
    project: Told = Field(
        "default", min_length=1, max_length=100, description="Project that Heimdall's requests go to."
    )
    source: Literal["auto", "local", "cloud", "rules"] = Field("auto", description="Who answers them.")
    request_topic: Topic = Field("analysis.request", description="Topic that is read.")
    result_topic: Topic = Field("analysis.result", description="Topic of the results.")
    dead_letter_topic: Topic = Field("dlq.failed", description="Topic of the records that could not be accepted.")
    callback_topics: Names = Field(
        (), description="Topics that a `callback_topic` may name beside the one of the results."
    )
    group_id: Told = Field("bifrost-consumer-group", min_length=1, description="Consumer group of all bridges.")
    session_timeout: Seconds = Field(
        30.0, ge=1, description="A bridge that is silent for this long loses its partitions."
    )
    poll_records: int = Field(100, ge=1, le=100, description="Most records of one poll.")
    batch_records: int = Field(500, ge=1, le=5000, description="Most records stored in one transaction.")
    max_record_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024,
        le=48 * 1024 * 1024,
        description="Largest record that is parsed, in bytes; larger ones are dead letters.",
    )
    pause_above: int = Field(
        20_000, ge=1, description="With more analyses waiting than this, nothing is read until half of them are done."
    )
    max_replays: int = Field(5, ge=0, description="Times a dead record may go again.")
    publish_batch: int = Field(500, ge=1, le=5000, description="Most events published at a time.")
    publish_poll_seconds: Seconds = Field(0.2, description="Pause between two looks for events when there were none.")
    delivery_timeout: Seconds = Field(
        30.0, ge=1, description="Seconds for the brokers to acknowledge; then it goes back into the outbox."
    )
    heartbeat_file: Path | None = Field(
        None, description="Touched every second while the bridge's loop turns, for a liveness probe. Unset: none."
    )

    @model_validator(mode="after")
    def _topics_are_apart(self) -> Self:
        """A bridge that reads what it writes feeds itself for ever."""
        callbacks = frozenset(self.callback_topics)
        mixed = [
            f"{first} and {second} must not name the same topic"
            for first, name, second, names in (
                ("kafka.request_topic", self.request_topic, "kafka.result_topic", {self.result_topic}),
                ("kafka.request_topic", self.request_topic, "kafka.dead_letter_topic", {self.dead_letter_topic}),
                ("kafka.request_topic", self.request_topic, "kafka.callback_topics", callbacks),
                ("kafka.dead_letter_topic", self.dead_letter_topic, "kafka.result_topic", {self.result_topic}),
                ("kafka.dead_letter_topic", self.dead_letter_topic, "kafka.callback_topics", callbacks),
            )
            if name in names
        ]
        if mixed:
            raise ValueError("; ".join(mixed))
        return self


class Web(Section):
    """The web process."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(2, ge=1, description="Web processes.")
    threads: int = Field(32, ge=1, description="Threads in each web process; most of them wait for clients.")
    active: int = Field(4, ge=1, description="Requests that each web process works on at the same time.")
    waiting: int = Field(
        16,
        ge=0,
        description="Requests of each web process that wait for the end of an analysis at the same time (`wait`); each "
        "has a thread meanwhile. One more is answered at once, with the analysis as it stands.",
    )
    exports: int = Field(2, ge=1, description="Exports that each web process writes at the same time.")
    export_page: int = Field(500, ge=1, description="Analyses of an export that are read in one transaction.")
    max_wait_seconds: Seconds = Field(60.0, description="Longest `wait` of a request.")
    analyze_seconds: Seconds = Field(30.0, description="How long `POST /analyze` waits when no `wait` is given.")
    previews: int = Field(
        1,
        ge=1,
        description="Logs that each web process reads itself at the same time, for dry runs, filters and statistics.",
    )
    previews_wait: float = Field(
        2.0, ge=0, description="Seconds to wait for one of these places before answering 503 `previews_busy`."
    )


class Client(Section):
    """Where `bifrost-cli` finds the API."""

    url: str | None = Field(
        None, description="Address of the API. Unset: the one the last `bifrost-cli up` remembered."
    )
    api_key: SecretStr | None = Field(None, description="API key. Unset: the one the last `bifrost-cli up` remembered.")
    timeout: Seconds = Field(30.0, description="Seconds to wait for an answer of the API.")


class Worker(Section):
    """The Celery workers and the protocol they follow."""

    prepare_processes: int = Field(2, ge=1, description="Processes that prepare logs (CPU).")
    infer_threads: int = Field(250, ge=1, description="Model calls one `infer` process waits for at the same time.")
    lease_seconds: Seconds = Field(60.0, description="A worker that is silent for this long has lost its analysis.")
    heartbeat_seconds: Seconds = Field(15.0, description="How often leases are extended.")
    max_attempts: int = Field(
        3, ge=1, description="Attempts with a provider before the next one of the chain is asked."
    )
    backoff_base_seconds: Seconds = Field(
        1.0, description="First retry within this time (full jitter), doubled each time."
    )
    backoff_cap_seconds: Seconds = Field(60.0, description="Longest wait between attempts.")
    max_throttles: int = Field(
        20, ge=1, description="Times a provider may ask to slow down before the next one is asked."
    )
    retry_after_cap_seconds: Seconds = Field(300.0, description="Longest `Retry-After` of a provider that is obeyed.")
    shutdown_seconds: Seconds = Field(10.0, description="Time to finish or hand back on SIGTERM.")
    heartbeat_file: Path | None = Field(
        None, description="Touched every second while the worker's loop turns, for a liveness probe. Unset: none."
    )


class Dispatcher(Section):
    """The process that moves what is due from PostgreSQL to Celery."""

    poll_seconds: Seconds = Field(1.0, description="Longest pause between two looks when nobody rings.")
    busy_poll_seconds: Seconds = Field(0.02, description="Longest pause between two looks while there is work.")
    window: int = Field(64, ge=1, description="Unanswered messages kept in each `prepare` queue.")
    window_infer: int = Field(500, ge=1, description="Unanswered messages kept in each `infer` queue.")
    resend_seconds: Seconds = Field(
        15.0, description="A message unanswered for this long is looked for, and sent again (then doubled)."
    )
    lost_seconds: Seconds = Field(
        2.0, description="When the broker's queue is empty, what is unanswered for this long was lost (then doubled)."
    )
    held_poll_seconds: Seconds = Field(
        0.2, description="Pause between two looks while analyses wait for a provider of limited concurrency."
    )
    alone: int = Field(
        1,
        ge=1,
        description="Model calls at a time that may kill their worker, each alone in a process of a `prepare` worker.",
    )
    sweep_seconds: Seconds = Field(1.0, description="How often leases and deadlines are checked.")
    aging_seconds: Seconds = Field(
        60.0, description="Each time an analysis has waited this long, it counts as one priority more urgent."
    )
    project_share: float = Field(
        0.75, gt=0, le=1, description="Part of a window that one project may fill; the rest is kept for the others."
    )


class Guards(Section):
    """When a provider is left in peace. All workers share what they know of it through Redis."""

    failures: int = Field(
        5, ge=0, description="Failures in a row after which a provider's model rests: nobody asks it; 0: it never does."
    )
    rest_seconds: Seconds = Field(5.0, description="First rest; then a single call finds out whether it is over.")
    rest_cap_seconds: Seconds = Field(120.0, description="Longest rest: it is doubled each time that call fails, too.")
    patience_seconds: float = Field(
        30.0, ge=0, description="Longest wait for a provider that rests when only the rules could answer instead."
    )
    patience_busy_seconds: float = Field(
        600.0, ge=0, description="Longest wait for a provider that has no room, before the next one is asked."
    )


class Outbox(Section):
    """How the dispatcher publishes events."""

    concurrency: int = Field(16, ge=1, description="Events one dispatcher publishes at the same time.")
    per_receiver: int = Field(4, ge=1, description="Of these, how many go to one receiver.")
    poll_seconds: Seconds = Field(0.5, description="Longest pause between two looks for events that are due.")
    lease_seconds: Seconds = Field(
        60.0, description="A dispatcher that is silent for this long has lost the events it was publishing."
    )


class Webhooks(Section):
    """Events by HTTP, to the `webhook_url` of a submission."""

    secret: Annotated[SecretStr | None, AfterValidator(signing_secret)] = Field(
        None,
        description="What webhooks are signed with: `whsec_` and 24 to 64 random bytes in base64 (several, separated "
        "by blanks, while one replaces another). Unset: a `webhook_url` is refused.",
    )
    allowed_hosts: Names = Field(
        (), description="Hosts, as they stand in a URL, that may be on a private network or on this machine."
    )
    schedule: Delays = Field(
        (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400),
        description="Seconds to wait after each failed attempt (and up to a tenth more); then it is given up.",
    )
    connect_timeout: Seconds = Field(5.0, description="Seconds to connect to one address.")
    timeout: Seconds = Field(20.0, description="Seconds for everything after that.")
    ca_file: Path | None = Field(
        None, description="Certificate authorities in PEM, trusted beside those of the system and the bundled ones."
    )


class Retention(Section):
    """How long things are kept."""

    days: float = Field(90.0, ge=0, description="Days after its end that an analysis is deleted; 0: never.")
    log_days: float = Field(
        0.0, ge=0, description="Days after the end that its log is deleted, the rest stays; 0: with the analysis."
    )
    batch: int = Field(500, ge=1, description="Analyses deleted in one transaction.")
    pause_seconds: Seconds = Field(0.2, description="Pause between two batches.")
    check_seconds: Seconds = Field(60.0, description="How often is looked for what is old enough.")


class Statistics(Section):
    """The hourly counts that outlive what they count."""

    refresh_seconds: Seconds = Field(
        10.0, description="How often the last hours are counted anew (less often when that takes long)."
    )


class Limits(Section):
    """What a caller may send."""

    max_log_bytes: int = Field(10 * 1024 * 1024, ge=1, description="Largest log, decoded, in bytes.")
    max_batch_items: int = Field(500, ge=1, description="Most items of a batch.")
    max_batch_bytes: int = Field(
        32 * 1024 * 1024, ge=1, description="Largest batch: the logs of all its items together, in bytes."
    )
    max_name_chars: int = Field(100, ge=1, le=100, description="Longest `service_name`, `environment`, `model`.")
    max_tags: int = Field(32, ge=0, description="Most tags on one analysis.")
    max_tag_chars: int = Field(64, ge=1, description="Longest tag.")
    max_metadata_bytes: int = Field(16 * 1024, ge=2, description="Largest `metadata`, as JSON, in bytes.")
    max_json_depth: int = Field(32, ge=1, description="Deepest nesting of a JSON body.")
    max_deadline_seconds: float = Field(86_400.0, gt=0, description="Longest `deadline_seconds`.")
    max_idempotency_key_chars: int = Field(255, ge=1, le=255, description="Longest `Idempotency-Key`.")
    max_keyword_chars: int = Field(200, ge=1, description="Longest `keyword` that a log is filtered by.")
    page_default: int = Field(50, ge=1, description="`limit` of a list when none is given.")
    page_max: int = Field(500, ge=1, description="Largest `limit` of a list.")
    max_offset: int = Field(10_000, ge=0, description="Largest `offset` of `POST /history`; cursors have no limit.")
    max_replays: int = Field(1000, ge=1, description="Most dead letters that one call sends again.")


class Keys(Section):
    """API keys that say nothing else of themselves."""

    submits_per_hour: int = Field(100, ge=0, description="Submissions a key may make in an hour; 0: any number.")
    reads_per_hour: int = Field(
        3600, ge=0, description="Requests other than submissions a key may make in an hour; 0: any number."
    )
    overlap_seconds: float = Field(86_400.0, ge=0, description="How long a key that was rotated stays valid.")


class Preparation(Section):
    """How a log becomes a prompt."""

    token_budget: int = Field(8000, ge=500, description="Tokens a prompt may have, when the provider allows as many.")
    max_output_tokens: int = Field(1200, ge=100, description="Tokens the answer may have.")
    max_line_chars: int = Field(1000, ge=80, description="A longer line loses its middle.")
    max_templates: int = Field(2000, ge=10, description="Templates kept; rarer and quieter ones beyond are left out.")


class Redaction(Section):
    """What is hidden from models beside secrets and personal data, which always are."""

    mask: Literal["none", "public", "all"] = Field(
        "public",
        description="Addresses and names of machines that are hidden when a submission does not say: `none`, `public` "
        "(IP addresses of the Internet) or `all` (every IP address, and host names).",
    )
    patterns: Patterns = Field(
        default_factory=dict,
        description="Your own: the name of a kind and a regular expression (RE2); what it matches, or its first group, "
        "is hidden for good. In the file `patterns: {EMPLOYEE: 'EMP-\\d{6}'}`.",
    )


class Prompts(Section):
    """Stored prompts, and what people say of their answers."""

    max_prompts: int = Field(200, ge=1, description="Most prompts a project may have.")
    max_versions: int = Field(1000, ge=1, description="Most versions of one prompt.")
    max_text_chars: int = Field(8000, ge=1, description="Longest text of a version, in characters.")
    max_description_chars: int = Field(500, ge=0, le=500, description="Longest description of a version.")
    max_output_tokens: int = Field(4000, ge=100, description="Most `max_output_tokens` that a version may ask for.")
    max_comment_chars: int = Field(2000, ge=1, description="Longest comment on an analysis, in characters.")


class Windows(Section):
    """Logs with more errors than one prompt can show: further prompts, and one that makes a single diagnosis of all."""

    max_calls: int = Field(
        8, ge=1, description="Questions one analysis may ask, the first and the last one included; below 3: one prompt."
    )
    max_tokens: int = Field(
        80_000, ge=0, description="Tokens of all questions and answers of one analysis: beyond, no more windows."
    )


class Cache(Section):
    """Answers given again."""

    ttl_seconds: float = Field(86_400.0, ge=0, description="Age up to which an answer is given again; 0: never.")
    similar_evidence: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of its quotes that must hold in another log for an answer to be taken over (`similar`).",
    )


class Ai(Section):
    """Which providers answer."""

    chain: Names = Field((), description="Providers asked for `source: auto`, in order; the rules always come last.")
    model: str | None = Field(None, description="Default model of every provider that does not name its own.")
    api_key: SecretStr | None = Field(None, description="Default key of every provider that does not name its own.")
    models_seconds: float = Field(
        60.0, ge=0, description="How long a web process remembers which models the providers offer."
    )
    prices: Path | None = Field(
        None, description="File of your own prices, in the form of `app/providers/prices.yaml`, asked before it."
    )


class Ollama(Section):
    """Ollama, for `source: local`."""

    url: str = Field("http://127.0.0.1:11434", description="Address of the Ollama server.")
    model: str | None = Field(None, description="Model. Unset: `ai.model`, else `mistral`.")
    num_ctx: int = Field(16_384, ge=1024, description="Context window asked for, in tokens.")
    keep_alive: str = Field("10m", description="How long the server keeps the model loaded.")
    connect_timeout: Seconds = Field(3.0, description="Seconds to connect.")
    read_timeout: Seconds = Field(
        120.0, description="Seconds without a single byte before giving up (loading a model is slow)."
    )
    timeout: Seconds = Field(600.0, description="Seconds for a whole answer.")
    concurrency: int = Field(
        2, ge=0, description="Calls at a time, all workers together (on each server, when it is local); 0: any number."
    )


class Bedrock(Section):
    """AWS Bedrock, for `source: cloud`."""

    region: str | None = Field(None, description="AWS region. Unset: AWS's own configuration.")
    model: str | None = Field(None, description="Model or inference profile id. Unset: `ai.model`.")
    endpoint_url: str | None = Field(None, description="Another endpoint, for a private link or a test.")
    context_tokens: int = Field(128_000, ge=1024, description="Context window of the model, in tokens.")
    concurrency: int = Field(1000, ge=0, description="Calls at a time, all workers together; 0: any number.")
    connect_timeout: Seconds = Field(3.0, description="Seconds to connect.")
    read_timeout: Seconds = Field(30.0, description="Seconds without a single byte before giving up.")
    timeout: Seconds = Field(300.0, description="Seconds for a whole answer.")


class OpenaiCompatible(Section):
    """Any server that speaks OpenAI's chat completions."""

    url: str | None = Field(None, description="Base URL, up to and including `/v1`.")
    model: str | None = Field(None, description="Model. Unset: `ai.model`.")
    api_key: SecretStr | None = Field(None, description="Key. Unset: `ai.api_key`.")
    context_tokens: int = Field(32_768, ge=1024, description="Context window of the model, in tokens.")
    concurrency: int = Field(1000, ge=0, description="Calls at a time, all workers together; 0: any number.")
    connect_timeout: Seconds = Field(3.0, description="Seconds to connect.")
    read_timeout: Seconds = Field(30.0, description="Seconds without a single byte before giving up.")
    timeout: Seconds = Field(300.0, description="Seconds for a whole answer.")


class Log(Section):
    """Bifrost's own log."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level written.")
    format: Literal["auto", "json", "text"] = Field("auto", description="`auto`: text on a terminal, JSON elsewhere.")


class Metrics(Section):
    """Prometheus."""

    directory: Path | None = Field(
        None, description="Shared by the processes of one machine, so that one scrape sees them all."
    )


class Settings(Section):
    """All of it. A name here is `BIFROST_<SECTION>__<NAME>` in the environment and `section: {name: …}` in the file."""

    data_dir: Path = Field(
        Path("~/.local/state/bifrost"), description="Where the embedded servers keep their data (`BIFROST_DATA_DIR`)."
    )
    database: Database = Database()
    redis: Redis = Redis()
    kafka: Kafka = Kafka()
    web: Web = Web()
    client: Client = Client()
    worker: Worker = Worker()
    dispatcher: Dispatcher = Dispatcher()
    guards: Guards = Guards()
    outbox: Outbox = Outbox()
    webhooks: Webhooks = Webhooks()
    retention: Retention = Retention()
    statistics: Statistics = Statistics()
    limits: Limits = Limits()
    keys: Keys = Keys()
    preparation: Preparation = Preparation()
    redaction: Redaction = Redaction()
    prompts: Prompts = Prompts()
    windows: Windows = Windows()
    cache: Cache = Cache()
    ai: Ai = Ai()
    ollama: Ollama = Ollama()
    bedrock: Bedrock = Bedrock()
    openai_compatible: OpenaiCompatible = OpenaiCompatible()
    log: Log = Log()
    metrics: Metrics = Metrics()


def load(environ: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Read the file (`BIFROST_CONFIG`, else `./bifrost.yaml` when it is there), then the environment above it.

    Raises `ConfigurationInvalid` naming everything that is wrong, values of secrets not shown.
    """
    environ = os.environ if environ is None else environ
    tree = _read_file(environ, file)
    for name, path in _variables(environ):
        node = tree
        for part in path[:-1]:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                child = node[part] = {}
            node = child
        node[path[-1]] = environ[name]
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        lines = "".join(f"\n  {_problem(part['loc'], part['msg'])}" for part in error.errors())
        raise ConfigurationInvalid(f"The configuration is not valid:{lines}") from None
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().absolute()})


def _variables(environ: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    """Variables that mean a setting, least specific first, so that the exact name wins over a well-known one."""
    known = [(name, path) for name, path in WELL_KNOWN.items() if environ.get(name)]
    exact = [
        (name, tuple(name.removeprefix(PREFIX).lower().split("__")))
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in WELL_KNOWN and not name.startswith(FOREIGN)
    ]
    return known + [(name, path) for name, path in exact if environ[name] or path in NEVER_EMPTY]


def _problem(location: tuple[int | str, ...], message: str) -> str:
    path = ".".join(str(part) for part in location)
    variable = PREFIX + "__".join(str(part) for part in location).upper()
    return f"{path} ({variable}): {message}"


def _read_file(environ: Mapping[str, str], file: Path | None) -> dict[str, Any]:
    named = file or (Path(environ["BIFROST_CONFIG"]) if environ.get("BIFROST_CONFIG") else None)
    path = named or Path("bifrost.yaml")
    if not path.exists():
        if named:
            raise ConfigurationInvalid(f"The configuration file {named} does not exist.")
        return {}
    try:
        content = yaml.safe_load(_substitute(path.read_text(encoding="utf-8"), environ))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationInvalid(f"The configuration file {path} cannot be read: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationInvalid(f"The configuration file {path} must hold `section: {{name: value}}` at its top.")
    return content


def _substitute(text: str, environ: Mapping[str, str]) -> str:
    """`${NAME:default}` -> the variable, else the default; without a default the variable must be set."""

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        found = environ.get(name, default)
        if found is None:
            raise ConfigurationInvalid(f"The configuration file uses ${{{name}}}, which is not set and has no default.")
        return found

    return re.sub(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<default>[^}]*))?\}", value, text)
