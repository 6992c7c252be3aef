"""`ports.Guard` in Redis: one breaker for each model at each place, one set of slots for each place."""

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import redis
import structlog

from app import telemetry
from app.domain.errors import (
    BrokerUnavailable,
    ProviderBusy,
    ProviderError,
    ProviderMisconfigured,
    ProviderResting,
    ProviderThrottled,
)
from app.domain.guards import Load, Rest, Ticket, Verdict
from app.domain.ports import Clock
from app.guards import scripts
from app.guards.reaching import Reaching

log = structlog.get_logger(__name__)

_PREFIX = "bifrost:guard"
_INDEX = f"{_PREFIX}:index"
#: A prompt that is refused within this many seconds after an answer is at fault itself, not the configuration.
_REMEMBERED = 60.0
#: Seconds after which old failures tell nothing about now.
_FORGOTTEN = 600.0
#: Callers name models: there is no end to how many may rest.
_LOOKED_AT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Guarded:
    """What is guarded of a provider: where it is, and how many calls it takes at a time there (0: any number)."""

    place: str = ""
    limit: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardPolicy:
    """Seconds, and failures in a row (0: the breaker never opens). See `app.settings.Guards`.

    `silence`: a call whose process has not renewed it for this long is over. `longest_wait`: the longest a provider may
    ask everybody to wait.
    """

    failures: int
    rest: float
    longest_rest: float
    longest_wait: float
    silence: float


class RedisGuard:
    """Threads share it. What Redis does not answer in time is allowed."""

    def __init__(
        self, client: "redis.Redis", providers: Mapping[str, Guarded], *, policy: GuardPolicy, clock: Clock
    ) -> None:
        self._client = client
        self._providers = providers
        self._policy = policy
        self._redis = Reaching(clock)
        self._admit = client.register_script(scripts.ADMIT)
        self._settle = client.register_script(scripts.SETTLE)
        self._renew = client.register_script(scripts.RENEW)
        self._look = client.register_script(scripts.LOOK)
        self._lock = threading.Lock()
        #: What renewal keeps alive: tickets with a slot, and probes.
        self._held: dict[str, Ticket] = {}

    def admit(self, provider: str, model: str) -> Ticket:
        """See `Guard`."""
        guarded = self._providers.get(provider, Guarded())
        ticket = Ticket(
            id=uuid.uuid4().hex, provider=provider, place=guarded.place, model=model, slot=guarded.limit > 0
        )
        values = (ticket.id, self._policy.failures, guarded.limit, _milliseconds(self._policy.silence))
        answer = self._redis.ask(lambda: self._admit(keys=_keys(ticket), args=values))
        if answer is None:
            return replace(ticket, slot=False)
        if answer[0] != "admitted":
            raise _refusal(ticket, answer)
        ticket = replace(ticket, probe=bool(answer[1]))
        if ticket.slot or ticket.probe:
            with self._lock:
                self._held[ticket.id] = ticket
        return ticket

    def settle(self, ticket: Ticket, verdict: Verdict, error: ProviderError | None = None) -> None:
        """See `Guard`."""
        with self._lock:
            self._held.pop(ticket.id, None)
        policy = self._policy
        wait = min((error.retry_after if error else None) or 0.0, policy.longest_wait)
        times = (policy.rest, policy.longest_rest)
        forgotten = max(_FORGOTTEN, policy.longest_wait, policy.longest_rest)
        values: tuple[str | int, ...] = (
            *(ticket.id, verdict.value, policy.failures),
            *map(_milliseconds, times),
            error.code if error else "",
            *map(_milliseconds, (wait, _REMEMBERED, forgotten)),
        )
        answer = self._redis.ask(lambda: self._settle(keys=_keys(ticket), args=values))
        if answer and answer[0]:
            _tell(ticket, answer[0], seconds=answer[1] / 1000, cause=error.code if error else None)

    def renew(self) -> None:
        """See `Guard`."""
        with self._lock:
            held = list(self._held.values())
        if not held:
            return

        def ask() -> bool:
            with self._client.pipeline(transaction=False) as together:
                for ticket in held:
                    values = (ticket.id, int(ticket.slot), _milliseconds(self._policy.silence))
                    self._renew(keys=_keys(ticket), args=values, client=together)
                together.execute()
            return True

        if self._redis.ask(ask):
            self._leave(held)

    def _leave(self, renewed: Sequence[Ticket]) -> None:
        """Whatever ended while it was being renewed holds a slot that nobody would give back."""
        with self._lock:
            ended = [ticket for ticket in renewed if ticket.id not in self._held]
        for ticket in ended:
            self._give_up(ticket)

    def _give_up(self, ticket: Ticket) -> None:
        _, slots, _ = _keys(ticket)
        self._redis.ask(lambda: self._client.zrem(slots, ticket.id))

    def loads(self) -> Sequence[Load]:
        """See `Guard`."""
        found = self._redis.ask(lambda: self._look(keys=[_INDEX], args=[_LOOKED_AT]))
        if found is None:
            raise BrokerUnavailable("Redis is away: until it is back, providers are asked without breaker and limit.")
        loads = {name: Load(provider=name, calls=0, limit=guarded.limit) for name, guarded in self._providers.items()}
        for key, *values in found:
            kind, provider, place, model = _parts(key)
            load = loads.get(provider)
            if load is None:  # of another process, configured differently
                continue
            if kind == "slots":
                loads[provider] = replace(load, calls=load.calls + values[0])
            else:
                loads[provider] = replace(load, rests=(*load.rests, _rest(model, place, values)))
        return tuple(loads.values())

    def close(self) -> None:
        """Give the connections up."""
        self._client.close()


def _keys(ticket: Ticket) -> tuple[str, str, str]:
    place = f"{ticket.provider}|{ticket.place}"
    return f"{_PREFIX}:line|{place}|{ticket.model}", f"{_PREFIX}:slots|{place}|", _INDEX


def _parts(key: str) -> list[str]:
    """Kind, provider, place, model. Only the model, which callers name, may hold a bar."""
    return key.removeprefix(f"{_PREFIX}:").split("|", 3)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000)) if seconds > 0 else 0


def _refusal(ticket: Ticket, answer: Sequence[Any]) -> ProviderError:
    why, milliseconds, cause = answer
    seconds = milliseconds / 1000
    name = f"{ticket.provider} ({ticket.model})"
    match why:
        case "full":
            return ProviderBusy(f"{name} has no room for another call now.", retry_after=seconds)
        case "throttled":
            return ProviderBusy(f"{name} asked to wait for {seconds:.1f} s more.", retry_after=seconds)
        case _ if cause == ProviderMisconfigured.code:
            return ProviderMisconfigured(
                f"{name} refused what it was asked, and is asked again in {seconds:.1f} s.", retry_after=seconds
            )
        case _:
            return ProviderResting(
                f"{name} failed again and again ({cause}), and is asked again in {seconds:.1f} s.", retry_after=seconds
            )


def _rest(model: str, place: str, values: Sequence[Any]) -> Rest:
    rests, throttled, cause = values
    if rests < 0:
        return Rest(model=model, place=place, seconds=throttled / 1000, cause=ProviderThrottled.code)
    return Rest(model=model, place=place, seconds=rests / 1000, cause=cause)


def _tell(ticket: Ticket, change: str, *, seconds: float, cause: str | None) -> None:
    if change == "closed":
        log.info("breaker_closed", provider=ticket.provider, model=ticket.model)
        return
    telemetry.count_rest(ticket.provider)
    log.warning("breaker_opened", provider=ticket.provider, model=ticket.model, seconds=seconds, cause=cause)
