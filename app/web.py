"""The web application, as a table of contents."""

from typing import TYPE_CHECKING, Any, NoReturn

from flask import Flask, Request
from werkzeug.exceptions import NotFound
from werkzeug.routing import RequestRedirect

from app.api import BLUEPRINTS, UNDOCUMENTED, admission, context, envelope, errors, metrics, openapi, rates

if TYPE_CHECKING:
    from app.container import Container


def create_app(container: "Container") -> Flask:
    """The WSGI application over a container. The container stays its caller's to close."""
    app = _Application("bifrost", static_folder=None)
    app.extensions[context.EXTENSION] = container
    # a path that is nearly one of ours is not one of ours
    app.url_map.merge_slashes = False
    envelope.register(app)
    errors.register(app)
    rates.register(app)
    metrics.register(app)
    api = openapi.Api(app)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    for plain in UNDOCUMENTED:
        app.register_blueprint(plain)
    app.wsgi_app = admission.Admission(app.wsgi_app, container.settings.web.active)  # type: ignore[method-assign]  # Flask's way
    return app


class _Application(Flask):
    """Flask without what we never want."""

    def ensure_sync(self, func: Any) -> Any:
        """No view of ours is a coroutine; Flask and flask-smorest would ask a dozen times in each request."""
        return func

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """The router would send a client on to an address made of the Host that the client sent."""
        if isinstance(request.routing_exception, RequestRedirect):
            raise NotFound
        super().raise_routing_exception(request)
