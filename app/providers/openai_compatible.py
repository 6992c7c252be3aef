"""Any server that speaks OpenAI's chat completions: OpenAI, vLLM, llama.cpp, LM Studio, gateways."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing

from app import settings
from app.clock import SystemClock
from app.domain.errors import (
    AnswerRefused,
    AnswerTruncated,
    ProviderError,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderUnavailable,
)
from app.domain.offers import Offer
from app.domain.ports import Clock, Health, Watch
from app.domain.prompts import Completion, Prompt
from app.providers.calls import Call, Timeouts
from app.providers.concessions import Body, Concession, Concessions, dropping
from app.providers.http import Http, Reply, json_object
from app.providers.prices import Counted, Prices, count, listed
from app.providers.probes import names_of, offer, probe
from app.providers.refusals import Refusal, Signals, error_of, retry_after
from app.providers.schemas import strict

NAME = "openai_compatible"
_SIGNALS: Signals = (
    # a 429 that no waiting cures
    (r"insufficient_quota|billing|exceeded your current quota", ProviderMisconfigured),
    (r"rate.?limit|^\d+ 429:", ProviderThrottled),
    (r"invalid_api_key|model_not_found|authentication", ProviderMisconfigured),
)
#: Servers differ in what they know; OpenAI's newest models refuse what every other server needs.
_CONCESSIONS = (
    # refusing to constrain the answer is no reason to refuse the answer: the prompt asks for JSON too
    Concession(
        name="format", pattern=r"response_format|json_schema|schema|grammar", without=dropping("response_format")
    ),
    Concession(name="usage", pattern=r"stream_options|include_usage", without=dropping("stream_options")),
    Concession(
        name="max_completion_tokens",
        pattern=r"max_completion_tokens|unsupported.{0,40}max_tokens",
        without=lambda body: {
            "max_completion_tokens" if name == "max_tokens" else name: value for name, value in body.items()
        },
    ),
    Concession(name="temperature", pattern=r"temperature", without=dropping("temperature")),
)
_ENDS: Mapping[str, type[ProviderError]] = {"length": AnswerTruncated, "content_filter": AnswerRefused}


class OpenaiCompatible:
    """One server and one model of it."""

    name = NAME

    def __init__(
        self,
        section: settings.OpenaiCompatible,
        *,
        model: str,
        api_key: str | None,
        max_output_tokens: int,
        clock: Clock | None = None,
        prices: Prices | None = None,
    ) -> None:
        self.model = model
        self.token_budget = max(section.context_tokens - max_output_tokens, 1)
        self._key = api_key
        self._prices = prices or listed()
        self._clock = clock or SystemClock()
        self._http = Http("The model server", section.url or "")
        self._timeouts = Timeouts(connect=section.connect_timeout, read=section.read_timeout, total=section.timeout)
        self._concessions = Concessions(_CONCESSIONS)

    def complete(self, prompt: Prompt, watch: Watch) -> Completion:
        """See `Provider`."""
        call = Call(self._http.place, watch, self._timeouts, self._clock)
        model = prompt.model or self.model
        with call.open(), closing(self._ask(call, prompt, model)) as reply:
            stream = _Stream(model=model)
            for part in _parts(reply):
                if (refusal := _refusal_in(part)) is not None:
                    raise self._refused(refusal, prompt)
                stream.take(part, call)
            reply.drain()
            if stream.ended_by is None:
                raise ProviderUnavailable(f"{self._http.place} ended its answer before it was done.")
        if (kind := _ENDS.get(stream.ended_by)) is not None:
            raise kind
        usage = self._prices.usage(NAME, stream.model, prompt, call.text, stream.counted)
        return Completion(text=call.text, model=stream.model, usage=usage)

    def health(self) -> Health:
        """See `Provider`."""
        return probe(NAME, self._look)

    def offer(self) -> Offer:
        """See `Provider`."""
        return offer(NAME, self.model, self._list)

    def _ask(self, call: Call, prompt: Prompt, model: str) -> Reply:
        """The open stream, after as many concessions as the server needs."""
        while True:
            tried, body = self._concessions.apply(model, _question(prompt, model))
            reply = self._http.send(
                call, "POST", "/chat/completions", headers=self._headers(), body=json.dumps(body).encode()
            )
            if reply.status == 200:
                return reply
            with closing(reply):
                refusal = _refusal(reply)
            if refusal.status not in {400, 422} or not self._concessions.learn(model, refusal.signal, tried):
                raise self._refused(refusal, prompt)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        return headers | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    def _refused(self, refusal: Refusal, prompt: Prompt) -> ProviderError:
        secrets = (self._key or "", prompt.system, *(message.content for message in prompt.messages))
        advice = "Check `openai_compatible.url`, `.model` and `.api_key`."
        return error_of(refusal, self._http.place, _SIGNALS, secrets=secrets, advice=advice)

    def _look(self, call: Call) -> str:
        with closing(self._http.send(call, "GET", "/models", headers=self._headers())) as reply:
            if reply.status in {401, 403}:
                raise ProviderMisconfigured(f"{self._http.place} refused the key: check `openai_compatible.api_key`.")
            if reply.status >= 500:
                raise ProviderUnavailable(f"{self._http.place} answered {reply.status}: try again later.")
            listed = reply.document().get("data") if reply.status == 200 else None
        if not isinstance(listed, list):
            return f"{self._http.place} answers, but lists no models: {self.model} was not checked."
        if self.model not in {entry.get("id") for entry in listed if isinstance(entry, dict)}:
            raise ProviderMisconfigured(
                f"{self._http.place} does not list {self.model}: check `openai_compatible.model`."
            )
        return f"{self.model} is there."

    def _list(self, call: Call) -> list[str]:
        with closing(self._http.send(call, "GET", "/models", headers=self._headers())) as reply:
            found = reply.document().get("data") if reply.status == 200 else None
        return names_of(found, "id", self._http.place)


class _Stream:
    """What the parts of one answer said besides its text."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.ended_by: str | None = None
        self.counted = Counted()

    def take(self, part: Mapping[str, object], call: Call) -> None:
        """One part: a chunk, a whole completion, or the end mark."""
        if isinstance(model := part.get("model"), str) and model:
            self.model = model
        if isinstance(told := part.get("usage"), dict):
            self.counted = Counted(
                prompt_tokens=count(told.get("prompt_tokens")), completion_tokens=count(told.get("completion_tokens"))
            )
        choice = _first(part.get("choices"))
        said = choice.get("delta") or choice.get("message")
        if isinstance(said, dict):
            if isinstance(said.get("refusal"), str) and said["refusal"]:
                raise AnswerRefused
            call.hear(said.get("content"))
        if isinstance(end := choice.get("finish_reason"), str):
            self.ended_by = end
        if part is _DONE and self.ended_by is None:
            self.ended_by = "stop"


#: The stream's own end mark, as a part.
_DONE: Mapping[str, object] = {"done": True}


def _question(prompt: Prompt, model: str) -> Body:
    schema = {"name": "diagnosis", "strict": True, "schema": strict(prompt.schema)}
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": prompt.system},
            *({"role": message.role, "content": message.content} for message in prompt.messages),
        ],
        "response_format": {"type": "json_schema", "json_schema": schema},
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": prompt.max_output_tokens,
        "temperature": 0,
    }


def _parts(reply: Reply) -> Iterator[Mapping[str, object]]:
    """The objects of the event stream up to its end mark, or the one of a server that does not stream."""
    if "json" in reply.headers.get("Content-Type", "").lower():
        yield _known(reply.document(), reply)
        return
    for line in reply.lines():
        name, _, value = line.partition(b":")
        if name == b"data":
            if value.strip() == b"[DONE]":
                yield _DONE
                return
            yield _known(json_object(value), reply)
        elif name.lstrip()[:1] == b"{":  # an error that is no event
            yield _known(json_object(line), reply)
        elif name not in {b"", b"event", b"id", b"retry"}:
            _known({}, reply)


def _known(part: Mapping[str, object], reply: Reply) -> Mapping[str, object]:
    if not part.keys() & {"choices", "error", "usage", "message", "detail", "object"}:
        raise ProviderUnavailable(f"{reply.place} sent something that is not the chat completions protocol.")
    return part


def _first(choices: object) -> dict[str, object]:
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def _refusal(reply: Reply) -> Refusal:
    return _refusal_in(reply.document(), reply.status, retry_after(reply.headers)) or Refusal(
        status=reply.status, retry_after=retry_after(reply.headers)
    )


def _refusal_in(part: Mapping[str, object], status: int = 0, wait: float | None = None) -> Refusal | None:
    """The error in a part, in the forms that servers give it: an object, a text, or the part itself."""
    error = part.get("error")
    if error is None and (status or part.get("object") == "error"):
        error = part.get("message") or part.get("detail") or (part if "message" in part else None)
    if not error:
        return None
    if not isinstance(error, dict):
        return Refusal(status=status, message=str(error), retry_after=wait)
    words = dict.fromkeys(str(error[name]) for name in ("code", "type", "param") if error.get(name))
    return Refusal(status=status, code=" ".join(words), message=str(error.get("message") or ""), retry_after=wait)
