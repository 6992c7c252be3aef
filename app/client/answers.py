"""What the API answers, as dataclasses. Unknown fields are kept in `raw`, missing ones are None or zero."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.analyses import TERMINAL, Failure, Status
from app.domain.diagnoses import Coverage, Diagnosis, Doubt, Evidence, LeftOut, Severity
from app.domain.prompts import PromptRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens, and US dollars: None when the model has no price. `estimated`: the provider told no tokens."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    estimated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteAnalysis:
    """An analysis as the API tells it. `raw` is the API's object."""

    id: int
    status: Status
    stage: str | None
    source: str | None
    provider: str | None
    model: str | None
    degraded: bool
    cached: bool
    diagnosis: Diagnosis | None
    coverage: Coverage | None
    usage: Usage | None
    attempts: int
    error: Failure | None
    service_name: str | None
    environment: str | None
    language: str
    tags: tuple[str, ...]
    #: The version it uses; None when the rules are asked.
    prompt: PromptRef | None
    created_at: datetime | None
    duration_seconds: float | None
    raw: Mapping[str, object]

    @property
    def finished(self) -> bool:
        """Its status will not change any more."""
        return self.status in TERMINAL


def read_analysis(raw: Mapping[str, object]) -> RemoteAnalysis:
    """Raises ValueError when the object is not an analysis."""
    found = Reader(raw)
    return RemoteAnalysis(
        id=found.integer("id"),
        status=Status(found.text("status") or ""),
        stage=found.text("stage"),
        source=found.text("source"),
        provider=found.text("provider"),
        model=found.text("model"),
        degraded=raw.get("degraded") is True,
        cached=raw.get("cached") is True,
        diagnosis=_diagnosis(found.child("diagnosis")),
        coverage=read_coverage(found.child("coverage")),
        usage=_usage(found.child("usage")),
        attempts=found.integer("attempts", 0),
        error=_failure(found.child("error")),
        service_name=found.text("service_name"),
        environment=found.text("environment"),
        language=found.text("language") or "en",
        tags=tuple(str(tag) for tag in found.items("tags")),
        prompt=_prompt(found.child("prompt")),
        created_at=moment(found.text("created_at")),
        duration_seconds=found.number("duration_seconds"),
        raw=raw,
    )


class Reader:
    """Reads fields of a JSON object by the type they should have."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self.raw = raw

    def text(self, name: str) -> str | None:
        """None when it is missing or null."""
        value = self.raw.get(name)
        return None if value is None else str(value)

    def integer(self, name: str, default: int | None = None) -> int:
        """Raises ValueError when it is missing and there is no default."""
        value = self.raw.get(name, default)
        if isinstance(value, int | float | str):
            return int(value)
        if default is None:
            raise ValueError(f"{name} is missing")
        return default

    def number(self, name: str) -> float | None:
        """None when it is missing or null."""
        value = self.raw.get(name)
        return float(value) if isinstance(value, int | float | str) else None

    def child(self, name: str) -> "Reader | None":
        """The object inside; None when there is none."""
        value = self.raw.get(name)
        return Reader(value) if isinstance(value, Mapping) else None

    def items(self, name: str) -> Sequence[object]:
        """The list inside; empty when there is none."""
        value = self.raw.get(name)
        return value if isinstance(value, list) else []

    def children(self, name: str) -> Iterable["Reader"]:
        """The objects in the list inside."""
        return (Reader(item) for item in self.items(name) if isinstance(item, Mapping))


def _diagnosis(found: Reader | None) -> Diagnosis | None:
    if found is None:
        return None
    quoted = (
        Evidence(line=quote.integer("line", 0), text=quote.text("text") or "") for quote in found.children("evidence")
    )
    return Diagnosis(
        summary=found.text("summary") or "",
        root_cause=found.text("root_cause") or "",
        recommendation=found.text("recommendation") or "",
        severity=Severity((found.text("severity") or "").upper()),
        confidence=found.number("confidence") or 0.0,
        evidence=tuple(quoted),
        doubts=tuple(doubt for doubt in Doubt if doubt.value in found.items("doubts")),
        issues_found=found.raw.get("issues_found") is not False,
    )


def read_coverage(found: Reader | None) -> Coverage | None:
    """What became of every line; None when it is not told."""
    if found is None:
        return None
    left_out = (
        LeftOut(reason=part.text("reason") or "", lines=part.integer("lines", 0)) for part in found.children("left_out")
    )
    redactions = found.child("redactions")
    return Coverage(
        bytes_total=found.integer("bytes_total", 0),
        bytes_replaced=found.integer("bytes_replaced", 0),
        lines_total=found.integer("lines_total", 0),
        lines_blank=found.integer("lines_blank", 0),
        lines_sent=found.integer("lines_sent", 0),
        lines_cut=found.integer("lines_cut", 0),
        lines_counted=found.integer("lines_counted", 0),
        left_out=tuple(left_out),
        records=found.integer("records", 0),
        templates=found.integer("templates", 0),
        templates_sent=found.integer("templates_sent", 0),
        redactions={kind: redactions.integer(kind, 0) for kind in redactions.raw} if redactions else {},
        tokens_estimated=found.integer("tokens_estimated", 0),
        token_budget=found.integer("token_budget", 0),
        evidence_cited=found.integer("evidence_cited", 0),
        evidence_dropped=found.integer("evidence_dropped", 0),
        windows=found.integer("windows", 0),
        windows_asked=found.integer("windows_asked", 0),
        similar_to=None if found.raw.get("similar_to") is None else found.integer("similar_to"),
    )


def _usage(found: Reader | None) -> Usage | None:
    if found is None:
        return None
    return Usage(
        prompt_tokens=found.integer("prompt_tokens", 0),
        completion_tokens=found.integer("completion_tokens", 0),
        cost_usd=found.number("cost_usd"),
        estimated=found.raw.get("estimated") is True,
    )


def _prompt(found: Reader | None) -> PromptRef | None:
    return None if found is None else PromptRef(name=found.text("name") or "", version=found.integer("version", 0))


def _failure(found: Reader | None) -> Failure | None:
    if found is None:
        return None
    return Failure(
        code=found.text("code") or "unknown",
        detail=found.text("detail") or "",
        retryable=found.raw.get("retryable") is True,
    )


def moment(text: str | None) -> datetime | None:
    """A time as the API writes it."""
    return datetime.fromisoformat(text) if text else None
