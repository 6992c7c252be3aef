import os
import subprocess
import sys

import pytest
import requests

from app import telemetry
from app.embedded.servers import free_port

pytestmark = pytest.mark.integration

COUNT = """
import sys
from pathlib import Path
from app import telemetry
telemetry.share_metrics(Path(sys.argv[1]))
seconds = float(sys.argv[2])
telemetry.count_analysis(status="completed", source="rules", provider="rules", degraded=False, seconds=seconds)
"""
TELL = """
import sys
from pathlib import Path
from app import telemetry
telemetry.share_metrics(Path(sys.argv[1]))
print(telemetry.exposition("", tuple)[0].decode())
"""
CROWD = """
import sys, threading
from pathlib import Path
from app import telemetry
telemetry.share_metrics(Path(sys.argv[1]))
sys.setswitchinterval(1e-6)
ready = threading.Barrier(8)
def count():
    ready.wait()
    telemetry.count_error("storage_unavailable", where="relay")
    telemetry.count_records("queued", 1)
threads = [threading.Thread(target=count) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def run(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


def test_processes_that_share_a_directory_are_added_up_also_when_they_have_ended(tmp_path):
    for seconds in (0.2, 3, 40):
        run(COUNT, tmp_path, seconds)
    told = run(TELL, tmp_path)
    assert 'analysis_total{degraded="false",provider="rules",source="rules",status="completed"} 3.0' in told
    assert 'analysis_duration_seconds_sum{provider="rules",status="completed"} 43.2' in told
    assert 'analysis_duration_seconds_bucket{le="5.0",provider="rules",status="completed"} 2.0' in told
    telemetry.clear_metrics(tmp_path)
    assert "completed" not in run(TELL, tmp_path)


def test_threads_that_count_for_the_first_time_at_the_same_time_count_all(tmp_path):
    run(CROWD, tmp_path)
    told = run(TELL, tmp_path)
    assert 'errors_total{code="storage_unavailable",where="relay"} 8.0' in told
    assert 'kafka_records_total{fate="queued"} 8.0' in told


def test_sharing_too_late_is_an_error_not_silence(tmp_path):
    late = "import prometheus_client\n" + TELL
    done = subprocess.run(
        [sys.executable, "-c", late, str(tmp_path)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "imported before share_metrics" in done.stderr


def test_a_process_alone_answers_scrapes_on_a_port_of_its_own():
    port = free_port()
    telemetry.count_cache_lookup("exact", "hit")
    stop = telemetry.serve_metrics(port)
    try:
        assert (
            'cache_lookups_total{kind="exact",outcome="hit"}'
            in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        )
    finally:
        stop()
