"""Asking Redis for what is good to know and not needed: briefly, and after a silence not at all for a moment."""

import threading
from collections.abc import Callable
from typing import TypeVar

import redis
import structlog
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.domain.ports import Clock

log = structlog.get_logger(__name__)

#: Seconds for each step of a conversation with Redis. It answers in a millisecond, or something is wrong.
_TIMEOUT = 0.3
#: Seconds without another try after a failure, so that a Redis that swallows everything is paid for rarely.
_PAUSE = 2.0

Answer = TypeVar("Answer")


def connect(url: str) -> "redis.Redis":
    """A client that is quick to give up. Connects on first use. Raises `ValueError` for an address of another kind."""
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=_TIMEOUT,
        socket_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        # each would be another step before the first answer
        protocol=2,
        driver_info=None,
        decode_responses=True,
    )


class Reaching:
    """Questions that Redis need not answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._away = False
        self._next_try = 0.0

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """The answer; None when Redis is away, or was a moment ago. One thread finds out for all."""
        if not self._may_try():
            return None
        try:
            answer = question()
        except (RedisError, OSError) as error:
            self._failed(error)
            return None
        if self._away:
            self._away = False
            log.info("guards_returned")
        return answer

    def _may_try(self) -> bool:
        with self._lock:
            if not self._away:
                return True
            now = self._clock.monotonic()
            if now < self._next_try:
                return False
            self._next_try = now + _PAUSE
            return True

    def _failed(self, error: Exception) -> None:
        with self._lock:
            known, self._away = self._away, True
            self._next_try = self._clock.monotonic() + _PAUSE
        if not known:
            log.warning("guards_away", error=type(error).__name__)
