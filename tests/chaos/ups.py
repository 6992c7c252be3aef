"""A site of `bifrost-cli up`: one process that looks after all the others, killed and started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import requests

from app.embedded.servers import free_port
from app.state import read_state
from tests.chaos.failpoints import Points
from tests.chaos.sites import ROOT, SETTINGS
from tests.support.stacks import environ, processes, providers_at
from tests.support.waiting import until


class UpSite:
    """What a case needs of a `Site`, as far as `up` has it."""

    def __init__(self, directory: Path, model_port: int) -> None:
        self.directory = directory
        self.points = Points(directory / "points")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api_key = self.database_url = ""
        self._environ = environ(directory, providers_at(f"http://127.0.0.1:{model_port}") | SETTINGS)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        finally:
            self.kill()

    @property
    def logs(self) -> Path:
        return self.directory / "data" / "logs"

    def start(self) -> None:
        command = [sys.executable, "-m", "app.cli.main", "up", "--port", str(self.port)]
        with (self.directory / "up.log").open("ab") as output:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environ, stdout=output, stderr=output)
        until(self._is_up, timeout=60, what="`up` being up")

    def kill(self) -> None:
        """And nobody is left."""
        assert self._process
        self._process.kill()
        self._process.wait()
        until(lambda: not self.left(), what="nothing left behind")

    def forgive(self) -> None:
        """Nothing but `up` itself was killed."""

    def wait_ready(self, timeout: float = 60) -> None:
        until(self._answers, timeout=timeout, what="the site being ready")

    def left(self) -> dict[int, str]:
        """Processes of this site that run."""
        return {pid: command for pid, command in processes(self.directory).items() if pid != os.getpid()}

    def _is_up(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.directory / "up.log").read_text(encoding="utf-8")
        state = read_state(self.directory / "data")
        if state is None or state.pid != self._process.pid:
            return False
        self.api_key, self.database_url = state.api_key, state.database_url
        return True

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except requests.RequestException:
            return False
