"""The real web server in processes of its own: `with WebServer(environ, directory) as server: server.url`."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import requests

from app.embedded.servers import free_port
from tests.support.waiting import until

_ROOT = Path(__file__).parents[2]


class WebServer:
    """gunicorn with two processes of two threads, on a free port of loopback."""

    def __init__(self, environ: Mapping[str, str], directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        self._environ = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - a process needs one
            "PYTHONPATH": str(_ROOT),
            "TMPDIR": str(directory),
            "BIFROST_WEB__PORT": str(self.port),
            "BIFROST_WEB__WORKERS": "2",
            "BIFROST_WEB__THREADS": "2",
            "BIFROST_LOG__LEVEL": "DEBUG",
            **environ,
        }

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "gunicorn", "--config", "python:app.gunicorn", "wsgi:app"]
        with (self._directory / "web.log").open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=self._directory, env=self._environ, stdout=output, stderr=output
            )
        try:
            until(self._answers, timeout=30, what="the web server answers")
        except BaseException as error:
            self.stop(signal.SIGKILL)
            error.add_note((self._directory / "web.log").read_text(errors="replace"))
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, and do not return before it is gone."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=5)

    def said(self) -> list[dict[str, object]]:
        """Its log."""
        lines = (self._directory / "web.log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the web server has ended"
        try:
            return requests.get(f"{self.url}/health", timeout=2).status_code == 200
        except requests.RequestException:
            return False
