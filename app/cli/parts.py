"""The services, for the commands that work without the API."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import structlog

from app.cli.connection import remembered_environ
from app.settings import Settings

if TYPE_CHECKING:
    from app.container import Container


@contextmanager
def quiet() -> Iterator[None]:
    """Meanwhile only errors are logged, and never on standard output, where the results go."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def opened(settings: Settings) -> Iterator["Container"]:
    """A container, quiet and alone to use."""
    from app.container import build

    # Celery's configuration reads the settings once more, by itself
    remembered = remembered_environ()
    os.environ.update(remembered)  # noqa: TID251 - see above
    try:
        with quiet(), closing(build(settings)) as container:
            yield container
    finally:
        for name in remembered:
            del os.environ[name]  # noqa: TID251 - see above
