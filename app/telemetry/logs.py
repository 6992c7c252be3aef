"""The log: one event per line, with its context and without secrets."""

import logging
import re
import sys
from contextlib import AbstractContextManager
from typing import Any, Protocol, TextIO

import orjson
import structlog

#: Their INFO is our DEBUG.
_CHATTY = (
    "urllib3",
    "botocore",
    "boto3",
    "s3transfer",
    "kombu",
    "amqp",
    "alembic.runtime",
    "celery.worker.strategy",
    "celery.app.trace",
)
#: The value of a key of one of these names is never written, whatever it is.
_SECRET_NAMES = frozenset({"api_key", "authorization", "password", "secret", "token", "cookie", "x_api_key"})
#: Secrets that may stand inside any text: our own keys, passwords in addresses, bearer tokens, AWS key ids.
_SECRET_MARKS = ("bf_", "://", "earer", "AKIA", "ASIA")
_SECRETS = re.compile(
    r"(?P<key>\bbf_[A-Za-z0-9]+_)[A-Za-z0-9_-]+|(?P<url>://[^\s:/@\"]*:)[^\s@/\"]+(?=@)"
    r"|(?P<bearer>[Bb]earer\s+)[A-Za-z0-9._~+/=-]+|(?P<aws>\b(?:AKIA|ASIA))[A-Z0-9]{16}\b"
)


class Style(Protocol):
    """How to write: the `log` section of the settings."""

    @property
    def level(self) -> str:
        """The least level written: "INFO"."""

    @property
    def format(self) -> str:
        """One of "json", "text" and "auto": text on a terminal."""


def configure_logging(log: Style, stream: TextIO | None = None) -> None:
    """One event per line to `stream` (standard error): JSON, or text for a person at a terminal.

    What libraries say through `logging` and `warnings` goes the same way.
    """
    stream = stream or sys.stderr
    text = log.format == "text" or (log.format == "auto" and stream.isatty())
    level = logging.getLevelNamesMapping()[log.level]
    context: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
    ]
    ending = [_hide_secret_names, *(_text_endings(stream) if text else _json_endings()), _hide_secrets]
    structlog.configure(
        processors=context + ending,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        # a logger used before this call must write this way afterwards too
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*context, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def bind(**context: object) -> None:
    """From now on every event of this thread carries these."""
    structlog.contextvars.bind_contextvars(**context)


def unbind(*names: str) -> None:
    """No longer these; without names, none at all."""
    if names:
        structlog.contextvars.unbind_contextvars(*names)
        return
    structlog.contextvars.clear_contextvars()


def bound(**context: object) -> AbstractContextManager[None]:
    """While open, every event of this thread carries these."""
    return structlog.contextvars.bound_contextvars(**context)


def _json_endings() -> list[Any]:
    return [structlog.processors.format_exc_info, _render_json]


def _text_endings(stream: TextIO) -> list[Any]:
    # not rich's tracebacks, though rich is installed: they show local variables, and with them log bodies
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]


def _render_json(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # a lone surrogate or an integer beyond 64 bits: say it less well, but say it
        plain = {key: str(value).encode(errors="backslashreplace").decode() for key, value in event.items()}
        return orjson.dumps(plain).decode()


def _hide_secret_names(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name in _SECRET_NAMES.intersection(event):
        event[name] = "***"
    return event


def _hide_secrets(_logger: object, _method: str, line: str) -> str:
    # the search costs as much as all the rest: look for its beginnings first
    if not any(mark in line for mark in _SECRET_MARKS):
        return line
    return _SECRETS.sub(lambda found: f"{found[found.lastgroup or 0]}***", line)
