"""The real processes, for acceptance tests: quick to retry, and with a model server for every provider."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from app.client import Client, SubmitOptions
from app.client.answers import RemoteAnalysis
from app.client.errors import ServerUnreachable
from app.domain.diagnoses import Coverage
from app.stack import Stack, Wishes

#: What a test need not wait for.
QUICK = {
    "BIFROST_WORKER__LEASE_SECONDS": "3",
    "BIFROST_WORKER__HEARTBEAT_SECONDS": "0.5",
    "BIFROST_WORKER__BACKOFF_BASE_SECONDS": "0.05",
    "BIFROST_WORKER__BACKOFF_CAP_SECONDS": "0.5",
    "BIFROST_WORKER__RETRY_AFTER_CAP_SECONDS": "1",
    "BIFROST_WORKER__SHUTDOWN_SECONDS": "5",
    "BIFROST_DISPATCHER__POLL_SECONDS": "0.1",
    "BIFROST_DISPATCHER__RESEND_SECONDS": "3",
    "BIFROST_DISPATCHER__LOST_SECONDS": "0.5",
    "BIFROST_DISPATCHER__SWEEP_SECONDS": "0.3",
}


def environ(directory: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of the environment the tests were started in but where programs are, and how coverage is measured."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}  # noqa: TID251 - see above
    home = directory / "home"
    home.mkdir(exist_ok=True, parents=True)
    return {**kept, "HOME": str(home), "BIFROST_DATA_DIR": str(directory / "data"), **QUICK, **(more or {})}


def providers_at(url: str, *, read_timeout: float = 1.5) -> dict[str, str]:
    """Settings that send every provider to one model server; `auto` asks the OpenAI-compatible one."""
    timeouts = {
        f"BIFROST_{name}__READ_TIMEOUT": str(read_timeout) for name in ("OLLAMA", "BEDROCK", "OPENAI_COMPATIBLE")
    }
    return {
        **timeouts,
        "BIFROST_OLLAMA__URL": url,
        "BIFROST_OLLAMA__MODEL": "mistral",
        "BIFROST_BEDROCK__ENDPOINT_URL": url,
        "BIFROST_BEDROCK__REGION": "us-east-1",
        "BIFROST_BEDROCK__MODEL": "anthropic.claude-haiku-4-5",
        "BIFROST_OPENAI_COMPATIBLE__URL": f"{url}/v1",
        "BIFROST_OPENAI_COMPATIBLE__MODEL": "m",
        "BIFROST_OPENAI_COMPATIBLE__API_KEY": "sk-a-key-nobody-may-see",
        "BIFROST_AI__CHAIN": "openai_compatible",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "an-aws-secret-nobody-may-see",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """Everything, running."""

    stack: Stack
    client: Client

    def submit(self, log: str, **options: object) -> int:
        """The id of what was accepted. Always asked anew unless `cache` says else."""
        return self.client.submit(log, SubmitOptions(**{"cache": "off"} | options)).analysis.id

    def answered(self, log: str, *, timeout: float = 30, **options: object) -> RemoteAnalysis:
        """Submitted and finished."""
        return self.finished(self.submit(log, **options), timeout=timeout)

    def finished(self, analysis_id: int, *, timeout: float = 30) -> RemoteAnalysis:
        """When it is. Looks more often than a polite client."""
        deadline = time.monotonic() + timeout
        found = None
        while found is None or not found.finished:
            assert time.monotonic() < deadline, f"not finished within {timeout} s: {found}"
            time.sleep(0.03)
            # the web process itself may just be replaced
            with suppress(ServerUnreachable):
                found = self.client.get(analysis_id)
        return found

    def rows(self, statement: str, *values: object) -> list[tuple]:
        """From the database itself."""
        url = self.stack.state.database_url.replace("+psycopg2", "")
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def logs(self) -> str:
        """Everything the processes have written."""
        return "\n".join(
            path.read_text(encoding="utf-8", errors="replace")
            for path in (self.stack.directory / "logs").glob("*.log*")
        )


@contextmanager
def running(directory: Path, more: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Started, ready, and stopped at the end."""
    with Stack(environ(directory, more), wishes=Wishes(port=0, durable=False)) as stack:
        assert stack.not_ready is None, stack.not_ready
        yield Running(stack=stack, client=Client(stack.state.url, stack.state.api_key))


def processes(directory: Path) -> dict[int, str]:
    """Process ids and command lines of whatever runs with this data directory (Linux)."""
    found = {}
    wanted = str(directory).encode()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
        except OSError:  # it ended, or is not ours
            continue
        if command and int(path.name) != os.getpid() and wanted in command + environment:
            found[int(path.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def assert_true_to(log: str, found: RemoteAnalysis) -> None:
    """Every quoted line stands where it is said to stand, and every line is accounted for."""
    assert found.diagnosis is not None
    lines = log.splitlines()
    for evidence in found.diagnosis.evidence:
        assert evidence.text in lines[evidence.line - 1], evidence
    assert found.coverage is not None
    assert_adds_up(found.coverage)
    assert found.coverage.lines_total == len(lines)
    assert found.coverage.bytes_total == len(log.encode())


def assert_adds_up(coverage: Coverage) -> None:
    parts = coverage.lines_blank + coverage.lines_sent + coverage.lines_counted + coverage.lines_left_out
    assert coverage.lines_total == parts, coverage
