import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import EXTENSION
from app.settings import Settings
from app.web import create_app
from tests.support.parts import EVERYTHING, Parts

KEY = {"X-API-Key": EVERYTHING}


@pytest.fixture(scope="module")
def application() -> Flask:
    """One for each file of tests: to make it, which is mostly to describe the API, takes longer than a test."""
    return create_app(_parts())


@pytest.fixture
def parts(application) -> Parts:
    """New ones for each test, in the application."""
    made = application.extensions[EXTENSION] = _parts()
    return made


@pytest.fixture
def client(application, parts) -> FlaskClient:
    """Without a key."""
    return application.test_client()


@pytest.fixture
def keyed(application, parts) -> FlaskClient:
    """With a key for everything."""
    client = application.test_client()
    client.environ_base["HTTP_X_API_KEY"] = EVERYTHING
    return client


def _parts() -> Parts:
    return Parts(settings=Settings.model_validate({"limits": {"max_log_bytes": 1000}}))
