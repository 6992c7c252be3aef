"""This process's container: built on first use after the fork, kept alive by a heartbeat, closed at its end."""

import os
import socket
import threading

import structlog
from celery import signals

from app import telemetry
from app.container import Container, build
from app.domain.errors import BifrostError
from app.lifeline import die_with_parent
from app.settings import Settings, load

log = structlog.get_logger(__name__)

_lock = threading.Lock()
_container: Container | None = None
_settings: Settings | None = None
_ended = threading.Event()


def settings() -> Settings:
    """Read once."""
    global _settings  # noqa: PLW0603 - one per process
    if _settings is None:
        _settings = load()
    return _settings


def container() -> Container:
    """This process's parts. Threads share them."""
    global _container  # noqa: PLW0603 - one per process
    with _lock:
        if _container is None:
            _container = build(settings())
            threading.Thread(target=_beat, args=(_container,), name="heartbeat", daemon=True).start()
        return _container


def name() -> str:
    """Who holds a lease: for people who look into the database."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _beat(parts: Container) -> None:
    """Extend the leases of everything that runs here. Ends with the process."""
    while not _ended.wait(parts.settings.worker.heartbeat_seconds):
        try:
            parts.execution.extend_leases()
        except BifrostError as error:
            log.warning("heartbeat_failed", code=error.code)
        except Exception:
            # whatever it is, the next beat must come: without it every lease is lost
            log.exception("heartbeat_failed")


@signals.celeryd_init.connect
def _begins(**_: object) -> None:
    # before Celery's first warnings, so that they are log lines too
    telemetry.share_metrics(settings().metrics.directory)
    telemetry.configure_logging(settings().log)


@signals.setup_logging.connect
def _configured(**_: object) -> None:
    """Somebody answers this signal, so Celery leaves the log alone."""


@signals.worker_process_init.connect
def _born(**_: object) -> None:
    die_with_parent()
    # now, rather than while the first analysis waits
    container().execution.warm_up()


@signals.worker_shutting_down.connect
def _shutting_down(**_: object) -> None:
    """SIGTERM. Runs inside the signal handler: only set flags and close sockets."""
    if _container is not None:
        _container.execution.shut_down()


@signals.worker_process_shutdown.connect
@signals.worker_shutdown.connect
def _ends(**_: object) -> None:
    _ended.set()
    if _container is not None:
        _container.close()
