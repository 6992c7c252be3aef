"""How often a key may be used: counted over the last hour, for submissions and for everything else by itself."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

#: Seconds over which requests are counted.
WINDOW = 3600


class Rate(StrEnum):
    """What is counted together."""

    SUBMIT = "submit"
    READ = "read"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a key stands with one of its rates. `reset`: seconds until more is allowed than now."""

    rate: Rate
    limit: int
    remaining: int
    reset: float
    admitted: bool


class RateCounter(Protocol):
    """Counts for all processes together."""

    def take(self, key: str, rate: Rate, *, limit: int, count: int = 1) -> Standing | None:
        """Count `count` requests of this key if its limit allows all of them. None when nobody can tell now."""

    def close(self) -> None:
        """Give connections up."""
