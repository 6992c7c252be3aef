"""Is everything there that Bifrost needs?"""

from collections.abc import Callable, Sequence

from app.domain.errors import BifrostError
from app.domain.ports import Health, Provider, QueueDepth, UnitOfWork

#: Waiting for longer than this means that no worker takes it.
_OLD_SECONDS = 120.0

#: Returns a state or raises a `BifrostError` that tells what is wrong.
Check = Callable[[], Health]


class HealthCheck:
    """Asks each part for its state. A part that fails is a state, not an exception."""

    def __init__(
        self, unit_of_work: UnitOfWork, essential: Sequence[tuple[str, Check]], providers: Sequence[Provider]
    ) -> None:
        self._unit_of_work = unit_of_work
        self._essential = essential
        self._providers = providers

    def ready(self) -> tuple[Health, ...]:
        """Without any of these, nothing is accepted and done: database, migrations, broker."""
        return tuple(_checked(name, check) for name, check in self._essential)

    def providers(self) -> tuple[Health, ...]:
        """Each configured provider. None of them is needed for an answer: the rules come last."""
        return tuple(provider.health() for provider in self._providers)

    def depths(self) -> tuple[QueueDepth, ...]:
        """Every queue with open work. Raises `StorageUnavailable`."""
        with self._unit_of_work() as tx:
            return tuple(tx.dispatch.depths())

    def doctor(self) -> tuple[Health, ...]:
        """Everything, with advice."""
        return (*self.ready(), _checked("queues", self._queues), *self.providers())

    def _queues(self) -> Health:
        depths = self.depths()
        waiting = sum(depth.waiting for depth in depths)
        running = sum(depth.running for depth in depths)
        oldest = max((depth.oldest_seconds for depth in depths), default=0.0)
        detail = f"{waiting} waiting, {running} running"
        if oldest > _OLD_SECONDS:
            detail += f"; the oldest has waited {oldest:.0f} s: start a worker and a dispatcher, or more of them"
        return Health(name="queues", ok=oldest <= _OLD_SECONDS, detail=detail)


def _checked(name: str, check: Check) -> Health:
    try:
        return check()
    except BifrostError as error:
        return Health(name=name, ok=False, detail=error.detail)
