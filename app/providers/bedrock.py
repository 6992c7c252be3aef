"""AWS Bedrock: a model in the cloud, over the Converse API."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from app import settings
from app.clock import SystemClock
from app.domain.errors import (
    AnswerMalformed,
    AnswerRefused,
    AnswerTruncated,
    PromptTooLong,
    ProviderError,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from app.domain.offers import Offer
from app.domain.ports import Clock, Health, Watch
from app.domain.prompts import Completion, Prompt
from app.providers.aws import Aws, Refused
from app.providers.calls import Call, Timeouts
from app.providers.concessions import Body, Concession, Concessions, dropping
from app.providers.prices import Counted, Prices, count, listed
from app.providers.probes import probe
from app.providers.refusals import Signals, error_of
from app.providers.schemas import strict

NAME = "bedrock"
_TOOL = "diagnosis"
_ADVICE = "Check `bedrock.model`, `bedrock.region` and that this account has access to the model."
_SIGNALS: Signals = (
    (r"^\d+ (Throttling|TooManyRequests|ServiceQuotaExceeded)", ProviderThrottled),
    (r"^\d+ ModelTimeout", ProviderTimeout),
    (r"^\d+ (ModelError|ModelStreamError|ModelNotReady|InternalServer|ServiceUnavailable)", ProviderUnavailable),
    (r"^\d+ (AccessDenied|UnrecognizedClient|ExpiredToken|InvalidSignature|ResourceNotFound)", ProviderMisconfigured),
)
_ENDS: Mapping[str, type[ProviderError]] = {
    "max_tokens": AnswerTruncated,
    "guardrail_intervened": AnswerRefused,
    "content_filtered": AnswerRefused,
    "model_context_window_exceeded": PromptTooLong,
    "malformed_model_output": AnswerMalformed,
    "malformed_tool_use": AnswerMalformed,
}


def _with_tool(body: Body) -> Body:
    """The schema as the input of a tool that must be called: older than `outputConfig`, and known to more models."""
    output = body["outputConfig"]
    assert isinstance(output, dict)
    schema = json.loads(output["textFormat"]["structure"]["jsonSchema"]["schema"])
    tool = {"toolSpec": {"name": _TOOL, "description": "Gives the diagnosis.", "inputSchema": {"json": schema}}}
    choice = {"tool": {"name": _TOOL}}
    return dropping("outputConfig")(body) | {"toolConfig": {"tools": [tool], "toolChoice": choice}}


def _without_temperature(body: Body) -> Body:
    limits = body["inferenceConfig"]
    assert isinstance(limits, dict)
    return body | {"inferenceConfig": dropping("temperature")(limits)}


#: Not every model takes a schema; refusing to constrain the answer is no reason to refuse the answer.
_CONCESSIONS = (
    Concession(name="tool", pattern=r"output.?config|text.?format|structured|schema", without=_with_tool),
    Concession(name="plain", pattern=r"tool|schema", without=dropping("toolConfig")),
    Concession(name="temperature", pattern=r"temperature", without=_without_temperature),
)


class Bedrock:
    """One region and one model or inference profile."""

    name = NAME

    def __init__(
        self,
        section: settings.Bedrock,
        *,
        model: str,
        max_output_tokens: int,
        clock: Clock | None = None,
        prices: Prices | None = None,
    ) -> None:
        self.model = model
        self.token_budget = max(section.context_tokens - max_output_tokens, 1)
        self._aws = Aws(section)
        self._clock = clock or SystemClock()
        self._prices = prices or listed()
        self._timeouts = Timeouts(connect=section.connect_timeout, read=section.read_timeout, total=section.timeout)
        self._concessions = Concessions(_CONCESSIONS)

    def complete(self, prompt: Prompt, watch: Watch) -> Completion:
        """See `Provider`."""
        call = Call("Bedrock", watch, self._timeouts, self._clock)
        model = prompt.model or self.model
        while True:
            tried, body = self._concessions.apply(model, _question(prompt))
            try:
                with call.open(), self._aws.events(call, {"modelId": model, **body}) as events:
                    counted = self._read(events, call)
                break
            except Refused as refused:
                # once a stream has begun, nothing that we could leave out will mend it
                may_concede = refused.refusal.status == 400
                if not may_concede or not self._concessions.learn(model, refused.refusal.signal, tried):
                    raise self._error(refused, prompt) from refused
        return Completion(
            text=call.text, model=model, usage=self._prices.usage(NAME, model, prompt, call.text, counted)
        )

    def health(self) -> Health:
        """See `Provider`."""
        return probe(NAME, self._look)

    def offer(self) -> Offer:
        """The configured one: the others are listed by another service of AWS, with permissions of its own."""
        detail = "The configured one. A caller may name any other that the account has access to."
        return Offer(provider=NAME, model=self.model, models=(self.model,), listed=False, detail=detail)

    def _read(self, events: Iterator[Mapping[str, Any]], call: Call) -> Counted:
        """Hear the events to their end; the tokens they tell."""
        end, counted = None, Counted()
        for event in events:
            delta = event.get("contentBlockDelta", {}).get("delta", {})
            call.hear(delta.get("text") or delta.get("toolUse", {}).get("input"))
            end = event.get("messageStop", {}).get("stopReason", end)
            if told := event.get("metadata", {}).get("usage"):
                counted = Counted(
                    prompt_tokens=count(told.get("inputTokens")), completion_tokens=count(told.get("outputTokens"))
                )
        if not isinstance(end, str):
            raise ProviderUnavailable("Bedrock ended its answer before it was done.")
        if (kind := _ENDS.get(end)) is not None:
            raise kind
        return counted

    def _error(self, refused: Refused, prompt: Prompt) -> ProviderError:
        secrets = (prompt.system, *(message.content for message in prompt.messages))
        return error_of(refused.refusal, "Bedrock", _SIGNALS, secrets=secrets, advice=_ADVICE)

    def _look(self, call: Call) -> str:
        """Credentials and a way there. The model is not asked: every call to it costs."""
        line = self._aws.line()
        if not line.has_credentials:
            raise ProviderMisconfigured(
                "There are no AWS credentials: set `AWS_PROFILE`, `AWS_ACCESS_KEY_ID` or `AWS_BEARER_TOKEN_BEDROCK`."
            )
        with closing(line.http.send(call, "GET", "/", headers={"Accept": "application/json"})) as reply:
            if reply.status >= 500:
                raise ProviderUnavailable(f"{line.http.place} answered {reply.status}: try again later.")
        return f"{line.http.place} answers; {self.model} was not asked, because asking costs."


def _question(prompt: Prompt) -> Body:
    schema = {"name": _TOOL, "schema": json.dumps(strict(prompt.schema))}
    return {
        "system": [{"text": prompt.system}],
        "messages": [{"role": message.role, "content": [{"text": message.content}]} for message in prompt.messages],
        "inferenceConfig": {"maxTokens": prompt.max_output_tokens, "temperature": 0.0},
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}},
    }
