"""Who asks, and may they? One decorator for views."""

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import g, request

from app import telemetry
from app.api import rates
from app.api.context import container
from app.domain.errors import KeyMissing, ScopeMissing
from app.domain.keys import Scope
from app.domain.rates import Rate

P = ParamSpec("P")
T = TypeVar("T")

#: For the OpenAPI document.
SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def needs(scope: Scope, *, rate: Rate | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Only with a key that has this scope; checked before the body is read. `caller()` tells whose it is.

    `rate`: what the call counts as, if not as `rates.BY_SCOPE` says.
    """

    def decorate(view: Callable[P, T]) -> Callable[P, T]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            _admit(scope, rate or rates.BY_SCOPE[scope])
            return view(*args, **kwargs)

        _document(guarded, scope)
        return guarded

    return decorate


def _admit(scope: Scope, rate: Rate) -> None:
    token = _token()
    if not token:
        raise KeyMissing
    key = container().keys.authenticate(token)
    telemetry.bind(key=key.prefix)
    if scope not in key.scopes:
        raise ScopeMissing(
            f"The API key does not have the scope `{scope}` that this call needs. Whoever runs the server makes "
            f"another one: bifrost-cli keys create NAME --scope {scope}"
        )
    rates.count(key, rate)
    g.key = key


def _token() -> str:
    given = request.headers.get("X-API-Key", "").strip()
    if given:
        return given
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""


def _document(view: Any, scope: Scope) -> None:
    """Where flask-smorest keeps what it knows about a view; copied, since decorators below share it."""
    known = deepcopy(getattr(view, "_apidoc", {}))
    known.setdefault("manual_doc", {})["security"] = [{name: [str(scope)]} for name in SCHEMES]
    view._apidoc = known  # noqa: SLF001 - its own decorators do the same
