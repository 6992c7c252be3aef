"""Waits for clients in the one loop of a web process: no thread is held by a head that is still to come."""

import re
import selectors
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

import structlog
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.workers.gthread import TConn, ThreadWorker

log = structlog.get_logger()

#: Seconds the line and the headers of a request may take to arrive.
HEAD_GRACE = 3.0
#: The same, while many wait.
HURRIED_GRACE = 1.0
CROWD = 64
#: Bytes of all headers together.
LARGEST_HEAD = 32 * 1024
#: Seconds that a client has to close its side after an answer that closes ours, and bytes it may still send.
LINGER_SECONDS = 2.0
LINGER_BYTES = 1024 * 1024
#: Seconds that the rest of a body nobody wanted may take: what has already arrived is thrown away, no more is awaited.
_DRAIN_SECONDS = 0.02
_LOOK_SECONDS = 0.25
_RECEIVE_BYTES = 8192
#: With this, the parser can decide: the head's end, or a line end that HTTP does not have.
_DECIDABLE = re.compile(rb"\r\n\r\n|(?<!\r)\n")


@dataclass(kw_only=True, slots=True)
class _Waiting:
    """A connection in no thread's hands. With `leaving`, it is only waited for its client to close."""

    since: float
    head: bytearray = field(default_factory=bytearray)
    leaving: bool = False
    thrown_away: int = 0


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's thread worker, with the waiting taken out of its threads.

    A thread gets a connection when a whole head is there, and gives it back when the answer is written.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Takes what gunicorn gives."""
        super().__init__(*args, **kwargs)
        #: Oldest first.
        self._waiting: dict[TConn, _Waiting] = {}
        self._next_look = 0.0

    def accept(self, listener: socket.socket) -> None:
        """A new client; when there are too many, the one that has waited longest goes."""
        super().accept(listener)
        if self.nr_conns >= self.worker_connections:
            self._make_room()

    def enqueue_req(self, conn: TConn) -> None:
        """Wherever a connection comes from: a thread gets it with a whole head."""
        if self.cfg.is_ssl:  # what arrives is not yet HTTP
            super().enqueue_req(conn)
            return
        waiting = _Waiting(since=monotonic())
        if conn.initialized:
            # what a client sent right behind its last request
            waiting.head += conn.parser.unreader.take_buffered()
        if waiting.head and self._judge(conn, waiting, searched=0):
            return
        self._wait(conn, waiting)
        self._on_readable(conn, conn.sock)

    def murder_pending(self) -> None:
        """Called by the loop after each event: drop who took too long."""
        super().murder_pending()
        now = monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        grace = HEAD_GRACE if len(self._waiting) < CROWD else HURRIED_GRACE
        late = [
            conn
            for conn, waiting in self._waiting.items()
            if now - waiting.since > (LINGER_SECONDS if waiting.leaving else grace)
        ]
        for conn in late:
            self._drop(conn)

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """Back from a thread. The base class would wait here, with the whole loop, for the client to close."""
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self._leave(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """One answer. A client that does not take it loses it."""
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            log.warning("answer_not_taken")
            return False

    def _keepalive_after(self, conn: TConn, keepalive: object) -> bool:
        """The base class would wait in a thread, for seconds, for a body that nobody wants."""
        return bool(keepalive) and bool(conn.parser.finish_body(deadline=monotonic() + _DRAIN_SECONDS))

    def _wait(self, conn: TConn, waiting: _Waiting) -> None:
        conn.sock.setblocking(False)
        self._waiting[conn] = waiting
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn))

    def _on_readable(self, conn: TConn, sock: socket.socket) -> None:
        waiting = self._waiting[conn]
        try:
            data = sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
        elif waiting.leaving:
            waiting.thrown_away += len(data)
            if waiting.thrown_away > LINGER_BYTES:
                self._drop(conn)
        else:
            # the end may have begun in the piece before
            searched = max(0, len(waiting.head) - 3)
            waiting.head += data
            self._judge(conn, waiting, searched=searched)

    def _judge(self, conn: TConn, waiting: _Waiting, *, searched: int) -> bool:
        """Hand it on when its head is whole, refuse it when it is too large; whether it needs no more waiting."""
        head = waiting.head
        if _DECIDABLE.search(head, searched):
            self._forget(conn)
            conn.init()
            conn.parser.unreader.unread(bytes(head))
            super().enqueue_req(conn)
            return True
        refusal = self._refusal(head)
        if refusal is not None:
            self._forget(conn)
            self.handle_error(None, conn.sock, conn.client, refusal)
            self._leave(conn)
            return True
        return False

    def _refusal(self, head: bytearray) -> Any:
        longest: int = self.cfg.limit_request_line
        if len(head) > longest + 2 and head.find(b"\r\n", 0, longest + 2) < 0:
            return LimitRequestLine(len(head), longest)
        if len(head) > LARGEST_HEAD:
            return LimitRequestHeaders("all of them together")
        return None

    def _leave(self, conn: TConn) -> None:
        """End our side, and read on for a moment: closing at once could destroy an answer that is on its way."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self._wait(conn, _Waiting(since=monotonic(), leaving=True))

    def _make_room(self) -> None:
        if self._waiting:
            self._drop(next(iter(self._waiting)))
        elif self.keepalived_conns:
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)

    def _forget(self, conn: TConn) -> None:
        if self._waiting.pop(conn, None):
            self.poller.unregister(conn.sock)

    def _drop(self, conn: TConn) -> None:
        self._forget(conn)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        with suppress(OSError):
            conn.close()
