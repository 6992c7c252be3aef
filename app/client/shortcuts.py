"""What the short calls of the API answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Analyzed:
    """What came of a log within the time to wait. Not `finished`: it goes on; look at it by its id."""

    id: int
    finished: bool
    #: Markdown.
    response: str | None
    model: str | None
    cached: bool
    duration_seconds: float | None
    raw: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteOffer:
    """What a provider offers. Not `listed`: it did not tell, and these are the models the server knows of."""

    provider: str
    sources: Sequence[str]
    model: str
    models: Sequence[str]
    listed: bool
    detail: str


def read_analyzed(raw: Mapping[str, object]) -> Analyzed:
    """Raises ValueError or TypeError when it is none."""
    took = raw.get("duration_seconds")
    return Analyzed(
        id=int(str(raw["id"])) if "id" in raw else 0,
        finished="response" in raw,
        response=None if raw.get("response") is None else str(raw["response"]),
        model=None if raw.get("model") is None else str(raw["model"]),
        cached=raw.get("cached") is True,
        duration_seconds=float(took) if isinstance(took, int | float) else None,
        raw=raw,
    )


def read_offer(raw: Mapping[str, object]) -> RemoteOffer:
    """What is not there is empty."""
    return RemoteOffer(
        provider=str(raw.get("provider")),
        sources=_words(raw.get("sources")),
        model=str(raw.get("model")),
        models=_words(raw.get("models")),
        listed=raw.get("listed") is True,
        detail=str(raw.get("detail") or ""),
    )


def _words(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()
