"""A model's text to an answer: found in prose, repaired once, checked, bounded."""

import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any

import json_repair
import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.domain.diagnoses import Severity
from app.domain.errors import AnswerMalformed
from app.pipeline.decoding import clean

#: The form of an answer, within what every provider's structured output understands: no bounds, all names required.
ANSWER_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "summary": {"type": "string"},
        "root_cause": {"type": "string"},
        "recommendation": {"type": "string"},
        "severity": {"type": "string", "enum": [severity.value for severity in Severity]},
        "confidence": {"type": "number"},
        "issues_found": {"type": "boolean"},
        "evidence": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"line": {"type": "integer"}, "quote": {"type": "string"}},
                "required": ["line", "quote"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["summary", "root_cause", "recommendation", "severity", "confidence", "issues_found", "evidence"],
    "additionalProperties": False,
}

#: Characters of an answer that are looked at, and levels of nesting that are not absurd.
_ANSWER_CHARS = 200_000
_DEPTH = 32
#: Beyond these, a broken answer is not worth repairing.
_REPAIRED_CHARS, _REPAIRED_BRACKETS = 40_000, 1_000
_TEXT_CHARS, _SUMMARY_CHARS, _QUOTE_CHARS = 8_000, 2_000, 4_000
_EVIDENCE = 50

_THOUGHTS = ("</think>", "</thinking>", "</reasoning>")
_SEVERITIES = {
    **{severity.value.lower(): severity for severity in Severity},
    **dict.fromkeys(("info", "none", "informational", "minor", "낮음"), Severity.LOW),
    **dict.fromkeys(("warning", "warn", "moderate", "중간", "보통"), Severity.MEDIUM),
    **dict.fromkeys(("error", "major", "severe", "높음"), Severity.HIGH),
    **dict.fromkeys(("fatal", "emergency", "blocker", "심각", "치명적"), Severity.CRITICAL),
}
#: Brackets and whole strings; possessive, so that a string without an end costs no more than its length.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\]]', re.DOTALL)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _text(value: object) -> object:
    """Lists of steps become lines; null becomes nothing."""
    if isinstance(value, list | tuple):
        return "\n".join(str(part) for part in value)
    return "" if value is None else str(value) if isinstance(value, int | float) else value


def _severity(value: object) -> object:
    return _SEVERITIES.get(value.strip().strip(".").lower(), value) if isinstance(value, str) else value


def _confidence(value: object) -> object:
    """0.85, "0.85", 85, "85%", "high" -> 0.85."""
    if isinstance(value, str):
        words = {"low": 0.3, "medium": 0.6, "high": 0.85, "낮음": 0.3, "중간": 0.6, "높음": 0.85}
        found = _NUMBER.search(value)
        if not found:
            return words.get(value.strip().lower(), value)
        number = float(found[0]) / (100 if "%" in value else 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        return value
    if not math.isfinite(number):
        return 0.0
    number = number / 100 if number > 1 else number
    return min(max(number, 0.0), 1.0)


def _line(value: object) -> object:
    """17, "17", "line 17", "17-19", 17.0 -> 17; unknown -> 0."""
    if isinstance(value, str):
        found = re.search(r"\d{1,9}", value)
        return int(found[0]) if found else 0
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else 0
    return 0 if value is None else value


def _citation(value: object) -> object:
    """A string, with or without a number before it, or other names -> `{"line": 17, "quote": "text"}`."""
    if isinstance(value, str):
        found = re.match(r"\s*(?:\[?(?:line|L)?\s*#?(\d{1,9})\]?\s*[|:]\s?)(.*)", value, re.DOTALL | re.IGNORECASE)
        return {"line": int(found[1]), "quote": found[2]} if found else {"line": 0, "quote": value}
    if isinstance(value, int):
        return {"line": value, "quote": ""}
    if isinstance(value, dict):
        line = next(
            (value[name] for name in ("line", "line_number", "lineNumber", "number", "lines") if name in value), 0
        )
        quote = next((value[name] for name in ("quote", "text", "content", "snippet", "message") if name in value), "")
        return {"line": line[0] if isinstance(line, list) and line else line, "quote": quote}
    return value


def _citations(value: object) -> object:
    if value is None:
        return []
    listed = value if isinstance(value, list | tuple) else [value]
    return [_citation(part) for part in listed[:_EVIDENCE]]


class Citation(BaseModel):
    """What the model says stands in a line. `line` 0: it did not say which."""

    model_config = ConfigDict(frozen=True)

    line: Annotated[int, BeforeValidator(_line)] = 0
    quote: Annotated[str, BeforeValidator(lambda value: "" if value is None else _held(value)[:_QUOTE_CHARS])] = ""


def _held(value: object) -> str:
    """Without what JSON can spell and no database can hold: NUL and halves of surrogate pairs."""
    return clean(str(value)).text


def _short(limit: int) -> BeforeValidator:
    return BeforeValidator(
        lambda value: _held(value[:limit]).strip() if isinstance(value := _text(value), str) else value
    )


class Answer(BaseModel):
    """A model's answer, not yet checked against the log."""

    model_config = ConfigDict(frozen=True)

    summary: Annotated[str, _short(_SUMMARY_CHARS)] = Field(min_length=1)
    root_cause: Annotated[str, _short(_TEXT_CHARS)] = ""
    recommendation: Annotated[str, _short(_TEXT_CHARS)] = ""
    severity: Annotated[Severity, BeforeValidator(_severity)]
    confidence: Annotated[float, BeforeValidator(_confidence)] = 0.5
    issues_found: bool = True
    evidence: Annotated[tuple[Citation, ...], BeforeValidator(_citations)] = ()


def interpret(text: str) -> Answer:
    """Read an answer. Raises `AnswerMalformed` saying what is wrong, in words a model understands."""
    text = _without_thinking(text[:_ANSWER_CHARS])
    candidate = _first_object(text)
    if candidate is None:
        raise AnswerMalformed("There is no JSON object in the answer.")
    value = _load(candidate)
    if not isinstance(value, dict):
        raise AnswerMalformed("The answer is not a JSON object.")
    inner = next(
        (value[name] for name in ("diagnosis", "answer", "result", "response") if isinstance(value.get(name), dict)),
        None,
    )
    try:
        return Answer.model_validate(value if inner is None or "summary" in value else inner)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, part['loc']))}: {part['msg']}"
            for part in error.errors(include_input=False, include_url=False)
        ]
        raise AnswerMalformed("The answer does not have the form asked for: " + "; ".join(problems[:5])) from None


def _without_thinking(text: str) -> str:
    """What follows the model's thoughts, when anything like an answer does."""
    for end in _THOUGHTS:
        _, found, after = text.rpartition(end)
        if found and "{" in after:
            text = after
    return text


def _first_object(text: str) -> str | None:
    """The first balanced `{…}` that looks like an answer, else from the first brace to the end (to be repaired)."""
    begin = text.find("{")
    if begin < 0:
        return None
    named = re.search(r'\{\s*"?\'?(?:summary|root_cause|diagnosis|answer|result|response)\b', text)
    begin = named.start() if named else begin
    depth = 0
    for bracket in _BRACKETS.finditer(text, begin):
        if bracket[0] in "{[":
            depth += 1
            if depth > _DEPTH:
                raise AnswerMalformed("The answer is nested too deeply.")
        elif bracket[0] in "}]":
            depth -= 1
            if depth == 0:
                return text[begin : bracket.end()]
    return text[begin:]


def _load(candidate: str) -> Any:
    try:
        return orjson.loads(candidate)
    except orjson.JSONDecodeError:
        pass
    if len(candidate) > _REPAIRED_CHARS or candidate.count("{") + candidate.count("[") > _REPAIRED_BRACKETS:
        raise AnswerMalformed("The answer is not valid JSON.")
    try:
        return json_repair.loads(candidate, skip_json_loads=True)
    except (ValueError, RecursionError, json.JSONDecodeError, IndexError, TypeError) as error:
        raise AnswerMalformed("The answer is not valid JSON.") from error
