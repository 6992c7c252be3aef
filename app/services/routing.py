"""Who answers: from the source somebody asked for to the chain of providers that are tried."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.analyses import Source
from app.domain.errors import ProviderNotConfigured
from app.domain.ports import Provider
from app.domain.storage_ports import Route

RULES = "rules"
PREPARE_QUEUE = "prepare"
#: Source -> the provider that answers it; `auto` is the configured chain.
_BY_SOURCE: Mapping[Source, tuple[str, ...]] = {
    Source.LOCAL: ("ollama",),
    Source.CLOUD: ("bedrock",),
    Source.RULES: (),
}


def infer_queue(provider: str) -> str:
    """Each provider has a queue of its own, so that a slow one does not hold up the others."""
    return f"infer.{provider}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """The providers this server has, and the order `auto` tries them in."""

    providers: Mapping[str, Provider]
    auto: tuple[str, ...]

    def chain(self, source: Source) -> tuple[Provider, ...]:
        """Whom to ask, in order. The rules always come last: there is always an answer.

        Raises `ProviderNotConfigured` when the source is one this server does not have.
        """
        missing = self.missing(source)
        if missing is not None:
            raise missing
        return self.available(source)

    def available(self, source: Source) -> tuple[Provider, ...]:
        """The same without what is missing: a provider may have been taken away since the analysis was accepted."""
        return tuple(self.providers[name] for name in (*self._names(source), RULES) if name in self.providers)

    def missing(self, source: Source) -> ProviderNotConfigured | None:
        """The error of the first provider of the chain that this server does not have."""
        for name in self._names(source):
            if name not in self.providers:
                return ProviderNotConfigured(
                    f"`source: {source}` needs the provider {name}, which is not configured on this server."
                )
        return None

    def route(self, source: Source) -> Route:
        """Where a new analysis goes."""
        return Route(queue=PREPARE_QUEUE, provider=self.chain(source)[0].name)

    def identity(self, source: Source) -> str:
        """What would answer, by name: a part of the cache key."""
        return ",".join(f"{provider.name}:{provider.model}" for provider in self.chain(source))

    def _names(self, source: Source) -> tuple[str, ...]:
        wanted = self.auto if source is Source.AUTO else _BY_SOURCE[source]
        return tuple(name for name in wanted if name != RULES)
