"""`serve`, `worker`, `dispatcher`, `bridge`: one process each, for a service manager or a container to start."""

import importlib
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

import click

from app.cli.connection import administrative, remembered_environ
from app.cli.exits import Stop

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

    It is gunicorn: its signals work.
    """
    administrative()
    web = {f"BIFROST_WEB__{name.upper()}": str(value) for name, value in given.items() if value is not None}
    _read_by_children(web)
    # gunicorn reads its arguments here, also when it is told to start itself anew
    sys.argv = ["gunicorn", "--config=python:app.gunicorn", "wsgi:app"]
    importlib.import_module("gunicorn.app.wsgiapp").run()


@click.command()
@click.argument("stage", type=click.Choice(_STAGES))
@click.option("--concurrency", type=click.IntRange(min=1), help="Analyses at the same time [default: from settings].")
@click.option("--queues", metavar="NAME,NAME", help="Only these queues [default: all of the stage].")
@click.option("--events", is_flag=True, help="Tell Flower about each task; costs throughput.")
def worker(*, stage: str, concurrency: int | None, queues: str | None, events: bool) -> None:
    """Run a worker of one stage.

    `prepare` reads logs (processes, for the CPU), `infer` waits for models (threads). It is Celery: its signals work.
    """
    settings = administrative()
    defaults = {"prepare": settings.worker.prepare_processes, "infer": settings.worker.infer_threads}
    watched = ("--events",) if events else ("--without-heartbeat",)
    _read_by_children({})
    # in this process, since Python and Celery take a second to start; by name, since the app does not know the worker
    celery = importlib.import_module("worker.celery").app
    names = queues or ",".join(importlib.import_module("app.broker").QUEUES[stage])
    celery.worker_main(
        [
            "--quiet",
            "worker",
            f"--queues={names}",
            f"--pool={_POOLS[stage]}",
            f"--concurrency={concurrency or defaults[stage]}",
            # two of a stage on one machine need two names
            f"--hostname={stage}-{os.getpid()}@%h",
            f"--loglevel={settings.log.level}",
            # workers have nothing to tell each other: this saves a second at the start
            "--without-mingle",
            "--without-gossip",
            *watched,
        ]
    )


@click.command()
def dispatcher() -> None:
    """Run the dispatcher.

    It moves what is due from the database to the workers, looks after leases and deadlines, sends webhooks, counts and
    deletes. Several may run.
    """
    settings = administrative()
    _read_by_children({})
    # by name: the app does not know the worker
    importlib.import_module("worker.dispatcher.loop").run(settings)


@click.command()
def bridge() -> None:
    """Run the bridge to Kafka.

    It reads Heimdall's requests, and publishes their results and the dead letters. Several may run: they share the
    partitions.
    """
    settings = administrative()
    if not settings.kafka.bootstrap_servers:
        raise Stop("No Kafka is configured: set BIFROST_KAFKA__BOOTSTRAP_SERVERS.")
    # here, since librdkafka is loaded by nothing else of the command line
    from app.kafka.checking import check

    check(settings.kafka)
    _read_by_children({})
    # by name: the app does not know the worker
    importlib.import_module("worker.bridge.process").run(settings)


def _read_by_children(settings: Mapping[str, str]) -> None:
    """What was given here, or remembered by `up`, for everything that reads the settings after us."""
    os.environ.update({**remembered_environ(), **settings})  # noqa: TID251 - see above
