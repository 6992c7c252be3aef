"""`python -m tests.chaos.launch serve|worker|dispatcher …`: `bifrost-cli` with fail-points and marked questions.

Here, and in no file of the app, the parts of `app.container` are replaced by the same parts with points around them.
`BIFROST_TEST_POINTS` is the directory of the points' files.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from app import container
from app.cli.main import main
from app.providers import factories
from tests.chaos.failpoints import MarkedProvider, MortalBroker, MortalUnitOfWork, Points


def install(points: Points) -> None:
    """From now on, in this process and in those it forks."""
    unit_of_work, broker = container.PostgresUnitOfWork, container.CeleryBroker
    parts: Any = container
    parts.PostgresUnitOfWork = lambda *given, **options: MortalUnitOfWork(unit_of_work(*given, **options), points)
    parts.CeleryBroker = lambda *given, **options: MortalBroker(broker(*given, **options), points)
    table: Any = factories.FACTORIES
    table.update({name: partial(_marked, make, points) for name, make in table.items() if name != "rules"})


def _marked(make: Any, points: Points, settings: Any) -> Any:
    provider = make(settings)
    return None if provider is None else MarkedProvider(provider, points)


if __name__ == "__main__":
    install(Points(Path(os.environ["BIFROST_TEST_POINTS"])))  # noqa: TID251 - a setting of the tests, not of Bifrost
    sys.exit(main())
