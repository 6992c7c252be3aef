"""One Bifrost for the tests that take it as it comes."""

from collections.abc import Iterator

import pytest

from tests.support.receivers import SECRET
from tests.support.stacks import Running, running

WEBHOOKS = {
    "BIFROST_WEBHOOKS__SECRET": SECRET,
    "BIFROST_WEBHOOKS__ALLOWED_HOSTS": "127.0.0.1",
    "BIFROST_WEBHOOKS__SCHEDULE": "0.2,0.2,0.2",
    "BIFROST_STATISTICS__REFRESH_SECONDS": "0.2",
}


@pytest.fixture(scope="session")
def everyday(tmp_path_factory) -> Iterator[Running]:
    """No model, webhooks allowed. For whoever neither kills nor counts what others do: to start one takes seconds."""
    with running(tmp_path_factory.mktemp("everyday"), WEBHOOKS) as started:
        yield started
