"""Ollama: a model on our own machines, over `/api/chat`."""

import json
import re
from collections.abc import Mapping
from contextlib import closing

from app import settings
from app.clock import SystemClock
from app.domain.errors import (
    AnswerTruncated,
    PromptTooLong,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderUnavailable,
)
from app.domain.offers import Offer
from app.domain.ports import Clock, Health, Watch
from app.domain.prompts import Completion, Prompt
from app.providers.calls import Call, Timeouts
from app.providers.http import Http, Reply, json_object
from app.providers.prices import Counted, Prices, count, listed
from app.providers.probes import names_of, offer, probe
from app.providers.refusals import Refusal, Signals, error_of, retry_after

NAME = "ollama"
_JSON = {"Content-Type": "application/json", "Accept": "application/x-ndjson", "Accept-Encoding": "identity"}
_SIGNALS: Signals = (
    (r"^503 .*(busy|pending|queue)", ProviderThrottled),
    (r"model .*not found|try pulling it", ProviderMisconfigured),
    # memory comes back when other models are unloaded
    (r"more system memory|out of memory", ProviderUnavailable),
)
#: No tokenizer in use joins a run of letters to a run of digits, or either to the next one over a gap.
_RUN = re.compile(r"[^\W\d_]+|\d+")


class Ollama:
    """One Ollama server and one model of it."""

    name = NAME

    def __init__(
        self,
        section: settings.Ollama,
        *,
        model: str,
        max_output_tokens: int,
        clock: Clock | None = None,
        prices: Prices | None = None,
    ) -> None:
        self.model = model
        self.token_budget = max(section.num_ctx - max_output_tokens, 1)
        self._section = section
        self._clock = clock or SystemClock()
        self._prices = prices or listed()
        self._http = Http("Ollama", section.url)
        self._timeouts = Timeouts(connect=section.connect_timeout, read=section.read_timeout, total=section.timeout)

    def complete(self, prompt: Prompt, watch: Watch) -> Completion:
        """See `Provider`."""
        call = Call(self._http.place, watch, self._timeouts, self._clock)
        model = prompt.model or self.model
        with call.open(), closing(self._post(call, "/api/chat", self._question(prompt, model))) as reply:
            if reply.status != 200:
                raise self._refused(_refusal(reply), prompt, model)
            last = self._read(reply, call, prompt, model)
            reply.drain()
        counted = Counted(prompt_tokens=_told(last), completion_tokens=count(last.get("eval_count")))
        answered = last.get("model")
        return Completion(
            text=call.text,
            model=answered if isinstance(answered, str) and answered else model,
            usage=self._prices.usage(NAME, model, prompt, call.text, counted),
        )

    def health(self) -> Health:
        """See `Provider`."""
        return probe(NAME, self._look)

    def offer(self) -> Offer:
        """See `Provider`."""
        return offer(NAME, self.model, self._list)

    def _question(self, prompt: Prompt, model: str) -> dict[str, object]:
        return {
            "model": model,
            "messages": [
                {"role": "system", "content": prompt.system},
                *({"role": message.role, "content": message.content} for message in prompt.messages),
            ],
            "format": prompt.schema,
            "stream": True,
            # A thinking model would spend the answer's tokens before it answers.
            "think": False,
            # Newer servers then refuse what does not fit, and end instead of forgetting the beginning.
            "truncate": False,
            "shift": False,
            "keep_alive": self._section.keep_alive,
            "options": {
                "num_ctx": self._section.num_ctx,
                "num_predict": prompt.max_output_tokens,
                "temperature": 0,
            },
        }

    def _post(self, call: Call, path: str, body: Mapping[str, object]) -> Reply:
        return self._http.send(call, "POST", path, headers=_JSON, body=json.dumps(body).encode())

    def _read(self, reply: Reply, call: Call, prompt: Prompt, model: str) -> dict[str, object]:
        """Hear the stream to its end; its last object."""
        for line in reply.lines():
            if not line.strip():
                continue
            part = json_object(line)
            if isinstance(error := part.get("error"), str):
                raise self._refused(Refusal(status=0, message=error), prompt, model)
            message = part.get("message")
            if not part or not isinstance(message, dict | None):
                raise ProviderUnavailable(f"{self._http.place} sent something that is not Ollama's protocol.")
            call.hear((message or {}).get("content"))
            if part.get("done") is True:
                self._examine(part, prompt)
                return part
        raise ProviderUnavailable(f"{self._http.place} ended its answer before it was done.")

    def _examine(self, last: Mapping[str, object], prompt: Prompt) -> None:
        """Was the prompt read whole and the answer written whole?"""
        if was_cut(last, prompt, self._section.num_ctx):
            raise PromptTooLong(
                f"{self._http.place} cut the prompt to fit its context window ({self._section.num_ctx} tokens at most)."
            )
        if last.get("done_reason") == "length":
            raise AnswerTruncated
        if last.get("done_reason") in {"load", "unload"}:
            raise ProviderUnavailable(f"{self._http.place} loaded the model and did not answer.")

    def _refused(self, refusal: Refusal, prompt: Prompt, model: str) -> Exception:
        secrets = (prompt.system, *(message.content for message in prompt.messages))
        pull = f"Run `ollama pull {model}` there, or name another model in `ollama.model`."
        advice = pull if refusal.status in {0, 404} else "Check `ollama.url`."
        return error_of(refusal, self._http.place, _SIGNALS, secrets=secrets, advice=advice)

    def _look(self, call: Call) -> str:
        with closing(self._post(call, "/api/show", {"model": self.model})) as reply:
            if reply.status == 404:
                raise ProviderMisconfigured(
                    f"{self._http.place} does not have {self.model}: run `ollama pull {self.model}` there."
                )
            if reply.status != 200:
                raise ProviderUnavailable(f"{self._http.place} answered {reply.status}: check `ollama.url`.")
            shown = reply.document()
        window = _trained_window(shown)
        if window and window < self._section.num_ctx:
            return f"{self.model} is there; it reads at most {window} tokens: lower `ollama.num_ctx` to that."
        return f"{self.model} is there."

    def _list(self, call: Call) -> list[str]:
        with closing(self._http.send(call, "GET", "/api/tags", headers={"Accept": "application/json"})) as reply:
            found = reply.document().get("models") if reply.status == 200 else None
        return names_of(found, "name", self._http.place)


def was_cut(last: Mapping[str, object], prompt: Prompt, num_ctx: int) -> bool:
    """Did the server drop a part of the prompt without saying so?

    `last` is the stream's last object. Servers that know `truncate: false` refuse instead; older ones cut the prompt
    down to between half of and the whole window, or forget its beginning while they answer, and only
    `prompt_eval_count` tells. Two sound bounds around our estimate, which itself is too high on purpose:

    - prompt and answer together fill the window: something had to go, or is about to;
    - fewer tokens were read than the prompt has runs of letters and digits: no tokenizer gets below that.

    A count that is missing or 0 says nothing: early servers left it out when the prompt was cached. Those, and 0.30.0
    for some weeks, did not count cached tokens at all; a prompt repeated there is taken for cut, and made shorter.
    """
    read = count(last.get("prompt_eval_count"))
    if not read:
        return False
    written = count(last.get("eval_count")) or 0
    if read + written >= num_ctx:
        return True
    texts = (prompt.system, *(message.content for message in prompt.messages))
    return read < sum(1 for text in texts for _ in _RUN.finditer(text))


def _told(last: Mapping[str, object]) -> int | None:
    return count(last.get("prompt_eval_count")) or None


def _refusal(reply: Reply) -> Refusal:
    error = reply.document().get("error")
    message = error if isinstance(error, str) else ""
    return Refusal(status=reply.status, message=message, retry_after=retry_after(reply.headers))


def _trained_window(shown: Mapping[str, object]) -> int | None:
    information = shown.get("model_info")
    if not isinstance(information, dict):
        return None
    return next((count(value) for name, value in information.items() if str(name).endswith(".context_length")), None)
