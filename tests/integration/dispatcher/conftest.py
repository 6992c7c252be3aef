from collections.abc import Callable, Iterator

import pytest

from app.container import Container, build
from app.settings import Settings
from tests.support.receivers import SECRET, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def parts(store) -> Iterator[Callable[..., Container]]:
    """A process's parts on the test's database, impatient; sections of settings may be given."""
    made: list[Container] = []

    def build_parts(**sections) -> Container:
        usual = {
            "database": {"url": store.url},
            "redis": {"url": "redis://127.0.0.1:1/0"},
            "webhooks": {"secret": SECRET, "allowed_hosts": ["127.0.0.1"], "schedule": [0.1, 0.1, 0.1], "timeout": 5},
            "outbox": {"poll_seconds": 0.05, "lease_seconds": 2},
            "worker": {"shutdown_seconds": 3},
        }
        for name, changes in sections.items():
            usual[name] = usual.get(name, {}) | changes
        made.append(build(Settings.model_validate(usual)))
        return made[-1]

    yield build_parts
    for container in made:
        container.close()
