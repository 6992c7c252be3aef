"""`rates.RateCounter` in Redis: requests counted by the minute, for all web processes together."""

import redis
import structlog

from app.domain.ports import Clock
from app.domain.rates import WINDOW, Rate, RateCounter, Standing
from app.guards.reaching import Reaching, connect
from app.settings import Settings

log = structlog.get_logger(__name__)

_PREFIX = "bifrost:rate"
#: Seconds that are counted together. What was counted is forgotten when the last of them are an hour ago, so that no
#: hour, wherever it begins, has more than the limit.
_SLOT = 60

#: KEYS the counts of a key, a hash: slot -> requests. ARGV limit, seconds of the window, of a slot, requests to count.
#: In one step and by Redis' own clock. Returns {1 when counted, remaining, seconds until more is allowed}.
TAKE = """
local now = tonumber(redis.call('TIME')[1])
local limit, window, width, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local slot, kept = math.floor(now / width), window / width
local found, counts, used = redis.call('HGETALL', KEYS[1]), {}, 0
for at = 1, #found, 2 do
    local one = {tonumber(found[at]), tonumber(found[at + 1])}
    if one[1] < slot - kept then
        redis.call('HDEL', KEYS[1], found[at])
    else
        table.insert(counts, one)
        used = used + one[2]
    end
end
table.sort(counts, function(a, b) return a[1] < b[1] end)
local admitted = used + count <= limit
if admitted then
    redis.call('HINCRBY', KEYS[1], slot, count)
    redis.call('EXPIRE', KEYS[1], window + width)
    table.insert(counts, {slot, count})
    used = used + count
end
-- refused: when enough is forgotten for what was asked; else: when the oldest is
local reset, left = window + width, used
for _, one in ipairs(counts) do
    left = left - one[2]
    if admitted or left + count <= limit then
        reset = (one[1] + kept + 1) * width - now
        break
    end
end
return {admitted and 1 or 0, math.max(0, limit - used), reset}
"""


class RedisRates:
    """Threads share it. What Redis does not answer in time is not counted."""

    def __init__(self, client: "redis.Redis", clock: Clock) -> None:
        self._client = client
        self._redis = Reaching(clock)
        self._take = client.register_script(TAKE)

    def take(self, key: str, rate: Rate, *, limit: int, count: int = 1) -> Standing | None:
        """See `RateCounter`."""
        values = (limit, WINDOW, _SLOT, count)
        answer = self._redis.ask(lambda: self._take(keys=[f"{_PREFIX}:{key}:{rate}"], args=values))
        if answer is None:
            return None
        admitted, remaining, reset = answer
        return Standing(rate=rate, limit=limit, remaining=int(remaining), reset=float(reset), admitted=bool(admitted))

    def close(self) -> None:
        """Give the connections up."""
        self._client.close()


class NoRates:
    """`rates.RateCounter` of a server that has nothing to share one in: nobody can tell."""

    def take(self, key: str, rate: Rate, *, limit: int, count: int = 1) -> Standing | None:  # noqa: ARG002 - the port's signature
        """Never."""
        return None

    def close(self) -> None:
        """Nothing to give up."""


def make_rates(settings: Settings, clock: Clock) -> RateCounter:
    """In Redis, when there is one that we can speak to."""
    url = settings.redis.url
    try:
        return RedisRates(connect(url.get_secret_value()), clock) if url else NoRates()
    except ValueError:
        log.warning("rates_off", reason="the address of Redis is not redis://, rediss:// or unix://")
        return NoRates()
