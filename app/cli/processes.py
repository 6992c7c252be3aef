"""`serve`, `worker`, `dispatcher`: one process each, for a service manager or a container to start."""

import importlib
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn

import click

from app.cli.connection import administrative, remembered_environ

_STAGES = ("prepare", "infer")
#: CPU work needs processes; waiting on models needs threads.
_POOLS: Mapping[str, str] = MappingProxyType({"prepare": "prefork", "infer": "threads"})


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on [default: web.host].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on [default: web.port].")
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: web.workers].")
@click.option("--threads", type=click.IntRange(min=1), help="Threads in each process [default: web.threads].")
def serve(**given: str | int | None) -> None:
    """Run the web process.

    gunicorn, which takes over this process: signals reach it directly.
    """
    administrative()
    web = {f"BIFROST_WEB__{name.upper()}": str(value) for name, value in given.items() if value is not None}
    _become("gunicorn", "--config", "python:app.gunicorn", "wsgi:app", environ=web)


@click.command()
@click.argument("stage", type=click.Choice(_STAGES))
@click.option("--concurrency", type=click.IntRange(min=1), help="Analyses at the same time [default: from settings].")
@click.option("--queues", metavar="NAME,NAME", help="Only these queues [default: all of the stage].")
@click.option("--events", is_flag=True, help="Tell Flower about each task; costs throughput.")
def worker(*, stage: str, concurrency: int | None, queues: str | None, events: bool) -> None:
    """Run a worker of one stage.

    `prepare` reads logs (processes, for the CPU), `infer` waits for models (threads). Celery takes over this process.
    """
    from app.broker import QUEUES

    settings = administrative()
    defaults = {"prepare": settings.worker.prepare_processes, "infer": settings.worker.infer_threads}
    watched = ("--events",) if events else ("--without-heartbeat",)
    _become(
        "celery",
        "--app=worker",
        "--quiet",
        "worker",
        f"--queues={queues or ','.join(QUEUES[stage])}",
        f"--pool={_POOLS[stage]}",
        f"--concurrency={concurrency or defaults[stage]}",
        # two of a stage on one machine need two names
        f"--hostname={stage}-{os.getpid()}@%h",
        f"--loglevel={settings.log.level}",
        # workers have nothing to tell each other: this saves a second at the start
        "--without-mingle",
        "--without-gossip",
        *watched,
        environ={},
    )


@click.command()
def dispatcher() -> None:
    """Run the dispatcher.

    It moves what is due from the database to the workers, and looks after leases and deadlines. Several may run.
    """
    settings = administrative()
    os.environ.update(remembered_environ())  # noqa: TID251 - Celery's configuration reads the settings once more
    # by name: the app does not know the worker
    importlib.import_module("worker.dispatcher.loop").run(settings)


def _become(module: str, *arguments: str, environ: Mapping[str, str]) -> NoReturn:
    """Replace this process, so that there is one less to stop."""
    safe = ("-P",) if sys.flags.safe_path else ()
    full = {**os.environ, **remembered_environ(), **environ}  # noqa: TID251 - the process reads its own settings
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *safe, "-m", module, *arguments], full)  # noqa: S606 - no shell is meant
