"""Shared by all tests: real servers for the session, and a store of one's own."""

import itertools
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest
import structlog

if TYPE_CHECKING:
    from tests.support.servers import Servers
    from tests.support.stores import Store

pytest_plugins = ["tests.support.servers", "tests.support.kafka"]

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """A shell that starts us in the background has SIGINT ignored, and whoever we start would ignore it, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # no test of ours is timed: an example that takes long on a busy machine is no failure
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _plain_tracebacks() -> None:
    """Unconfigured, structlog lets rich draw each traceback with its variables, which takes a second."""
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, renderer])


@pytest.fixture(scope="module")
def module_store(servers: "Servers", migrated_template: str) -> "Iterator[Store]":
    """The kernel's storage on a migrated database for one file of tests."""
    from tests.support.stores import Store  # the unit tests do without SQLAlchemy

    name = f"bifrost_module_{os.getpid()}_{next(_numbers)}"
    servers.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    try:
        with Store(servers.url_of(name).replace("postgresql://", "postgresql+psycopg2://", 1)) as made:
            yield made
    finally:
        servers.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(module_store: "Store") -> "Store":
    """The kernel's storage on an empty, migrated database."""
    module_store.empty()
    return module_store
