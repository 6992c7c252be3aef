"""How often a key may be used: its own limits, else those of the settings."""

from collections.abc import Mapping

from app.domain.keys import ApiKey
from app.domain.rates import Rate, RateCounter, Standing


class Rates:
    """Count requests of keys. Without Redis nothing is counted and everything passes: `None` says so."""

    def __init__(self, counter: RateCounter, defaults: Mapping[Rate, int]) -> None:
        """`defaults`: requests an hour of a key that has no limit of its own; 0: any number."""
        self._counter = counter
        self._defaults = defaults

    def take(self, key: ApiKey, rate: Rate, *, count: int = 1) -> Standing | None:
        """Count `count` requests, all of them or none; None when there is no limit, or nobody can tell now."""
        limit = self.limit_of(key, rate)
        return self._counter.take(key.prefix, rate, limit=limit, count=count) if limit else None

    def limit_of(self, key: ApiKey, rate: Rate) -> int:
        """Requests an hour; 0: any number."""
        own = {Rate.SUBMIT: key.limits.submits_per_hour, Rate.READ: key.limits.reads_per_hour}[rate]
        return self._defaults[rate] if own is None else own
