"""An event and the analysis it is about, and a webhook publisher that may speak to loopback."""

from datetime import UTC, datetime

from app.clock import SystemClock
from app.domain.analyses import Analysis, Failure, Language, Priority, Source, Stage, Status
from app.domain.announcements import Announcement
from app.domain.prompts import Usage
from app.publishers.posting import Patience
from app.publishers.webhooks import WebhookPolicy, Webhooks
from tests.support.receivers import SECRET
from tests.support.stores import COVERAGE, DIAGNOSIS

WHEN = datetime(2026, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)
ANALYSIS = Analysis(
    id=7,
    project_id=1,
    status=Status.COMPLETED,
    stage=Stage.INFER,
    source=Source.AUTO,
    provider="ollama",
    model="mistral",
    degraded=False,
    cached=False,
    cached_from=None,
    diagnosis=DIAGNOSIS,
    response="## The container ran out of memory.",
    coverage=COVERAGE,
    usage=Usage(prompt_tokens=400, completion_tokens=80, cost_micro_usd=12),
    attempts=2,
    error=Failure(code="provider_timeout", detail="It was slow.", retryable=True),
    service_name="api",
    environment="prod",
    analysis_type="error",
    priority=Priority.HIGH,
    language=Language.KO,
    tags=("a", "b"),
    metadata={"build": {"number": 7}},
    request_id="r-1",
    correlation_id="c-1",
    created_at=WHEN,
    started_at=WHEN,
    finished_at=WHEN,
    duration_seconds=1.5,
    log_content="a very private log",
)


def announcement(url: str, *, attempt: int = 1) -> Announcement:
    return Announcement(
        id=1,
        event_id="3f0c7a52-0000-4000-8000-000000000001",
        kind="analysis.completed",
        key="7",
        analysis_id=7,
        project_id=1,
        callback={"kind": "webhook", "url": url, "lane": "a lane"},
        attempt=attempt,
        created_at=WHEN,
    )


def policy(**changes) -> WebhookPolicy:
    """That of a test: quick, and loopback is allowed."""
    usual = {
        "secret": SECRET,
        "allowed_hosts": frozenset({"127.0.0.1"}),
        "schedule": (0.05, 0.05),
        "patience": Patience(connect=2, total=2),
    }
    return WebhookPolicy(**usual | changes)


def webhooks(**changes) -> Webhooks:
    parts = {name: changes.pop(name) for name in ("resolver", "connector") if name in changes}
    return Webhooks(policy(**changes), SystemClock(), **parts)
