"""A model server on loopback that speaks Ollama, Bedrock Converse and OpenAI chat completions, and misbehaves at will.

    with ModelServer() as server:
        server.script(throttle(3), answer('{"summary": …}'))   # one behavior per request, then `answer()` for ever
        ... call f"{server.url}" (Ollama, Bedrock) or f"{server.url}/v1" (OpenAI) ...
        server.requests[0].body, server.requests[0].closed_early.wait(5)

As a process: `python -m tests.support.model_server --port 0 --behaviors throttle:2,hang` prints `{"url": …}`; then
`POST /_script ["throttle:2", "answer"]` scripts it and `GET /_requests` tells what it was asked.
"""

import argparse
import json
import os
import re
import select
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.support.model_behaviors import Behavior, answer, behavior
from tests.support.model_protocols import Bedrock, Ollama, OpenAI, Protocol

MODELS = ("m", "mistral", "anthropic.claude-haiku-4-5", "us.anthropic.claude-haiku-4-5-20251001-v1:0")


@dataclass
class Recorded:
    """A request for an answer."""

    path: str
    headers: dict[str, str]
    body: dict
    #: Set when the client went away before we had said everything.
    closed_early: threading.Event = field(default_factory=threading.Event)
    #: Which TCP connection it came over.
    connection: int = 0


class Exchange:
    """What a behavior can do with one request."""

    def __init__(self, handler: "_Handler", protocol: Protocol, recorded: Recorded) -> None:
        self._handler = handler
        self.protocol = protocol
        self.recorded = recorded
        self._streams = False

    def respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """A whole response."""
        self._handler.respond(status, headers, body)

    def begin(self, content_type: str | None = None) -> None:
        """200 and the headers of a chunked stream."""
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", content_type or self.protocol.content_type)
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()
        self._streams = True

    def say(self, data: bytes) -> None:
        """Some bytes of the stream, at once."""
        if data:  # an empty chunk would be the end
            self._handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def finish(self) -> None:
        """The proper end of the stream."""
        self._handler.wfile.write(b"0\r\n\r\n")

    def drop(self, *, reset: bool = False) -> None:
        """End the connection in the middle."""
        connection = self._handler.connection
        self._handler.close_connection = True
        self._handler.wfile = _Nowhere()
        if not reset:
            connection.shutdown(socket.SHUT_RDWR)
            return
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())  # `close` would wait for the reader

    def wait(self, seconds: float) -> bool:
        """Pause. False when the client left or the server is stopping."""
        return self._handler.wait(seconds, self.recorded)


class _Nowhere:
    """The output of a connection that is gone."""

    closed = False

    def write(self, data) -> int:
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def log_message(self, *_) -> None:
        """Quiet."""

    def respond(self, status, headers, body) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def wait(self, seconds: float, recorded: Recorded) -> bool:
        readable, _, _ = select.select([self.connection, self.server.stopping[0]], [], [], seconds)
        if self.connection in readable and not self.connection.recv(1, socket.MSG_PEEK):
            recorded.closed_early.set()
        return not readable

    def do_GET(self) -> None:
        if self.path == "/_requests":
            asked = [{"path": r.path, "body": r.body, "closed": r.closed_early.is_set()} for r in self.server.requests]
            self._json(200, asked)
        elif self.path == "/api/version":
            self._json(200, {"version": "0.30.0"})
        elif self.path == "/api/tags":
            self._json(200, {"models": [{"name": name, "model": name} for name in MODELS]})
        elif self.path == "/v1/models":
            self._json(*self.server.listing)
        else:
            self._json(404, {"error": "not found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"null")
        if self.path == "/_script":
            self.server.script.extend(behavior(text) for text in body)
            self._json(200, {})
        elif self.path == "/api/show":
            self._show(body)
        elif (protocol := _protocol(self.path, body)) is None:
            self._json(404, {"error": "not found"})
        else:
            self._play(protocol, body)

    def _show(self, body) -> None:
        if body.get("model") in MODELS:
            self._json(200, {"model_info": {"llama.context_length": 8192}})
            return
        self._json(404, {"error": f"model '{body.get('model')}' not found"})

    def _play(self, protocol: Protocol, body) -> None:
        recorded = Recorded(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        recorded.connection = self.client_address[1]
        self.server.requests.append(recorded)
        try:
            play = self.server.script.popleft()
        except IndexError:
            play = self.server.otherwise
        try:
            play(Exchange(self, protocol, recorded))
        except (ConnectionError, TimeoutError):
            recorded.closed_early.set()
            self.close_connection = True

    def _json(self, status, content) -> None:
        self.respond(status, {}, json.dumps(content).encode())


def _protocol(path: str, body: dict) -> Protocol | None:
    if path == "/api/chat":
        return Ollama()
    if path == "/v1/chat/completions":
        return OpenAI()
    if re.fullmatch(r"/model/[^/]+/converse-stream", path):
        return Bedrock(tool="toolConfig" in body)
    return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int) -> None:
        self.script: deque[Behavior] = deque()
        self.otherwise: Behavior = answer()
        self.listing: tuple[int, object] = (200, {"data": [{"id": name} for name in MODELS]})
        self.requests: list[Recorded] = []
        self.stopping = socket.socketpair()
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, *_) -> None:
        """A client that leaves is no error of ours."""


class ModelServer:
    """The server, as a context manager. Stops everything it started, hanging answers too."""

    def __init__(self, port: int = 0) -> None:
        self._server = _Server(port)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._server.stopping[1].close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server.stopping[0].close()

    @property
    def requests(self) -> list[Recorded]:
        """What was asked so far, health checks not among it."""
        return self._server.requests

    def script(self, *behaviors: Behavior) -> None:
        """What to do with the next requests, one each."""
        self._server.script.extend(behaviors)

    def otherwise(self, play: Behavior) -> None:
        """What to do when the script is over."""
        self._server.otherwise = play

    def list_models(self, status: int, content: object) -> None:
        """What `GET /v1/models` answers."""
        self._server.listing = (status, content)


def closed_port() -> int:
    """A port of loopback where nobody listens: a connection is refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviors", default="", help="for the first requests: name or name:number, with commas")
    parser.add_argument("--otherwise", default="answer", help="for all others")
    options = parser.parse_args()
    with ModelServer(options.port) as server:
        server.script(*(behavior(text) for text in options.behaviors.split(",") if text))
        server.otherwise(behavior(options.otherwise))
        print(json.dumps({"url": server.url}), flush=True)  # noqa: T201 # how the process tells its port
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
