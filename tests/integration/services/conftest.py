import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def _celery_knows_its_broker(servers) -> None:
    """Celery reads its configuration once, on first use: let that be while the environment names our server."""
    from app.broker import celery

    before = os.environ.get("BIFROST_REDIS_URL")  # noqa: TID251 - Celery's configuration reads it
    os.environ["BIFROST_REDIS_URL"] = servers.redis_url  # noqa: TID251 - as above
    try:
        assert celery.conf.broker_url == servers.redis_url
    finally:
        if before is None:
            del os.environ["BIFROST_REDIS_URL"]  # noqa: TID251 - as above
        else:
            os.environ["BIFROST_REDIS_URL"] = before  # noqa: TID251 - as above


@pytest.fixture
def broker(_celery_knows_its_broker, redis_url) -> Iterator[object]:
    """The real doorbell on an emptied Redis."""
    from app.broker import CeleryBroker

    made = CeleryBroker()
    yield made
    made.close()
