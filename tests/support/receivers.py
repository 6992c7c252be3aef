"""Receivers of webhooks on loopback, well and badly behaved, with or without TLS."""

import json
import os
import socket
import ssl
import struct
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#: The same in bytes.
KEY = b"01234567890123456789012345678901"


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict:
        return json.loads(self.body)


Behavior = Callable[["Handler", Received], None]


def say(status: int, body: bytes = b"", **headers: str) -> Behavior:
    """A whole answer."""

    def play(handler: "Handler", _: Received) -> None:
        handler.answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})

    return play


def hang(handler: "Handler", _: Received) -> None:
    """Nothing at all, until the server stops."""
    handler.server.stopping.wait(30)
    handler.close_connection = True


def drip(handler: "Handler", _: Received) -> None:
    """A header now and then, without an end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.stopping.wait(0.05):
        handler.wfile.write(b"X-Slow: yes\r\n")


def flood(handler: "Handler", _: Received) -> None:
    """200, and a body without an end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not handler.server.stopping.is_set():
        handler.wfile.write(b"x" * 65_536)
        handler.server.flooded += 65_536


def garbage(handler: "Handler", _: Received) -> None:
    """What is not HTTP."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    handler.close_connection = True


def leave(handler: "Handler", _: Received) -> None:
    """Closed without a word."""
    handler.close_connection = True


def reset(handler: "Handler", _: Received) -> None:
    """The connection is reset."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())  # `close` would wait for the reader


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        received = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        with self.server.lock:
            self.server.received.append(received)
            play = self.server.script.popleft() if self.server.script else self.server.otherwise
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        try:
            play(self, received)
        except OSError:
            self.close_connection = True
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.received: list[Received] = []
        self.script: deque[Behavior] = deque()
        self.otherwise: Behavior = say(204)
        self.stopping = threading.Event()
        self.busy = self.busiest = self.flooded = 0
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """A sender that leaves is no error of ours."""


class Receiver:
    """A server that acknowledges everything, unless it is told otherwise."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.server = _Server()
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook?to=me"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    @property
    def received(self) -> list[Received]:
        with self.server.lock:
            return list(self.server.received)

    @property
    def busiest(self) -> int:
        """Most requests at the same time."""
        return self.server.busiest

    @property
    def flooded(self) -> int:
        """Bytes that `flood` could send."""
        return self.server.flooded

    def script(self, *behaviors: Behavior) -> None:
        """What to do with the next ones, one each."""
        self.server.script.extend(behaviors)

    def otherwise(self, behavior: Behavior) -> None:
        """What to do when the script is over."""
        self.server.otherwise = behavior


def certificate(directory: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for this name, and the file by which to trust it."""
    key, cert = directory / "key.pem", directory / "cert.pem"
    wanted = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN={name}"
    extension = f"-addext subjectAltName=DNS:{name} -keyout {key} -out {cert}"
    subprocess.run([*wanted.split(), *extension.split()], check=True, capture_output=True, timeout=20)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert
