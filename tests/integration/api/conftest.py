from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from app.container import Container, build
from app.domain.keys import UNLIMITED, Scope
from app.settings import Settings
from app.web import create_app
from tests.support.receivers import SECRET


@pytest.fixture
def settings() -> dict[str, object]:
    """More of them."""
    return {}


@pytest.fixture
def container(database_url, redis_url, settings) -> Iterator[Container]:
    settings = settings | {
        "database": {"url": database_url},
        "redis": {"url": redis_url},
        "limits": {"max_log_bytes": 1_000_000},
        "webhooks": {"secret": SECRET, "allowed_hosts": ["127.0.0.1"]},
    }
    made = build(Settings.model_validate(settings))
    yield made
    made.close()


@pytest.fixture
def token(container) -> str:
    """A key for everything."""
    made = container.keys.create(name="test", project="default", scopes=frozenset(Scope), limits=UNLIMITED)
    return made.token


@pytest.fixture
def api(container, token) -> FlaskClient:
    """The real application over the real database, with a key."""
    client = create_app(container).test_client()
    client.environ_base["HTTP_X_API_KEY"] = token
    return client
