"""From what ended to what is published: results in the spelling of their request, dead letters as they came. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic.alias_generators import to_camel

from app.domain.analyses import Analysis, Failure, Status
from app.domain.errors import CancelRequested
from app.domain.records import Answered, DeadRecord, Event, Headers, Record, RecordStage, Spelling

#: No fraction: Heimdall's mapper reads exactly this.
_PATTERN = "%Y-%m-%dT%H:%M:%SZ"
_PREFIX = "bifrost.error."


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One record to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def moment(at: datetime) -> str:
    """UTC, in whole seconds."""
    return at.astimezone(UTC).strftime(_PATTERN)


def result(event: Event, answer: Answered, now: datetime) -> Outgoing:
    """The result of a completed analysis; see `is_answerable`."""
    asked = event.callback
    name = _NAMES[Spelling(str(asked["spelling"]))]
    fields = {
        name("request_id"): answer.request_id,
        name("correlation_id"): answer.correlation_id,
        name("timestamp"): moment(now),
        name("log_id"): asked["log_id"],
        name("analysis_result"): {
            name("summary"): answer.summary,
            name("root_cause"): answer.root_cause,
            name("recommendation"): answer.recommendation,
            name("severity"): answer.severity,
            name("confidence"): float(answer.confidence or 0.0),
        },
        name("bifrost_analysis_id"): answer.analysis_id,
        name("model"): answer.model or "unknown",
        name("duration_seconds"): round(float(answer.duration_seconds or 0.0), 3),
    }
    headers = [
        ("bifrost-degraded", _truth(answer.degraded)),
        ("bifrost-cached", _truth(answer.cached)),
        ("bifrost-attempts", str(answer.attempts).encode()),
    ]
    return Outgoing(
        topic=str(asked["topic"]), key=str(asked["log_id"]).encode(), value=orjson.dumps(fields), headers=headers
    )


def is_answerable(answer: Answered) -> bool:
    """It has everything that a result must have: no field is null."""
    told = (answer.summary, answer.root_cause, answer.recommendation, answer.severity)
    return answer.status is Status.COMPLETED and None not in told


def dead_letter(topic: str, letter: DeadRecord, now: datetime) -> Outgoing:
    """The bytes and headers as they came, and beside them what was wrong."""
    record = letter.record
    about: dict[str, str | None] = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "stage": letter.stage.value,
        "class": letter.error.code,
        "message": letter.error.detail,
        "attempt": str(letter.attempt),
        "at": moment(now),
        "correlation_id": letter.correlation_id,
    }
    # those of an earlier death are over
    kept = [(name, value) for name, value in record.headers if not name.startswith(_PREFIX)]
    told = [(_PREFIX + name, value.encode(errors="replace")) for name, value in about.items() if value is not None]
    return Outgoing(topic=topic, key=record.key, value=record.value, headers=[*kept, *told])


def unanswered(event: Event, answer: Answered, analysis: Analysis) -> DeadRecord:
    """The dead letter of a request whose analysis ended without a diagnosis.

    Its bytes are put together anew, with the same names and values: those that came were accepted, and not kept.
    """
    asked = event.callback
    name = _NAMES[Spelling(str(asked["spelling"]))]
    fields: dict[str, Any] = {
        name("request_id"): answer.request_id,
        name("timestamp"): moment(analysis.created_at),
        name("log_id"): asked["log_id"],
        name("log_content"): analysis.log_content or "",
        name("service_name"): analysis.service_name,
        name("environment"): analysis.environment,
        name("analysis_type"): analysis.analysis_type,
        name("priority"): analysis.priority.name,
        name("callback_topic"): asked["topic"],
        name("correlation_id"): answer.correlation_id,
        name("metadata"): dict(analysis.metadata),
    }
    topic, partition, offset = _origin(asked)
    return DeadRecord(
        record=Record(
            topic=topic,
            partition=partition,
            offset=offset,
            key=str(asked["log_id"]).encode(),
            value=orjson.dumps(fields),
        ),
        stage=RecordStage.PUBLISH,
        error=answer.error or Failure.of(CancelRequested()),
        attempt=analysis.replays + 1,
        correlation_id=answer.correlation_id,
    )


def _origin(asked: Mapping[str, Any]) -> tuple[str, int, int]:
    topic, partition, offset = asked["from"]
    return str(topic), int(partition), int(offset)


def _truth(value: bool) -> bytes:
    return b"true" if value else b"false"


#: Every name of a result, spelled once: this runs for each of thousands in a second.
_CAMEL: dict[str, str] = {}


def _camel(name: str) -> str:
    return _CAMEL.get(name) or _CAMEL.setdefault(name, to_camel(name))


_NAMES: Mapping[Spelling, Callable[[str], str]] = {Spelling.SNAKE: str, Spelling.CAMEL: _camel}
