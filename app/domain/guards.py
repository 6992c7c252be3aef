"""When a provider is left in peace: what a guard of it knows, and what a call through it tells."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a call told about its provider."""

    #: It is there and works, whether its answer was good or not.
    ANSWERED = "answered"
    #: It is away, fails, or is silent.
    FAILED = "failed"
    #: It refuses what we are configured to ask.
    REFUSED = "refused"
    #: It is there and asks everybody to wait.
    THROTTLED = "throttled"
    #: Nothing: the call was ended by us.
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """The right to one call of a provider; given back with a `Verdict`. `place`: its region or address."""

    id: str
    provider: str
    place: str
    model: str
    #: It occupies one of the provider's slots.
    slot: bool
    #: The one question that decides whether a rest is over.
    probe: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """A model that is not asked for `seconds` more; 0 when a single call finds out whether that is over."""

    model: str
    place: str
    seconds: float
    #: Code of the error that began it; "provider_throttled": it asked us to wait.
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """One provider as all workers together see it. `limit` calls may run at a time in each place; 0: any number."""

    provider: str
    calls: int
    limit: int
    rests: tuple[Rest, ...] = ()
