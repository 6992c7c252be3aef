"""What providers offer."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A provider's models. `model` is the one used when nobody names another."""

    provider: str
    model: str
    models: Sequence[str]
    #: False: it could not be asked, or does not tell; then `models` are those we know of.
    listed: bool
    #: Why not, or where they are from.
    detail: str
