"""Mixed requests of a Heimdall: both spellings, some poison, some sent twice; and whether a result is right."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from confluent_kafka import Message

from app.domain.records import Spelling
from tests.support.heimdall import POISON, PRIORITIES, fields_of, request, spelled
from tests.support.sample_logs import OOM

#: Different logs: others are answered from the cache or share a call.
LOGS = 50
POISONED, REDELIVERED = 0.02, 0.05
FIELDS = {
    Spelling.SNAKE: {
        "request_id", "correlation_id", "timestamp", "log_id", "analysis_result", "bifrost_analysis_id", "model",
        "duration_seconds",
    },
    Spelling.CAMEL: {
        "requestId", "correlationId", "timestamp", "logId", "analysisResult", "bifrostAnalysisId", "model",
        "durationSeconds",
    },
}  # fmt: skip
_SEVERITIES = frozenset({"LOW", "MEDIUM", "HIGH", "CRITICAL"})
#: Key and value.
Records = list[tuple[str | None, bytes | None]]


@dataclass(kw_only=True)
class Wave:
    """What was sent."""

    #: Request id -> the fields of it, and how they were spelled.
    requests: dict[str, tuple[dict[str, object], Spelling]] = field(default_factory=dict)
    #: Key -> its bytes, and what is wrong with it.
    poison: dict[str, tuple[bytes | None, str]] = field(default_factory=dict)


def wave(count: int, chance: random.Random, *, name: str, poisoned: float = POISONED) -> tuple[Wave, Records]:
    """What to expect, and the records. The correlation ids and the keys of the poison begin with `name`."""
    sent, records, kinds = Wave(), Records(), sorted(POISON)
    for number in range(count):
        mark = f"{name}-{number}"
        if chance.random() < poisoned:
            kind = chance.choice(kinds)
            value = POISON[kind][0]()
            sent.poison[mark] = value, kind
            records.append((mark, value))
            continue
        fields = request(
            chance.randrange(300),
            log_content=f"{OOM}of kind {chance.randrange(LOGS)}\n",
            priority=chance.choice(PRIORITIES),
            service_name=chance.choice(["a", None]),
            correlation_id=mark,
        )
        spelling = chance.choice(list(Spelling))
        sent.requests[str(fields["request_id"])] = fields, spelling
        records += [(str(fields["log_id"]), spelled(fields, spelling))] * (2 if chance.random() < REDELIVERED else 1)
    return sent, records


def answered_by(message: Message) -> str:
    """The request id in a result."""
    told = fields_of(message)
    return str(told.get("request_id") or told.get("requestId"))


def complaints(sent: Wave, results: list[Message]) -> list[str]:
    """What is wrong with the results, those of others aside; and which requests have none."""
    heard: Counter[str] = Counter()
    found = []
    for message in results:
        request_id = answered_by(message)
        if request_id in sent.requests:
            heard[request_id] += 1
            found += [f"the result of {request_id}: {what}" for what in _wrong(message, *sent.requests[request_id])]
    return [*found, *(f"no result of {request_id}" for request_id in sent.requests if not heard[request_id])]


def _wrong(message: Message, fields: dict[str, object], spelling: Spelling) -> Iterator[str]:
    told = fields_of(message)
    if set(told) != FIELDS[spelling] or None in told.values():
        yield f"its fields are {sorted(told)}, spelled as {spelling}"
        return
    if message.key() != str(fields["log_id"]).encode():
        yield f"its key is {message.key()!r}"
    if (told.get("correlation_id") or told.get("correlationId")) != fields["correlation_id"]:
        yield "its correlation id is another one"
    answer = told.get("analysis_result") or told["analysisResult"]
    if not (isinstance(answer, dict) and answer["severity"] in _SEVERITIES and 0 <= answer["confidence"] <= 1):
        yield f"its answer is {answer}"
