"""A claim as a worker holds it, without a database."""

from datetime import UTC, datetime

from app.domain.analyses import Claim, Language, Source, Stage


def claim(**changes) -> Claim:
    values = {
        "analysis_id": 1,
        "epoch": 1,
        "attempt": 1,
        "throttles": 0,
        "stage": Stage.INFER,
        "source": Source.AUTO,
        "provider": "ollama",
        "model": None,
        "language": Language.EN,
        "analysis_type": "error",
        "service_name": None,
        "environment": None,
        "bytes_replaced": 0,
        "request_id": None,
        "correlation_id": None,
        "project_id": 1,
        "created_at": datetime(2026, 5, 1, tzinfo=UTC),
        "seconds_left": None,
    }
    return Claim(**values | changes)
