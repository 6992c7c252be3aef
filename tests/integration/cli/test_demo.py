"""`demo`: the whole of Bifrost, from nothing to diagnoses and back to nothing."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.integration

OUT_OF_MEMORY = "node1 kernel: Out of memory: Killed process 1234 (java) total-vm:8000000kB\n"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine whose own settings would lead astray."""
    (tmp_path / "tmp").mkdir()
    return {
        **os.environ,  # noqa: TID251 - PATH and the like
        "TMPDIR": str(tmp_path / "tmp"),
        "DATABASE_URL": "postgresql://127.0.0.1:9/real",
        "BIFROST_REDIS_URL": "redis://127.0.0.1:9/0",
        "BIFROST_DATA_DIR": str(tmp_path / "real"),
    }


def test_demo_diagnoses_what_it_is_given_and_leaves_nothing(environ, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "oom.log").write_text(OUT_OF_MEMORY)
    (logs / "healthy.log").write_text("INFO GET /health 200\n" * 5)
    command = [sys.executable, "-m", "app.cli.main", "demo", str(logs)]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=90)
        finally:
            process.kill()
    assert process.returncode == 0, err
    healthy, oom = out.split("\n\n")
    assert healthy.startswith("healthy.log: NO ISSUE")
    assert "built-in rules" in healthy
    assert oom.startswith("oom.log\n ")
    assert "│ node1 kernel: Out of memory: Killed process 1234 (java)" in oom
    assert "app.cli.main up" in err or "bifrost-cli up" in err
    assert "2 logs diagnosed" in err
    assert "api_key" not in out + err
    assert list((tmp_path / "tmp").glob("bifrost-demo-*")) == []
    assert not (tmp_path / "real").exists()
    left = [
        one
        for one in psutil.process_iter(["environ"])
        if (one.info["environ"] or {}).get("TMPDIR") == environ["TMPDIR"]
    ]
    assert left == []


def test_demo_without_examples_says_so_before_it_starts_anything(environ, tmp_path):
    command = [sys.executable, "-m", "app.cli.main", "demo", str(tmp_path / "none")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "no such file or directory" in done.stderr
