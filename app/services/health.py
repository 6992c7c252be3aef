"""Is everything there that Bifrost needs?"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from app.domain.analyses import Source
from app.domain.errors import BifrostError
from app.domain.guards import Load
from app.domain.ports import Guard, Health
from app.domain.storage_ports import QueueDepth, UnitOfWork
from app.services.guarding import broken
from app.services.routing import Routing

#: Waiting for longer than this means that no worker takes it.
_OLD_SECONDS = 120.0

#: Returns a state or raises a `BifrostError` that tells what is wrong.
Check = Callable[[], Health]


class HealthCheck:
    """Asks each part for its state. A part that fails is a state, not an exception."""

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        *,
        essential: Sequence[tuple[str, Check]],
        helpful: Sequence[tuple[str, Check]],
        routing: Routing,
        guard: Guard,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._essential = essential
        self._helpful = helpful
        self._routing = routing
        self._guard = guard

    def ready(self) -> tuple[Health, ...]:
        """Without any of these nothing is accepted: database, migrations."""
        return tuple(_checked(name, check) for name, check in self._essential)

    def helpful(self) -> tuple[Health, ...]:
        """What may be away for a while: without the broker, analyses wait in the database; without a provider, the
        rules answer. A load balancer that took the web processes away for that would turn a delay into an outage.
        """
        helpful = (*self._helpful, ("guards", self._guards))
        return _at_once([*(partial(_checked, name, check) for name, check in helpful), *self._providers(auto=True)])

    def depths(self) -> tuple[QueueDepth, ...]:
        """Every queue with open work. Raises `StorageUnavailable`."""
        with self._unit_of_work() as tx:
            return tuple(tx.dispatch.depths())

    def loads(self) -> tuple[Load, ...]:
        """Each provider this server has, as its guard sees it. Raises `BrokerUnavailable`."""
        return tuple(load for load in self._guard.loads() if load.provider in self._routing.providers)

    def doctor(self) -> tuple[Health, ...]:
        """Everything, with advice."""
        others = (replace(found, optional=True) for found in _at_once(self._providers(auto=False)))
        return (*self.ready(), *self.helpful(), _checked("queues", self._queues), *others)

    def _providers(self, *, auto: bool) -> Sequence[Check]:
        """Of those that `source: auto` asks, or of the others."""
        asked = self._routing.chain(Source.AUTO)
        return [each.health for each in self._routing.providers.values() if (each in asked) is auto]

    def _guards(self) -> Health:
        """Who rests, and who is how busy. Models that callers named are nobody else's business: they are counted."""
        asked = self._routing.available(Source.AUTO)
        behind = [(load, self._routing.providers[load.provider]) for load in self.loads()]
        resting = any(broken(rest, provider) for load, provider in behind if provider in asked for rest in load.rests)
        told = [text for load, provider in behind for text in _told(load, provider.model)]
        return Health(name="guards", ok=not resting, detail="; ".join(told) or "every provider may be asked")

    def _queues(self) -> Health:
        depths = self.depths()
        waiting = sum(depth.waiting for depth in depths)
        running = sum(depth.running for depth in depths)
        oldest = max((depth.oldest_seconds for depth in depths), default=0.0)
        detail = f"{waiting} waiting, {running} running"
        if oldest > _OLD_SECONDS:
            detail += f"; the oldest has waited {oldest:.0f} s: start a worker and a dispatcher, or more of them"
        return Health(name="queues", ok=oldest <= _OLD_SECONDS, detail=detail)


def _told(load: Load, model: str) -> Iterator[str]:
    for rest in load.rests:
        if rest.model == model:
            lasts = f"for {rest.seconds:.0f} s more" if rest.seconds else "until one call has found out that it is back"
            yield f"{load.provider} is not asked {lasts} ({rest.cause})"
    others = sum(rest.model != model for rest in load.rests)
    if others:
        yield f"{load.provider} is not asked for {others} of the models that callers named"
    if load.calls:
        yield f"{load.provider} works on {load.calls}" + (f" of {load.limit} calls" if load.limit else " calls")


def _at_once(checks: Sequence[Check]) -> tuple[Health, ...]:
    """Whoever asks waits for the slowest one, not for one after the other."""
    with ThreadPoolExecutor(max(1, len(checks))) as threads:
        return tuple(threads.map(lambda check: check(), checks))


def _checked(name: str, check: Check) -> Health:
    try:
        return check()
    except BifrostError as error:
        return Health(name=name, ok=False, detail=error.detail)
