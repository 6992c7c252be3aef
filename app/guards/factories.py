"""Which guard this server has, and what it guards."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from app.domain.ports import Clock, Guard
from app.guards.open_guard import OpenGuard
from app.guards.reaching import connect
from app.guards.redis_guard import Guarded, GuardPolicy, RedisGuard
from app.settings import Settings

log = structlog.get_logger(__name__)

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeGuard:
    """A guard, each provider's limit, and how to give connections up."""

    guard: Guard
    limits: Mapping[str, int]
    close: Callable[[], None]


def make_guard(settings: Settings, clock: Clock) -> MadeGuard:
    """In Redis, when there is one that we can speak to."""
    url, providers = settings.redis.url, guarded(settings)
    limits = {name: found.limit for name, found in providers.items()}
    try:
        client = connect(url.get_secret_value()) if url else None
    except ValueError:
        log.warning("guards_off", reason="the address of Redis is not redis://, rediss:// or unix://")
        client = None
    if client is None:
        return MadeGuard(guard=OpenGuard(), limits=limits, close=lambda: None)
    made = RedisGuard(client, providers, policy=_policy(settings), clock=clock)
    return MadeGuard(guard=made, limits=limits, close=made.close)


def guarded(settings: Settings) -> Mapping[str, Guarded]:
    """Each provider with a model behind it: its place and its limit there."""
    ollama, bedrock, compatible = settings.ollama, settings.bedrock, settings.openai_compatible
    return {
        "ollama": Guarded(place=place(ollama.url), limit=ollama.concurrency),
        "bedrock": Guarded(place=bedrock.region or "", limit=bedrock.concurrency),
        "openai_compatible": Guarded(place=place(compatible.url or ""), limit=compatible.concurrency),
    }


def place(url: str) -> str:
    """Host and port. A loopback address is another server on each machine, so that it carries the machine's name."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if host in _LOOPBACK:
        host = socket.gethostname()
    return f"{host}:{port}" if port else host


def _policy(settings: Settings) -> GuardPolicy:
    guards = settings.guards
    return GuardPolicy(
        failures=guards.failures,
        rest=guards.rest_seconds,
        longest_rest=guards.rest_cap_seconds,
        longest_wait=settings.worker.retry_after_cap_seconds,
        silence=settings.worker.lease_seconds,
    )
