"""Which models there are to be asked, as the providers tell."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.domain.analyses import Source
from app.domain.offers import Offer
from app.domain.ports import Clock, Offering
from app.services.routing import Routing


@dataclass(frozen=True, kw_only=True, slots=True)
class Offered:
    """What a provider offers, and which sources reach it."""

    offer: Offer
    sources: tuple[Source, ...]


class Models:
    """List. What was asked is remembered for `keep` seconds, by this process."""

    def __init__(self, providers: Mapping[str, Offering], routing: Routing, *, keep: float, clock: Clock) -> None:
        self._providers = providers
        self._routing = routing
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Sequence[Offered] = ()
        self._until = 0.0

    def list(self) -> Sequence[Offered]:
        """Of every provider this server has, asked all at once: at most 3 seconds. One thread asks, the others wait."""
        with self._lock:
            if not self._known or self._clock.monotonic() >= self._until:
                with ThreadPoolExecutor(len(self._providers)) as threads:
                    offers = threads.map(lambda provider: provider.offer(), self._providers.values())
                    self._known = tuple(Offered(offer=one, sources=self._sources(one.provider)) for one in offers)
                self._until = self._clock.monotonic() + self._keep
            return self._known

    def _sources(self, provider: str) -> tuple[Source, ...]:
        """The rules stand in for every other provider; they are named where they are asked first."""
        return tuple(source for source in Source if self._asked(source, provider))

    def _asked(self, source: Source, provider: str) -> bool:
        if self._routing.missing(source):
            return False
        names = [each.name for each in self._routing.available(source)]
        return provider in (names[:-1] or names)
