from dataclasses import dataclass

from app.domain.errors import BrokerUnavailable
from app.domain.guards import Load, Rest
from app.domain.ports import Health
from app.services.health import HealthCheck
from app.services.routing import Routing
from tests.support.tiny_providers import scripted


@dataclass
class Known:
    """A guard that knows these loads; None: nothing, since Redis is away."""

    known: tuple[Load, ...] | None

    def loads(self) -> tuple[Load, ...]:
        if self.known is None:
            raise BrokerUnavailable("Redis is away.")
        return self.known


def guards(known: tuple[Load, ...] | None) -> Health:
    routing = Routing(
        providers={"ollama": scripted(), "bedrock": scripted(name="bedrock"), "rules": scripted(name="rules")},
        auto=("ollama",),
    )
    health = HealthCheck(lambda: None, essential=(), helpful=(), routing=routing, guard=Known(known))
    [found] = [part for part in health.helpful() if part.name == "guards"]
    return found


def load(*rests: Rest, provider: str = "ollama", calls: int = 0, limit: int = 2) -> Load:
    return Load(provider=provider, calls=calls, limit=limit, rests=rests)


def rest(*, model: str = "tiny", seconds: float = 12.0, cause: str = "provider_timeout") -> Rest:
    return Rest(model=model, place="gpu.example.net", seconds=seconds, cause=cause)


def test_when_nobody_rests_all_is_well():
    assert guards((load(), load(provider="bedrock"))) == Health(
        name="guards", ok=True, detail="every provider may be asked"
    )


def test_a_provider_that_rests_is_named_with_its_reason():
    found = guards((load(rest()),))
    assert not found.ok
    assert found.detail == "ollama is not asked for 12 s more (provider_timeout)"


def test_one_call_may_be_finding_out():
    assert "until one call has found out" in guards((load(rest(seconds=0)),)).detail


def test_a_model_that_a_caller_named_is_counted_and_not_named():
    found = guards((load(rest(model="secret-project"), rest(model="nonsense")),))
    assert found.ok
    assert found.detail == "ollama is not asked for 2 of the models that callers named"


def test_who_only_asked_to_wait_is_not_broken():
    found = guards((load(rest(cause="provider_throttled")),))
    assert found.ok
    assert "provider_throttled" in found.detail


def test_a_provider_that_nobody_counts_on_may_rest():
    assert guards((load(rest(), provider="bedrock"),)).ok


def test_a_busy_provider_says_how_busy():
    busy = load(calls=2), load(provider="bedrock", calls=7, limit=0)
    assert guards(busy).detail == "ollama works on 2 of 2 calls; bedrock works on 7 calls"


def test_without_redis_nobody_knows():
    assert guards(None) == Health(name="guards", ok=False, detail="Redis is away.")


def test_a_provider_that_this_server_does_not_have_is_left_out():
    assert guards((load(rest(), provider="openai_compatible"),)).detail == "every provider may be asked"
