"""This process's container: built on first use after the fork, attended while it lives, closed at its end."""

import os
import secrets
import signal
import socket
import threading
from contextlib import closing

import structlog
from billiard import pool
from celery import signals
from celery.worker import WorkController

from app import telemetry
from app.container import Container, build
from app.lifeline import die_with_parent
from app.settings import Settings, load
from worker import attending
from worker.leaving import Leaving
from worker.mourning import mourn

log = structlog.get_logger(__name__)

#: One worker: its main process and the children forked from it. Two on machines of the same name are not mixed up.
_FAMILY = f"{socket.gethostname()}:{secrets.token_hex(4)}:"

#: How often a child that ends looks, every 0.1 s, whether its main process has seen its last result. Celery 5.7 may
#: never do so in a shutdown, and results mean nothing to us.
_LOOKS_FOR_RESULT = 5

_lock = threading.Lock()
_container: Container | None = None
_settings: Settings | None = None
_leaving: Leaving | None = None
_ended = threading.Event()
_fetched: tuple[int, ...] = ()


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
            if _leaving is not None and _leaving.asked:
                _container.execution.shut_down()
            attending.attend(_container, _ended)
        return _container


def name() -> str:
    """Who holds a lease: for people who look into the database, and to hand back what a worker's children hold."""
    return f"{_FAMILY}{os.getpid()}"


def drop(analysis_ids: tuple[int, ...]) -> None:
    """Celery closes its consumer, and forgets these: fetched and not begun. Whoever ends in order sends them back."""
    global _fetched  # noqa: PLW0603 - one consumer per process
    _fetched = analysis_ids


def _cut() -> None:
    """Running model calls end and their analyses are handed back. Children go on with the logs they read."""
    with _lock:
        if _container is not None:
            _container.execution.shut_down()


def _hand_back() -> None:
    """The grace period is over: whatever this worker still holds waits again; who goes on with it is fenced."""
    parts = _container or build(settings())
    count = parts.execution.release(_FAMILY, fetched=_fetched)
    log.warning("worker_left_unfinished", handed_back=count)


@signals.celeryd_init.connect
def _begins(**_: object) -> None:
    # before Celery's first warnings, so that they are log lines too
    telemetry.share_metrics(settings().metrics.directory)
    telemetry.configure_logging(settings().log)


@signals.setup_logging.connect
def _configured(**_: object) -> None:
    """Somebody answers this signal, so Celery leaves the log alone."""


@signals.worker_init.connect
def _starts(sender: WorkController, **_: object) -> None:  # noqa: ARG001 - Celery gives it by name
    global _leaving  # noqa: PLW0603 - one per worker
    _leaving = Leaving(grace=settings().worker.shutdown_seconds, cut=_cut, hand_back=_hand_back)
    # What children would load one by one, they inherit: one that replaces another is at work 0.2 s sooner. The parts
    # themselves are thrown away, and have opened nothing.
    with closing(build(settings())) as parts:
        parts.execution.warm_up()
    mourn(lambda: build(settings()), _FAMILY)
    # A child that SIGTERM kills before it could ignore it leaves Celery waiting for it until the grace period is over.
    os.register_at_fork(before=_hold_sigterm, after_in_parent=_let_sigterm_come)


def _hold_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _let_sigterm_come() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


@signals.worker_process_init.connect
def _born(**_: object) -> None:
    die_with_parent()
    # A service manager may tell the whole group. The main process decides when a child ends: it finishes its log first.
    # (A handler would be replaced by billiard's, which exits in the middle of whatever runs; this stays.)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _let_sigterm_come()
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _LOOKS_FOR_RESULT
    # now, rather than while the first analysis waits
    container()


@signals.worker_shutting_down.connect
def _shutting_down(**_: object) -> None:
    """SIGTERM. Runs inside the signal handler: whatever takes a lock is for the thread that waits for this."""
    if _leaving is not None:
        _leaving.ask()


@signals.worker_process_shutdown.connect
@signals.worker_shutdown.connect
def _ends(**_: object) -> None:
    _ended.set()
    if _leaving is not None:
        _leaving.done()
    if _container is not None:
        _container.close()
