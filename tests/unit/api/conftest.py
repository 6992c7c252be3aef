import pytest
from flask.testing import FlaskClient

from app.settings import Settings
from app.web import create_app
from tests.support.parts import EVERYTHING, Parts

KEY = {"X-API-Key": EVERYTHING}


@pytest.fixture
def parts() -> Parts:
    return Parts(settings=Settings.model_validate({"limits": {"max_log_bytes": 1000}}))


@pytest.fixture
def client(parts) -> FlaskClient:
    """Without a key."""
    return create_app(parts).test_client()


@pytest.fixture
def keyed(parts) -> FlaskClient:
    """With a key for everything."""
    client = create_app(parts).test_client()
    client.environ_base["HTTP_X_API_KEY"] = EVERYTHING
    return client
