"""Is this process alive, and is everything there that it needs? No key needed."""

from collections.abc import Sequence

from app.api import schemas
from app.api.context import container
from app.api.parsing import Blueprint
from app.domain.ports import Health

blueprint = Blueprint("health", __name__, description="For load balancers and people. No key needed.")

_LIVE = schemas.LiveSchema()
_READY = schemas.ReadySchema()


@blueprint.route("/health")
@blueprint.doc(security=[])
@blueprint.response(200, _LIVE)
def health() -> dict[str, object]:
    """The process answers."""
    return {"status": "ok"}


@blueprint.route("/health/live")
@blueprint.doc(security=[])
@blueprint.response(200, _LIVE)
def live() -> dict[str, object]:
    """The process answers: restart it when it does not."""
    return {"status": "ok"}


@blueprint.route("/health/ready")
@blueprint.doc(security=[])
@blueprint.response(200, _READY)
@blueprint.alt_response(503, schema=_READY, description="Something is missing.")
def health_ready() -> tuple[object, int]:
    """What is needed to accept a log is there: send requests when it is.

    The broker and the providers are named too, but none of them is needed: logs wait in the database without a broker,
    and without a model the rules answer.
    """
    return _readiness()


@blueprint.route("/ready")
@blueprint.doc(security=[])
@blueprint.response(200, _READY)
@blueprint.alt_response(503, schema=_READY, description="Something is missing.")
def ready() -> tuple[object, int]:
    """The same as `/health/ready`."""
    return _readiness()


def _readiness() -> tuple[object, int]:
    needed, wished = container().health.ready(), container().health.helpful()
    usable = all(part.ok for part in needed)
    status = "ready" if usable and all(part.ok for part in wished) else "degraded" if usable else "unavailable"
    return {"status": status, "checks": [*_told(needed, needed=True), *_told(wished, needed=False)]}, (
        200 if usable else 503
    )


def _told(parts: Sequence[Health], *, needed: bool) -> list[dict[str, object]]:
    return [{"name": part.name, "ok": part.ok, "needed": needed, "detail": part.detail} for part in parts]
