"""The calls of the API that people need: submit, look, wait, list, cancel, send again."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from app.client.administration import RemoteAdministration
from app.client.answers import RemoteAnalysis, read_analysis
from app.client.batches import RemoteBatches
from app.client.bodies import load
from app.client.dead_letters import RemoteDeadLetters
from app.client.errors import UnexpectedAnswer, WaitTimeout
from app.client.logs import RemoteLogs, RemotePlan
from app.client.prompts import RemotePrompts
from app.client.shortcuts import Analyzed, RemoteOffer, read_analyzed, read_offer
from app.client.transport import Answer, Call, Transport
from app.client.webhooks import RemoteWebhooks
from app.clock import SystemClock
from app.domain.ports import Clock

_PATH = "/api/v1/analyses"
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
#: Seconds a server may be away (restarting) while we wait for an analysis.
_WAIT_PATIENCE = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitOptions:
    """How a log shall be analyzed. What is None or empty is left to the server."""

    source: str | None = None
    model: str | None = None
    service_name: str | None = None
    environment: str | None = None
    analysis_type: str | None = None
    priority: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    cache: str | None = None
    mask: str | None = None
    prompt: str | None = None
    deadline_seconds: float | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    webhook_url: str | None = None
    webhook_format: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """An accepted analysis. `replayed`: its idempotency key was known, this is the earlier one."""

    analysis: RemoteAnalysis
    replayed: bool


class Client:
    """Talks to one Bifrost server.

    `timeout`: seconds to wait for one answer. Calls are repeated while the server is briefly away or asks to
    come back; that is safe, since each submission carries an idempotency key. All raise `ClientError`s;
    an address or a key that cannot be one raises `ConnectionInvalid` at once. Whitespace around them is dropped.
    """

    def __init__(
        self, url: str, api_key: str | None = None, timeout: float = 30.0, *, clock: Clock | None = None
    ) -> None:
        self._clock = clock or SystemClock()
        self._transport = Transport(url, api_key, timeout=timeout, clock=self._clock)

    @property
    def url(self) -> str:
        """The server's address."""
        return self._transport.url

    def on_pause(self, told: Callable[[str, float], None] | None) -> None:
        """Call `told(reason, seconds)` before each pause that the server's state asks for."""
        self._transport.on_pause = told

    def submit(
        self, log: str | bytes, options: SubmitOptions | None = None, *, idempotency_key: str | None = None
    ) -> Submitted:
        """Returns when the analysis is durably accepted. Of a log in bytes, the server replaces what is not UTF-8."""
        loaded = load(log, _given(options or SubmitOptions()))
        answer = self._transport.send(
            Call(
                method="POST",
                path=_PATH,
                query=loaded.query,
                body=loaded.body,
                headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4()), **loaded.headers},
            )
        )
        replayed = answer.headers.get("Idempotency-Replayed", "").lower() == "true"
        return Submitted(analysis=self._analysis(answer.body), replayed=replayed)

    def get(self, analysis_id: int) -> RemoteAnalysis:
        """One analysis as it stands."""
        return self._analysis(self._transport.send(Call(method="GET", path=f"{_PATH}/{analysis_id}")).body)

    def list(self, filters: Mapping[str, str] | None = None, *, limit: int | None = None) -> Iterator[RemoteAnalysis]:
        """Newest first, page after page, at most `limit`."""
        return map(self._analysis, self._transport.listed(_PATH, filters, limit=limit))

    def export(self, format_: str = "jsonl", filters: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """All of them, newest first, as the bytes of a file: `jsonl` or `csv`. Raises also when it breaks off."""
        query = [*(filters or {}).items(), ("format", format_)]
        return self._transport.stream(Call(method="GET", path=f"{_PATH}/export", query=query))

    def cancel(self, analysis_id: int) -> RemoteAnalysis:
        """Ask for its end. A running one may take some seconds to stop."""
        return self._analysis(self._transport.send(Call(method="POST", path=f"{_PATH}/{analysis_id}/cancel")).body)

    def retry(self, analysis_id: int) -> RemoteAnalysis:
        """Send a failed or cancelled one again."""
        return self._analysis(self._transport.send(Call(method="POST", path=f"{_PATH}/{analysis_id}/retry")).body)

    def analyze(
        self,
        log: str | bytes,
        options: SubmitOptions | None = None,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Analyzed:
        """Submit, and wait on the server: so many seconds, or as long as it likes. Keep `wait` below `timeout`.

        Raises an `ApiError` with the code `analysis_unsuccessful` when the analysis failed or was cancelled.
        """
        loaded = load(log, _given(options or SubmitOptions()))
        query = loaded.query if wait is None else [*loaded.query, ("wait", f"{wait:.6f}")]
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4()), **loaded.headers}
        call = Call(method="POST", path="/analyze", query=query, body=loaded.body, headers=headers, patience=0.0)
        try:
            return read_analyzed(self._transport.send(call).body)
        except (ValueError, TypeError) as error:
            raise UnexpectedAnswer(f"{self.url} answered with an analysis that cannot be read: {error}") from error

    def models(self) -> Sequence[RemoteOffer]:
        """What the server's providers offer."""
        items = self._transport.send(Call(method="GET", path="/api/v1/models")).body.get("items")
        if not isinstance(items, list):
            raise UnexpectedAnswer(f"{self.url} answered with a list that has no items")
        return [read_offer(item) for item in items]

    @property
    def batches(self) -> RemoteBatches[SubmitOptions]:
        """Many logs in one call."""
        return RemoteBatches(self._transport, fields_of=_given, read=self._analysis)

    @property
    def logs(self) -> RemoteLogs:
        """Logs themselves: some of their records, and how they are made up."""
        return RemoteLogs(self._transport)

    def plan(self, log: str | bytes, options: SubmitOptions | None = None) -> RemotePlan:
        """What `submit` would do with this log. Nothing is stored, nobody is asked."""
        return self.logs.plan(log, _given(options or SubmitOptions()))

    @property
    def administration(self) -> RemoteAdministration:
        """Keys, the budget, the audit log."""
        return RemoteAdministration(self._transport)

    @property
    def dead_letters(self) -> RemoteDeadLetters:
        """What failed for good."""
        return RemoteDeadLetters(self._transport)

    @property
    def webhooks(self) -> RemoteWebhooks:
        """What was sent to those who wanted to be told, and what was not."""
        return RemoteWebhooks(self._transport)

    @property
    def prompts(self) -> RemotePrompts:
        """Stored prompts."""
        return RemotePrompts(self._transport)

    def feedback(self, analysis_id: int) -> Mapping[str, object]:
        """What was said of an analysis; an `ApiError` with status 404 when nobody has said anything."""
        return self._transport.send(Call(method="GET", path=f"{_PATH}/{analysis_id}/feedback")).body

    def rate(self, analysis_id: int, rating: str, comment: str | None = None) -> Mapping[str, object]:
        """Say `up` or `down` of a completed analysis; the last word counts. What the API answers."""
        body = orjson.dumps({"rating": rating, "comment": comment})
        path, headers = f"{_PATH}/{analysis_id}/feedback", {"Content-Type": "application/json"}
        return self._transport.send(Call(method="PUT", path=path, body=body, headers=headers)).body

    def wait(
        self,
        analysis_id: int,
        *,
        timeout: float | None = None,
        on_change: Callable[[RemoteAnalysis], None] | None = None,
    ) -> RemoteAnalysis:
        """The analysis when it is finished. `on_change` is told each new status or stage, the first one too.

        Raises `WaitTimeout` after `timeout` seconds; the analysis goes on.
        """
        until = None if timeout is None else self._clock.monotonic() + timeout
        told: tuple[str, str | None] | None = None
        pause = _FIRST_PAUSE
        while True:
            answer = self._transport.send(
                Call(method="GET", path=f"{_PATH}/{analysis_id}", patience=_patience(until, self._clock.monotonic()))
            )
            analysis = self._analysis(answer.body)
            if on_change and told != (analysis.status, analysis.stage):
                told = (analysis.status, analysis.stage)
                on_change(analysis)
            if analysis.finished:
                return analysis
            if until is not None and timeout is not None and self._clock.monotonic() + pause > until:
                raise WaitTimeout(analysis, timeout)
            self._clock.sleep(pause)
            pause = _next_pause(pause, answer)

    def heimdall(self) -> Mapping[str, object]:
        """How the bridge to Kafka is."""
        return self._transport.send(Call(method="GET", path="/api/v1/heimdall/status")).body

    def statistics(self, hours: int) -> Mapping[str, object]:
        """The last hours of the key's project, as the API tells them."""
        return self._transport.send(Call(method="GET", path="/api/v1/stats", query=[("hours", str(hours))])).body

    def check(self) -> str | None:
        """Is it ready? The server's date (as HTTP writes it). Raises at once when it is not."""
        return self._transport.send(Call(method="GET", path="/health/ready", patience=0.0)).headers.get("Date")

    def _analysis(self, body: object) -> RemoteAnalysis:
        try:
            return read_analysis(body if isinstance(body, Mapping) else {})
        except (ValueError, TypeError) as error:
            raise UnexpectedAnswer(f"{self.url} answered with an analysis that cannot be read: {error}") from error


def _given(options: SubmitOptions) -> dict[str, object]:
    values: dict[str, object] = {
        "source": options.source,
        "model": options.model,
        "service_name": options.service_name,
        "environment": options.environment,
        "analysis_type": options.analysis_type,
        "priority": options.priority,
        "tags": list(options.tags),
        "language": options.language,
        "cache": options.cache,
        "mask": options.mask,
        "prompt": options.prompt,
        "deadline_seconds": options.deadline_seconds,
        "metadata": dict(options.metadata),
        "webhook_url": options.webhook_url,
        "webhook_format": options.webhook_format,
    }
    return {name: value for name, value in values.items() if value not in (None, [], {})}


def _patience(until: float | None, now: float) -> float:
    return _WAIT_PATIENCE if until is None else max(0.5, min(_WAIT_PATIENCE, until - now))


def _next_pause(pause: float, answer: Answer) -> float:
    """Quick at first, since most answers are; never slower than the server asks, at least every two seconds else."""
    return min(pause * 1.5, max(_LONGEST_PAUSE, answer.retry_after or 0.0))
