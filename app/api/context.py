"""What a view may ask about the request it answers."""

from typing import TYPE_CHECKING, cast

from flask import current_app, g

from app.domain.keys import ApiKey
from app.settings import Limits

if TYPE_CHECKING:  # the container imports every other room; a view only needs its shape
    from app.container import Container

#: Where `create_app` leaves the container.
EXTENSION = "bifrost"


def container() -> "Container":
    """The parts this process is made of."""
    return cast("Container", current_app.extensions[EXTENSION])


def limits() -> Limits:
    """What a caller may send."""
    return container().settings.limits


def caller() -> ApiKey:
    """Whose key this request carries. Only in views that need one."""
    return cast(ApiKey, g.key)
