"""The web application, as a table of contents."""

from typing import TYPE_CHECKING, Any

from flask import Flask

from app.api import BLUEPRINTS, UNDOCUMENTED, context, envelope, errors, metrics, openapi

if TYPE_CHECKING:
    from app.container import Container


def create_app(container: "Container") -> Flask:
    """The WSGI application over a container. The container stays its caller's to close."""
    app = _Synchronous("bifrost", static_folder=None)
    app.extensions[context.EXTENSION] = container
    envelope.register(app)
    errors.register(app)
    metrics.register(app)
    api = openapi.Api(app)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    for plain in UNDOCUMENTED:
        app.register_blueprint(plain)
    return app


class _Synchronous(Flask):
    """No view of ours is a coroutine; Flask and flask-smorest would ask a dozen times in each request."""

    def ensure_sync(self, func: Any) -> Any:
        return func
