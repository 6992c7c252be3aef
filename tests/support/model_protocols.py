"""The three wire formats of the model server: how each says a piece, an end and an error."""

import json
import struct
import zlib
from dataclasses import dataclass
from typing import ClassVar

#: kind of error -> (HTTP status, OpenAI's code, Bedrock's exception, the message of all three)
ERRORS = {
    "throttled": (429, "rate_limit_exceeded", "ThrottlingException", "Too many requests, please wait."),
    "quota": (429, "insufficient_quota", "ServiceQuotaExceededException", "You exceeded your current quota."),
    "internal": (500, "server_error", "InternalServerException", "The server had an error."),
    "unavailable": (503, "overloaded", "ServiceUnavailableException", "The service is unavailable."),
    "unauthorized": (401, "invalid_api_key", "UnrecognizedClientException", "The key is not valid."),
    "forbidden": (403, "forbidden", "AccessDeniedException", "You do not have access to the model."),
    "not_found": (404, "model_not_found", "ResourceNotFoundException", "model 'm' not found"),
    "too_long": (400, "context_length_exceeded", "ValidationException", "Input is too long for the context length."),
    "invalid": (400, "invalid_request_error", "ValidationException", "The request is not valid."),
    "no_schema": (
        400,
        "invalid_request_error",
        "ValidationException",
        "response_format json_schema / output_config.format: Extra inputs are not permitted",
    ),
    "no_tool": (400, "invalid_request_error", "ValidationException", "This model does not support toolConfig."),
    "not_ready": (429, "not_ready", "ModelNotReadyException", "The model is not ready."),
    "model_timeout": (408, "timeout", "ModelTimeoutException", "The model took too long."),
    "model_error": (424, "model_error", "ModelErrorException", "The model failed."),
    "queue_full": (503, "overloaded", "ServiceUnavailableException", "server busy, maximum pending requests exceeded"),
    "filtered": (400, "content_filter", "ValidationException", "Blocked by the content management policy."),
}


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens as the server tells them; None: it does not."""

    prompt: int | None = 2000
    completion: int | None = 40


class Protocol:
    """One wire format."""

    content_type: ClassVar[str]

    def start(self) -> bytes:
        return b""

    def piece(self, text: str) -> bytes:
        raise NotImplementedError

    def end(self, reason: str, usage: Usage) -> bytes:
        """`reason` is "stop", "length" or "filtered"."""
        raise NotImplementedError

    def error_inside(self, kind: str) -> bytes:
        raise NotImplementedError

    def error(self, kind: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of an error before the stream."""
        raise NotImplementedError


class Ollama(Protocol):
    content_type = "application/x-ndjson"

    def _line(self, **part) -> bytes:
        return json.dumps({"model": "m", "created_at": "2026-01-01T00:00:00Z", **part}).encode() + b"\n"

    def piece(self, text):
        return self._line(message={"role": "assistant", "content": text}, done=False)

    def end(self, reason, usage):
        counts = {"prompt_eval_count": usage.prompt, "eval_count": usage.completion}
        told = {name: value for name, value in counts.items() if value is not None}
        return self._line(message={"role": "assistant", "content": ""}, done=True, done_reason=reason, **told)

    def error_inside(self, kind):
        return json.dumps({"error": ERRORS[kind][3]}).encode() + b"\n"

    def error(self, kind):
        return {"Content-Type": "application/json"}, self.error_inside(kind)


class OpenAI(Protocol):
    content_type = "text/event-stream"

    def _event(self, **part) -> bytes:
        return (
            b"data: "
            + json.dumps({"id": "c", "object": "chat.completion.chunk", "model": "m", **part}).encode()
            + b"\n\n"
        )

    def start(self):
        return b": a comment keeps the line warm\n\n" + self._choice({"role": "assistant", "content": ""}, None)

    def _choice(self, delta, reason) -> bytes:
        return self._event(choices=[{"index": 0, "delta": delta, "finish_reason": reason}])

    def piece(self, text):
        return self._choice({"content": text}, None)

    def end(self, reason, usage):
        told = b""
        if usage.prompt is not None:
            told = self._event(choices=[], usage={"prompt_tokens": usage.prompt, "completion_tokens": usage.completion})
        reason = {"filtered": "content_filter"}.get(reason, reason)
        return self._choice({}, reason) + told + b"data: [DONE]\n\n"

    def _error(self, kind) -> bytes:
        _, code, _, message = ERRORS[kind]
        return json.dumps({"error": {"message": message, "type": code, "code": code, "param": None}}).encode()

    def error_inside(self, kind):
        return b"data: " + self._error(kind) + b"\n\n"

    def error(self, kind):
        return {"Content-Type": "application/json"}, self._error(kind)


class Bedrock(Protocol):
    content_type = "application/vnd.amazon.eventstream"

    def __init__(self, *, tool: bool = False) -> None:
        self._tool = tool

    def start(self):
        return event("messageStart", {"role": "assistant"})

    def piece(self, text):
        delta = {"toolUse": {"input": text}} if self._tool else {"text": text}
        return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta})

    def end(self, reason, usage):
        stop = {"stop": "end_turn", "length": "max_tokens", "filtered": "guardrail_intervened"}.get(reason, reason)
        told = b""
        if usage.prompt is not None:
            tokens = {"inputTokens": usage.prompt, "outputTokens": usage.completion}
            total = {"totalTokens": usage.prompt + (usage.completion or 0)}
            told = event("metadata", {"usage": tokens | total, "metrics": {"latencyMs": 1}})
        return event("contentBlockStop", {"contentBlockIndex": 0}) + event("messageStop", {"stopReason": stop}) + told

    def error_inside(self, kind):
        name = ERRORS[kind][2]
        return event(name[0].lower() + name[1:], {"message": ERRORS[kind][3]}, exception=True)

    def error(self, kind):
        _, _, name, message = ERRORS[kind]
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": f"{name}:http://internal.amazon.com/"}
        return headers, json.dumps({"message": message}).encode()


def event(name: str, payload: dict, *, exception: bool = False) -> bytes:
    """One message of AWS's event stream: lengths, CRC of the prelude, headers, payload, CRC of it all."""
    kind = "exception" if exception else "event"
    headers = (
        _header(f":{kind}-type", name) + _header(":content-type", "application/json") + _header(":message-type", kind)
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack("!I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
