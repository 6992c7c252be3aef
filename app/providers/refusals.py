"""What a server says instead of an answer, and which of our errors that is."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from app.clock import SystemClock
from app.domain.errors import (
    AnswerRefused,
    PromptTooLong,
    ProviderError,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from app.pipeline.naming import hidden

#: A hint beyond a day is a mistake of the server; how much of it is obeyed is the services' decision.
MAX_HINT = 86_400.0
_QUOTED = 160
_WINDOW = 16

#: A status -> our error. What is not here: 5xx is away, everything else is a request that will never do.
_BY_STATUS: Mapping[int, type[ProviderError]] = {
    408: ProviderTimeout,
    413: PromptTooLong,
    429: ProviderThrottled,
    529: ProviderThrottled,
}
_TOO_LONG = re.compile(
    r"context.{0,24}(length|size|window|limit)|(length|size|window) of the context|maximum context"
    r"|prompt.{0,12}too long|input.{0,24}too long|too many (input |total )?tokens|reduce the length"
    r"|exceed\w*.{0,40}(context|max\w* tokens)",
    re.IGNORECASE,
)
#: Statuses whose message may say that the prompt was too long; 0 is a message inside a stream.
_MAY_BE_TOO_LONG = frozenset({0, 400, 413, 422, 500})

#: Pattern of `Refusal.signal` -> error, first match wins.
Signals = Sequence[tuple[str, type[ProviderError]]]
#: Words that mean the same everywhere.
_WORDS: Signals = (
    (r"content.?(filter|policy|management)", AnswerRefused),
    (r"^0 .*(validation|invalid_request)", ProviderMisconfigured),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A refusal as it came: `status` 0 inside a stream; `code` the server's own word for it, else empty."""

    status: int
    code: str = ""
    message: str = ""
    retry_after: float | None = None

    @property
    def signal(self) -> str:
        """The line that a provider's signals are matched against: `<status> <code>: <message>`."""
        return f"{self.status} {self.code}: {self.message}"


def error_of(
    refusal: Refusal, place: str, signals: Signals, *, secrets: Sequence[str], advice: str = ""
) -> ProviderError:
    """The error to raise. `signals` are tried first: pattern of `Refusal.signal` -> error.

    The server's words are quoted unless they repeat one of `secrets` (the key, the prompt).
    """
    kind = _kind(refusal, signals)
    says = "broke its answer off" if not refusal.status else f"answered {refusal.status}"
    detail = f"{place} {says}{_quoted(refusal, secrets)}."
    if advice and issubclass(kind, ProviderMisconfigured):
        detail += f" {advice}"
    return kind(detail, retry_after=refusal.retry_after)


def _kind(refusal: Refusal, signals: Signals) -> type[ProviderError]:
    for pattern, kind in signals:
        if re.search(pattern, refusal.signal, re.IGNORECASE):
            return kind
    if refusal.status in _MAY_BE_TOO_LONG and _TOO_LONG.search(refusal.message):
        return PromptTooLong
    for pattern, kind in _WORDS:
        if re.search(pattern, refusal.signal, re.IGNORECASE):
            return kind
    default = ProviderUnavailable if refusal.status in {0, 425} or refusal.status >= 500 else ProviderMisconfigured
    return _BY_STATUS.get(refusal.status, default)


def _quoted(refusal: Refusal, secrets: Sequence[str]) -> str:
    words = " ".join(f"{refusal.code} {refusal.message}".split())[: 2 * _QUOTED]
    windows = [words[at : at + _WINDOW] for at in range(max(1, len(words) - _WINDOW + 1))]
    if not words or any(window in secret for secret in secrets if secret for window in windows):
        return ""
    if any(secret in words for secret in secrets if secret):
        return ""
    # this stands in answers and in our log: whatever the server repeats, no secret does; whole, a secret is recognized
    return f" ({str(hidden(words, {}))[:_QUOTED].rstrip('.')})"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as `retry-after-ms` or `Retry-After` (seconds or a date) ask; None without a usable wish.

    Never negative, never more than a day. A date counts from the server's own `Date`, so that clocks need not agree.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    if (milliseconds := _number(lowered.get("retry-after-ms"))) is not None:
        return _bounded(milliseconds / 1000)
    wish = lowered.get("retry-after")
    if (seconds := _number(wish)) is not None:
        return _bounded(seconds)
    until = _date(wish)
    if until is None:
        return None
    return _bounded((until - (_date(lowered.get("date")) or SystemClock().now())).total_seconds())


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(value: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_HINT)
