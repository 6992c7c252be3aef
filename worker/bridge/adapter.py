"""From a record to a request, in either spelling; whatever is wrong with it is an answer, never an exception. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pydantic_core
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from app.domain.analyses import Failure, Source, Submission
from app.domain.errors import (
    BifrostError,
    CallbackTopicRefused,
    LogEmpty,
    LogTooLarge,
    RecordInvalid,
    RecordTooLarge,
    RecordUnreadable,
)
from app.domain.records import DeadRecord, Record, RecordStage, Request, Spelling
from app.pipeline.decoding import clean
from app.services.fingerprinting import sha256_of
from worker.bridge.asked import CORRELATION_CHARS, MODELS, Asked
from worker.bridge.trees import TooDeep, cleaned

#: Request ids are idempotency keys, apart from those that callers of the API choose.
KEY_PREFIX = "heimdall:"
#: Most complaints that a dead letter repeats, and how long it is.
_COMPLAINTS = 5
_DETAIL_CHARS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestLimits:
    """What a record may hold, and where its result may go. See `app.settings.Limits` and `Kafka` for the defaults."""

    max_record_bytes: int
    max_log_bytes: int
    max_name_chars: int
    max_metadata_bytes: int
    max_json_depth: int
    result_topic: str
    #: The one above included.
    callback_topics: frozenset[str]


class Reader:
    """`read(record)` is a `Request` or a `DeadRecord`; it raises nothing."""

    def __init__(self, limits: RequestLimits, *, project_id: int, source: Source = Source.AUTO) -> None:
        self._limits = limits
        self._project_id = project_id
        self._source = source

    def read(self, record: Record, *, attempt: int = 1) -> Request | DeadRecord:
        """What the record asks for, or why it cannot be told."""
        stage, fields = RecordStage.DECODE, None
        try:
            fields = self._decoded(record)
            stage = RecordStage.VALIDATE
            return self._request(record, fields)
        except BifrostError as error:
            failure = Failure.of(error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not stop the topic; the record is kept
            failure = Failure(code=BifrostError.code, detail=f"Bifrost made a mistake: {error!r}", retryable=True)
        return dead(record, stage, failure, fields=fields, attempt=attempt)

    def _decoded(self, record: Record) -> Mapping[str, Any]:
        value = record.value
        if value is None or not value:
            raise RecordUnreadable("The record is empty.")
        if len(value) > self._limits.max_record_bytes:
            most = self._limits.max_record_bytes
            raise RecordTooLarge(f"The record has {len(value):,} bytes; kafka.max_record_bytes is {most:,}.")
        found = _parsed(value)
        if not isinstance(found, dict):
            raise RecordUnreadable(f"The record is JSON, but a {_KINDS.get(type(found), 'number')} and not an object.")
        return found

    def _request(self, record: Record, fields: Mapping[str, Any]) -> Request:
        spelling = spelling_of(fields)
        try:
            asked = MODELS[spelling].model_validate(fields)
        except ValidationError as error:
            raise RecordInvalid(_complaints(error)) from None
        topic = asked.callback_topic if asked.callback_topic is not None else self._limits.result_topic
        if topic not in self._limits.callback_topics:
            # neither its value nor what is allowed: this goes to a topic that the sender may read
            raise CallbackTopicRefused("callback_topic: the bridge does not publish there (kafka.callback_topics)")
        self._check_names(asked)
        decoded = clean(asked.log_content)
        self._check_log(decoded.text)
        metadata = self._metadata(asked.metadata or {})
        correlation_id = asked.correlation_id if asked.correlation_id is not None else asked.request_id
        return Request(
            record=record,
            submission=Submission(
                project_id=self._project_id,
                log=decoded.text,
                bytes_replaced=decoded.bytes_replaced,
                source=self._source,
                service_name=asked.service_name,
                environment=asked.environment,
                analysis_type=asked.analysis_type,
                priority=asked.priority,
                metadata=metadata,
                idempotency_key=KEY_PREFIX + asked.request_id.lower(),
                callback={
                    "kind": "kafka",
                    "topic": topic,
                    "spelling": spelling,
                    "log_id": asked.log_id,
                    "key": f"{KEY_PREFIX}{asked.log_id}",
                    "from": [record.topic, record.partition, record.offset],
                },
                request_id=asked.request_id,
                correlation_id=correlation_id,
            ),
            # what was asked, and not how: the same request in the other spelling is the same request
            request_hash=sha256_of(
                (
                    asked.log_id,
                    decoded.text,
                    asked.service_name,
                    asked.environment,
                    asked.analysis_type,
                    asked.priority,
                    asked.callback_topic,
                    correlation_id,
                    metadata,
                )
            ),
        )

    def _check_names(self, asked: Asked) -> None:
        most = self._limits.max_name_chars
        for name in ("service_name", "environment"):
            if len(getattr(asked, name)) > most:
                raise RecordInvalid(f"{name}: at most {most} characters (limits.max_name_chars)")
        if asked.correlation_id is not None and cleaned(asked.correlation_id) != asked.correlation_id:
            raise RecordInvalid("correlation_id: must not contain NUL or lone surrogates")

    def _check_log(self, text: str) -> None:
        size = len(text) if text.isascii() else len(text.encode())
        if size > self._limits.max_log_bytes:
            raise LogTooLarge(f"The log has {size:,} bytes; limits.max_log_bytes is {self._limits.max_log_bytes:,}.")
        if not text or text.isspace():
            raise LogEmpty

    def _metadata(self, given: dict[str, Any]) -> dict[str, Any]:
        """As the database can store it."""
        if not given:
            return {}
        try:
            found = cleaned(given, self._limits.max_json_depth)
            size = len(orjson.dumps(found))
        except TooDeep:
            most = self._limits.max_json_depth
            raise RecordInvalid(f"metadata: nested more than {most} levels deep (limits.max_json_depth)") from None
        except TypeError:
            raise RecordInvalid("metadata: a number has more than 64 bits") from None
        if size > self._limits.max_metadata_bytes:
            most = self._limits.max_metadata_bytes
            raise RecordInvalid(f"metadata: at most {most:,} bytes as JSON (limits.max_metadata_bytes)")
        assert isinstance(found, dict)
        return found


def spelling_of(fields: Mapping[str, Any]) -> Spelling:
    """The one of its request id: a request has one spelling throughout."""
    return Spelling.CAMEL if "requestId" in fields and "request_id" not in fields else Spelling.SNAKE


def dead(
    record: Record,
    stage: RecordStage,
    error: Failure,
    *,
    fields: Mapping[str, Any] | None = None,
    attempt: int = 1,
) -> DeadRecord:
    """With what little of the record can be told for sure."""
    known: dict[str, str] = {}
    for name in ("request_id", "correlation_id", "service_name", "environment"):
        for spelled in (name, to_camel(name)):
            value = (fields or {}).get(spelled)
            if isinstance(value, str) and value and len(value) <= CORRELATION_CHARS and value.isprintable():
                known.setdefault(name, value)
    return DeadRecord(record=record, stage=stage, error=error, attempt=attempt, **known)


_KINDS: Mapping[type, str] = {list: "list", str: "text", bool: "truth value", type(None): "null"}


def _parsed(value: bytes) -> object:
    try:
        return pydantic_core.from_json(value, allow_inf_nan=False)
    except ValueError as error:
        # A lone surrogate is a log that was cut in the middle of a character: Java writes it, and JSON allows it.
        if b"surrogate" not in str(error).encode() and b"unexpected end of hex escape" not in str(error).encode():
            raise RecordUnreadable(f"The record is not valid JSON: {_short(str(error))}") from None
    try:
        return json.loads(value.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RecordUnreadable(f"The record is not valid JSON: {_short(str(error))}") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _complaints(error: ValidationError) -> str:
    """What is wrong with which field; never its value."""
    found = error.errors(include_url=False, include_input=False)
    told = [f"{'.'.join(map(str, one['loc']))}: {_plain(one['msg'])}" for one in found[:_COMPLAINTS]]
    more = [f"and {len(found) - _COMPLAINTS} more"] if len(found) > _COMPLAINTS else []
    return _short("; ".join([*told, *more]))


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _short(text: str) -> str:
    return text if len(text) <= _DETAIL_CHARS else text[: _DETAIL_CHARS - 1] + "…"
