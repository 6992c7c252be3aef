"""The services, for the commands that work without the API."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from app.cli.connection import remembered_environ
from app.settings import Settings

if TYPE_CHECKING:
    from app.container import Container


@contextmanager
def opened(settings: Settings) -> Iterator["Container"]:
    """A container; meanwhile the log is quiet, and never on standard output, where the results go."""
    from app.container import build

    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    # Celery's configuration reads the settings once more, by itself
    remembered = remembered_environ()
    os.environ.update(remembered)  # noqa: TID251 - see above
    try:
        container = build(settings)
        try:
            yield container
        finally:
            container.close()
    finally:
        structlog.configure(**before)
        for name in remembered:
            del os.environ[name]  # noqa: TID251 - see above
