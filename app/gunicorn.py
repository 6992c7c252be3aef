"""Settings of gunicorn, from ours: `gunicorn --config python:app.gunicorn wsgi:app`. Lower-case names are its own."""

import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from socket import socket
from types import FrameType

import structlog
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException, UnsupportedTransferCoding
from gunicorn.http.message import Request
from gunicorn.util import write_nonblock

from app import telemetry
from app.connections import PatientWorker
from app.lifeline import die_with_parent
from app.settings import load

log = structlog.get_logger()

_SETTINGS = load()
#: What is not a request, from the particular to the general, and how it is refused.
_REFUSALS: Mapping[type[Exception], HTTPStatus] = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    ParseException: HTTPStatus.BAD_REQUEST,
}
#: In memory, where there is such a place: a worker's heartbeat must not wait for a disk.
_MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn makes unnamed files of its own in it


class Worker(PatientWorker):
    """Refuses in our own words."""

    def handle_error(self, req: Request | None, client: socket, addr: object, exc: BaseException) -> None:
        """What is not HTTP gets a problem too. Its text is not logged: it may be a piece of somebody's log."""
        status = next((status for kind, status in _REFUSALS.items() if isinstance(exc, kind)), None)
        if status is None:
            super().handle_error(req, client, addr, exc)
            return
        from app.api.errors import MEDIA_TYPE, unparsed

        log.warning("request_unparsed", kind=type(exc).__name__)
        body = unparsed(status)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n"
            f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with suppress(OSError):
            write_nonblock(client, head.encode() + body)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Whoever waits for an analysis is told where it stands before we go."""
        loaded = sys.modules.get("wsgi")
        if loaded is not None and hasattr(loaded, "container"):
            loaded.container.waiting.close()
        super().handle_exit(sig, frame)


class Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's messages in our log. Requests are logged by app.api, with their ids."""

    def setup(self, cfg: Config) -> None:
        """Without handlers of its own."""
        super().setup(cfg)
        telemetry.configure_logging(_SETTINGS.log)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.NOTSET)


bind = (
    f"[{_SETTINGS.web.host}]:{_SETTINGS.web.port}"
    if ":" in _SETTINGS.web.host
    else f"{_SETTINGS.web.host}:{_SETTINGS.web.port}"
)
workers = _SETTINGS.web.workers
threads = _SETTINGS.web.threads
worker_class = Worker
logger_class = Log
worker_tmp_dir = str(_MEMORY) if _MEMORY.is_dir() else None
control_socket_disable = True
# connections of a process, idle ones included; with its own files well below the usual limit of 1,024 open ones
worker_connections = 512
# connections and threads are made after the fork
preload_app = False
backlog = 1024
# seconds; clients are not waited for that long, see app.connections and app.api.slow_clients
timeout = 60
graceful_timeout = 10
keepalive = 15
# a request line holds a cursor and some filters, a header a key: more than this is an attack
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190


def on_starting(server: Arbiter) -> None:
    """Several processes need a place to add up their metrics, also when nobody named one."""
    named = _SETTINGS.metrics.directory
    server.temporary_metrics = None if named else tempfile.mkdtemp(prefix="bifrost-metrics-")
    telemetry.share_metrics(named or Path(server.temporary_metrics))


def on_exit(server: Arbiter) -> None:
    """Leave nothing behind."""
    if server.temporary_metrics:
        shutil.rmtree(server.temporary_metrics, ignore_errors=True)


def post_fork(_server: Arbiter, _worker: Worker) -> None:
    """A worker ends with its master, however that ends."""
    die_with_parent()


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Its gauges go, its counts stay."""
    telemetry.forget_process(worker.pid)


def worker_exit(_server: Arbiter, _worker: Worker) -> None:
    """Give back what the process holds: connections above all."""
    loaded = sys.modules.get("wsgi")
    if loaded is not None and hasattr(loaded, "container"):
        loaded.container.close()
