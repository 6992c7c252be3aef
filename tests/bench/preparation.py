"""How fast a log becomes a prompt, everything from redaction by default to the token budget, and in how much memory.

All of it is work of one thread, so that its processor time counts: what else runs on the machine matters less.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from app.domain.analyses import Mask
from app.pipeline.preparation import PreparationLimits, prepare
from tests.bench.generating import generated_log
from tests.bench.measures import Measure
from tests.bench.naive import naive

LIMITS = PreparationLimits(max_line_chars=1000, max_templates=2000)
#: Of the same log, for the row to compare with, which is slow.
_NAIVE_MEGABYTES = 2.0


def preparation(megabytes: float) -> list[Measure]:
    """A process of its own prepares the log three times and tells the best time; another once, and its peak memory."""
    with tempfile.TemporaryDirectory(prefix="bifrost-bench-") as directory:
        path = Path(directory) / "generated.log"
        path.write_text(generated_log(megabytes), encoding="utf-8")
        fast, small = _alone(path, times=3), _alone(path, times=1)
    compared = _naive(min(megabytes, _NAIVE_MEGABYTES))
    speed = megabytes / fast["seconds"]
    group = f"preparing {megabytes:g} MB ({fast['lines']:,.0f} lines)"
    return [
        Measure(group=group, name="throughput, by processor time", value=speed, unit="MB/s"),
        Measure(
            group=group, name="peak resident memory beyond the interpreter's", value=small["memory"], unit="x the log"
        ),
        Measure(group=group, name="the same of the naive way", value=compared, unit="MB/s"),
        Measure(group=group, name="faster than the naive way", value=speed / compared, unit="x"),
    ]


def _naive(megabytes: float) -> float:
    log = generated_log(megabytes)
    naive(log[:50_000])
    began = time.process_time()
    naive(log)
    return megabytes / (time.process_time() - began)


def _alone(path: Path, *, times: int) -> dict[str, float]:
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench.preparation", str(path), str(times)],
        check=True,
        capture_output=True,
        timeout=600,
    )
    found: dict[str, float] = json.loads(told.stdout)
    return found


def _main(path: Path, times: int) -> None:
    prepare("ERROR warm up\n" * 10, limits=LIMITS, token_budget=8000, mask=Mask.PUBLIC)  # compiles the patterns
    before, best, lines = _peak(), float("inf"), 0
    log = path.read_text(encoding="utf-8")
    for _ in range(times):
        began = time.process_time()
        lines = prepare(log, limits=LIMITS, token_budget=8000, mask=Mask.PUBLIC).coverage.lines_total
        best = min(best, time.process_time() - began)
    memory = (_peak() - before) / path.stat().st_size
    sys.stdout.write(json.dumps({"seconds": best, "lines": lines, "memory": memory}))


def _peak() -> int:
    """Bytes of memory that this process has held at most (VmHWM: resident, as the kernel counts)."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
