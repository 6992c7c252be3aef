"""A small HTTP server that speaks the API's contract: what it is told to go through, it goes through.

with ApiServer() as server:
    server.steps = (("queued", "prepare"), ("running", "infer"))   # one for each look, then the end
    server.refuse(429, "rate_limited", retry_after="1")            # the next request
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import zstandard

KEY = "bf_test_secret"
TERMINAL = {"completed", "failed", "cancelled"}


@dataclass
class Seen:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Refusal:
    """What the next request gets instead of an answer. Status 0: the connection is cut."""

    status: int
    code: str
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def diagnosis(severity: str = "HIGH", *, issues_found: bool = True) -> dict[str, Any]:
    return {
        "summary": "The database refuses connections.",
        "root_cause": "PostgreSQL on db-1 reached max_connections.",
        "recommendation": "1. Restart the pool.\n2. Raise max_connections.",
        "severity": severity,
        "confidence": 0.9,
        "issues_found": issues_found,
        "evidence": [{"line": 3, "text": "FATAL: sorry, too many clients already"}] if issues_found else [],
    }


COVERAGE = {
    "bytes_total": 120, "bytes_replaced": 0, "lines_total": 4, "lines_blank": 1, "lines_sent": 3, "lines_cut": 0,
    "lines_counted": 0, "left_out": [], "records": 3, "templates": 3, "templates_sent": 3, "redactions": {"email": 1},
    "tokens_estimated": 90, "token_budget": 8000, "evidence_cited": 1, "evidence_dropped": 0,
}  # fmt: skip


class ApiServer:
    """Keeps analyses in memory. Every request is in `seen`."""

    def __init__(self) -> None:
        self.steps: tuple[tuple[str, str], ...] = ()
        #: What an analysis with this log ends with; `None` in it means any other.
        self.ends: dict[str | None, dict[str, Any]] = {None: {"status": "completed", "diagnosis": diagnosis()}}
        self.max_log_chars = 1_000_000
        self.statistics: dict[str, Any] = {}
        self.page_size = 100
        self.seen: list[Seen] = []
        self._analyses: dict[int, dict[str, Any]] = {}
        self._logs: dict[int, str] = {}
        self._looks: dict[int, int] = {}
        self._by_idempotency_key: dict[str, int] = {}
        self._refusals: list[Refusal] = []
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.server_port}"

    def refuse(self, status: int, code: str, *, retry_after: str | None = None, **extra: Any) -> None:
        headers = {"Retry-After": retry_after} if retry_after else {}
        self._refusals.append(Refusal(status=status, code=code, headers=headers, extra=extra))

    def cut_connection(self) -> None:
        self._refusals.append(Refusal(status=0, code=""))

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: Seen) -> tuple[int, dict[str, str], dict[str, Any]]:
        self.seen.append(request)
        if self._refusals:
            refusal = self._refusals.pop(0)
            return refusal.status, refusal.headers, problem(refusal.status, refusal.code, **refusal.extra)
        if request.headers.get("x-api-key") != KEY and not request.path.startswith("/health"):
            return 401, {}, problem(401, "key_invalid", detail="The API key is unknown, expired or revoked.")
        parts = request.path.strip("/").split("/")
        routes: dict[tuple[str, int], Callable[..., tuple[int, dict[str, str], dict[str, Any]]]] = {
            ("GET", 2): lambda *_: (200, {}, {"status": "ready", "checks": []}),
            ("POST", 3): self._submit,
            ("GET", 4): self._get,
            ("GET", 3): self._stats if request.path.endswith("/stats") else self._list,
            ("POST", 5): self._retry if parts[-1] == "retry" else self._cancel,
        }
        return routes[request.method, len(parts)](request, *parts[3:4])

    def _submit(self, request: Seen) -> tuple[int, dict[str, str], dict[str, Any]]:
        log = request.body["log_content"]
        if len(log) > self.max_log_chars:
            return 413, {}, problem(413, "log_too_large", detail="The log is larger than this server accepts.")
        key = request.headers["idempotency-key"]
        replayed = key in self._by_idempotency_key
        number = self._by_idempotency_key.setdefault(key, len(self._analyses) + 1)
        if not replayed:
            status, stage = self.steps[0] if self.steps else ("queued", "prepare")
            self._logs[number] = log
            self._analyses[number] = {
                "id": number, "status": status, "stage": stage, "source": request.body.get("source", "auto"),
                "provider": "rules", "model": None, "degraded": False, "cached": False, "diagnosis": None,
                "coverage": None, "usage": None, "attempts": 1, "error": None, "tags": request.body.get("tags", []),
                "service_name": request.body.get("service_name"), "language": request.body.get("language", "en"),
                "created_at": "2026-01-31T12:00:00+00:00", "duration_seconds": None, "new_field": "kept",
            }  # fmt: skip
        return 202, {"Retry-After": "1", "Idempotency-Replayed": str(replayed).lower()}, self._analyses[number]

    def _get(self, _: Seen, number: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        found = self._analyses.get(int(number))
        if found is None:
            return 404, {}, problem(404, "analysis_not_found", detail="There is no such analysis.")
        looks = self._looks[int(number)] = self._looks.get(int(number), -1) + 1
        if found["status"] not in TERMINAL:
            if looks < len(self.steps):
                found["status"], found["stage"] = self.steps[looks]
            else:
                end = self.ends.get(self._logs[int(number)].strip(), self.ends[None])
                found |= {"coverage": COVERAGE, "duration_seconds": 0.25} | end
        return 200, {} if found["status"] in TERMINAL else {"Retry-After": "1"}, found

    def _list(self, request: Seen) -> tuple[int, dict[str, str], dict[str, Any]]:
        items = sorted(self._analyses.values(), key=lambda one: -one["id"])
        start = int(request.query.get("cursor", ["0"])[0])
        end = start + min(self.page_size, int(request.query["limit"][0]))
        return 200, {}, {"items": items[start:end], "next_cursor": str(end) if end < len(items) else None}

    def _stats(self, request: Seen) -> tuple[int, dict[str, str], dict[str, Any]]:
        return 200, {}, {"hours": int(request.query["hours"][0]), **self.statistics}

    def _cancel(self, _: Seen, number: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        found = self._analyses.get(int(number))
        if found is None:
            return 404, {}, problem(404, "analysis_not_found", detail="There is no such analysis.")
        if found["status"] in TERMINAL:
            return 409, {}, problem(409, "analysis_finished", detail="The analysis is already finished.")
        found["status"] = "cancelled"
        return 202, {}, found

    def _retry(self, _: Seen, number: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        found = self._analyses[int(number)]
        if found["status"] not in {"failed", "cancelled"}:
            return 409, {}, problem(409, "analysis_unfinished", detail="The analysis has not ended yet.")
        found["status"] = "queued"
        return 202, {}, found


def problem(status: int, code: str, **extra: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": "No", "status": status, "code": code} | extra


def _text(path: str, data: bytes) -> dict[str, Any]:
    """A log as it is, its fields in the query."""
    query = parse_qs(urlsplit(path).query, keep_blank_values=True)
    fields: dict[str, Any] = {name: values if name == "tags" else values[0] for name, values in query.items()}
    if "metadata" in fields:
        fields["metadata"] = json.loads(fields["metadata"])
    return {"log_content": data.decode(errors="replace"), **fields}


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # head and body in one packet: in two, the second waits 40 ms for an acknowledgement
        wbufsize = 65_536

        def do_GET(self) -> None:
            self._handle({})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            data = self.rfile.read(length)
            if self.headers.get("Content-Encoding") == "zstd":
                data = zstandard.decompress(data)
            self._handle(_text(self.path, data) if self._is_text() else json.loads(data or b"{}"))

        def _is_text(self) -> bool:
            return self.headers.get("Content-Type", "").startswith("text/plain")

        def _handle(self, body: dict[str, Any]) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, parts.path, parse_qs(parts.query), headers, body)
            status, more, answer = server.answer(seen)
            if status == 0:
                self.close_connection = True
                return
            data = json.dumps(answer).encode()
            self.send_response(status)
            media = "application/json" if status < 400 else "application/problem+json"
            for name, value in {"Content-Type": media, "Content-Length": str(len(data)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    return Handler
