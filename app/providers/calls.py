"""One question to a model: how long it may take, what was heard so far, and the socket to cut when it must end.

Closing a `requests` response does not wake a thread that is blocked in `recv`, and before the first header there is no
response to close at all. So each connection tells the call it works for which socket it uses, and `Call.cut` shuts that
socket down: a blocked read returns at once, on plain sockets and under TLS, before the first byte and after it.
"""

import contextlib
import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from app.domain.errors import AnswerMalformed, ProviderTimeout
from app.domain.ports import Clock, Watch

#: An answer is some kilobytes of JSON; a model that writes more than this has lost its way.
MAX_ANSWER_CHARS = 1024 * 1024
#: A pooled connection changes hands under this lock, so that a late cut never hits the next call.
_HANDS = threading.Lock()
_current: ContextVar["Call | None"] = ContextVar("call", default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """Seconds to connect, without a single byte, and for the whole answer."""

    connect: float
    read: float
    total: float


class Call:
    """One question. Used by one thread; only `cut` may come from another one."""

    def __init__(self, provider: str, watch: Watch, timeouts: Timeouts, clock: Clock) -> None:
        self.provider = provider
        self._watch = watch
        self._timeouts = timeouts
        self._clock = clock
        self._ends = clock.monotonic() + timeouts.total
        self._pieces: list[str] = []
        self._chars = 0
        self._connection: _Cuttable | None = None
        self._socket: socket.socket | None = None
        self._is_cut = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """While open, connections made by this thread belong to this call, and its watch may cut it."""
        token = _current.set(self)
        try:
            with self._watch.closing(self.cut):
                yield
        finally:
            _current.reset(token)

    def check(self) -> None:
        """Raises an `Interrupted` when the call must end, `ProviderTimeout` when its time is over."""
        self._watch.check()
        if self.seconds_left() <= 0:
            raise ProviderTimeout(f"{self.provider} did not finish its answer within {self._timeouts.total:g} seconds.")

    def seconds_left(self) -> float:
        """Until the earlier of the provider's timeout and the deadline of the analysis."""
        left = self._ends - self._clock.monotonic()
        deadline = self._watch.seconds_left()
        return left if deadline is None else min(left, deadline)

    def patience(self) -> tuple[float, float]:
        """Seconds to connect and to wait for the next byte; never zero, which would mean not to block."""
        left = max(self.seconds_left(), 0.01)
        return min(self._timeouts.connect, left), min(self._timeouts.read, left)

    def hear(self, piece: object) -> None:
        """A piece of the answer; what is no text is none. Raises `AnswerMalformed` when it does not stop growing."""
        if not isinstance(piece, str) or not piece:
            return
        self._chars += len(piece)
        if self._chars > MAX_ANSWER_CHARS:
            raise AnswerMalformed(f"{self.provider} sent an answer of more than {MAX_ANSWER_CHARS:,} characters.")
        self._pieces.append(piece)
        self._watch.token(piece)

    @property
    def text(self) -> str:
        """The answer so far. Lone surrogates, which no store takes, are replaced."""
        return "".join(self._pieces).encode("utf-8", "replace").decode()

    def hold(self, connection: "_Cuttable", sock: socket.socket) -> None:
        """From now on `connection` works for this call."""
        with _HANDS:
            connection.call = self
            self._connection, self._socket = connection, sock
            if self._is_cut:
                _shut_down(sock)

    def be_patient(self, at_most: float = math.inf) -> None:
        """Lets the next read wait no longer than `patience`."""
        with _HANDS:
            if self._socket is not None and self._connection is not None and self._connection.call is self:
                with contextlib.suppress(OSError):  # read to its end and closed: the next read says so
                    self._socket.settimeout(min(self.patience()[1], at_most))

    def cut(self) -> None:
        """Breaks a blocked read. From any thread."""
        with _HANDS:
            self._is_cut = True
            if self._socket is not None and self._connection is not None and self._connection.call is self:
                _shut_down(self._socket)


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # not `sock.shutdown`: a TLS socket would first drop its session, under the feet of the thread that reads
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Cuttable(HTTPConnection):
    """A connection that tells the call of its thread which socket it uses."""

    call: Call | None = None

    def connect(self) -> None:
        super().connect()
        self._report()

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self.timeout)  # the last call may have left a short one
            self._report()
        super().request(*arguments, **options)

    def _report(self) -> None:
        call, sock = _current.get(), self.sock
        if call is not None and sock is not None:
            call.hold(self, sock)


class _CuttableTLS(_Cuttable, HTTPSConnection):
    """The same under TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Cuttable


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _CuttableTLS


class CuttableAdapter(HTTPAdapter):
    """Makes every connection of a session one that `Call.cut` can break."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As the base class, with our connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """As the base class, with our connections; a SOCKS proxy keeps its own."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}
        return manager
