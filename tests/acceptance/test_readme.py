"""What the README shows really runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sample_logs import OOM
from tests.support.stacks import Running

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bifrost(everyday) -> Running:
    return everyday


def test_its_python_example_prints_a_diagnosis(bifrost, tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "app.log").write_text(OOM, encoding="utf-8")
    state = bifrost.stack.state
    assert '"http://localhost:8000"' in example
    script = f"api_key = {state.api_key!r}\n" + example.replace("http://localhost:8000", state.url)
    # -P: what is installed, as a user has it, and not what lies in the current directory
    run = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert "OOMKilled" in run.stdout


def test_its_curl_example_is_accepted(bifrost, tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^\$ (curl .*?)\n```", readme, re.DOTALL | re.MULTILINE)
    state = bifrost.stack.state
    script = example.replace("localhost:8000", state.url.removeprefix("http://"))
    run = subprocess.run(
        ["sh", "-c", script],
        env={"PATH": "/usr/bin:/bin", "BIFROST_API_KEY": state.api_key},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert '"status":"' in run.stdout
