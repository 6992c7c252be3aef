from collections.abc import Callable, Iterator

import pytest

from app.guards.redis_guard import RedisGuard
from tests.support.guards import guard

Make = Callable[..., RedisGuard]


@pytest.fixture
def make(redis_url) -> Iterator[Make]:
    """Guards on an emptied Redis, as many as wanted: each stands for a process."""
    made = []

    def one(**changes) -> RedisGuard:
        made.append(guard(changes.pop("url", redis_url), **changes))
        return made[-1]

    yield one
    for each in made:
        each.close()
