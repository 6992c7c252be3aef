"""The web process: its settings, its parts, its application. `gunicorn` imports this after the fork."""

from app import telemetry
from app.settings import load

settings = load()
telemetry.configure_logging(settings.log)
# before anything imports prometheus_client
telemetry.share_metrics(settings.metrics.directory)

from app.container import build  # noqa: E402 - see above
from app.web import create_app  # noqa: E402 - see above

container = build(settings)
app = create_app(container)
