"""An analysis as its receiver reads it: the object of the API, with the event's name and time beside it."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from app.domain.analyses import Analysis
from app.domain.announcements import Announcement
from app.domain.diagnoses import Diagnosis
from app.domain.prompts import Usage


def body(announcement: Announcement, analysis: Analysis) -> bytes:
    """JSON. The log is not in it. `timestamp` is when it happened, not when it is sent."""
    event = {"type": announcement.kind, "timestamp": announcement.created_at.isoformat()}
    return orjson.dumps({**event, **shown(analysis)})


def shown(analysis: Analysis) -> dict[str, Any]:
    """What `GET /api/v1/analyses/{id}` answers; a test holds the two together."""
    return {
        "id": analysis.id,
        "status": analysis.status.value,
        "stage": analysis.stage.value,
        "source": analysis.source.value,
        "model": analysis.model,
        "provider": analysis.provider,
        "degraded": analysis.degraded,
        "cached": analysis.cached,
        "cached_from": analysis.cached_from,
        "diagnosis": _diagnosis(analysis.diagnosis),
        "response": analysis.response,
        "coverage": None if analysis.coverage is None else asdict(analysis.coverage),
        "usage": _usage(analysis.usage),
        "attempts": analysis.attempts,
        "replays": analysis.replays,
        "error": None if analysis.error is None else asdict(analysis.error),
        "prompt": None if analysis.prompt is None else asdict(analysis.prompt),
        "service_name": analysis.service_name,
        "environment": analysis.environment,
        "analysis_type": analysis.analysis_type,
        "priority": analysis.priority.name,
        "language": analysis.language.value,
        "tags": list(analysis.tags),
        "metadata": dict(analysis.metadata),
        "request_id": analysis.request_id,
        "correlation_id": analysis.correlation_id,
        "created_at": analysis.created_at.isoformat(),
        "started_at": _moment(analysis.started_at),
        "finished_at": _moment(analysis.finished_at),
        "duration_seconds": analysis.duration_seconds,
        "links": {"self": f"/api/v1/analyses/{analysis.id}"},
    }


def _diagnosis(found: Diagnosis | None) -> dict[str, Any] | None:
    return None if found is None else {**asdict(found), "severity": found.severity.value}


def _usage(found: Usage | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "prompt_tokens": found.prompt_tokens,
        "completion_tokens": found.completion_tokens,
        "cost_usd": found.cost_usd,
        "estimated": found.estimated,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
