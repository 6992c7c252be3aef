"""One POST to addresses that were checked: bounded in time and in bytes, and nothing in it leads elsewhere."""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from app.publishers.destinations import Destination

#: What a receiver says beside its status is read out of politeness and thrown away.
MAX_ANSWER_BYTES = 64 * 1024
_CHUNK = 16 * 1024

#: Address, port, seconds -> a connected socket. Raises `OSError`.
Connector = Callable[[str, int, float], socket.socket]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """The receiver's answer."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """Seconds: to connect to one address, and for everything after it."""

    connect: float
    total: float


def system_connector(address: str, port: int, seconds: float) -> socket.socket:
    """Over TCP. `address` is a number, so nothing is looked up."""
    return socket.create_connection((address, port), timeout=seconds)


class Poster:
    """Sends requests. Knows no proxy: a proxy would look the name up again."""

    def __init__(self, *, patience: Patience, context: ssl.SSLContext, connector: Connector) -> None:
        self._patience = patience
        self._context = context
        self._connector = connector

    def post(
        self, destination: Destination, addresses: Sequence[str], body: bytes, headers: Mapping[str, str]
    ) -> Answered:
        """Raises `OSError` (`TimeoutError` when it took too long), or `HTTPException` for what is not HTTP."""
        sock = self._connected(addresses, destination.port)
        sock.settimeout(self._patience.total)
        ending = _Ending(sock, self._patience.total)
        try:
            return self._exchange(destination, ending, body, headers)
        except (OSError, http.client.HTTPException) as error:
            if ending.came:
                raise TimeoutError from error
            raise
        finally:
            ending.close()

    def _connected(self, addresses: Sequence[str], port: int) -> socket.socket:
        """To the first that can be reached. Once a connection stands, the others are not tried."""
        *others, last = addresses
        for address in others:
            with suppress(OSError):
                return self._connector(address, port, self._patience.connect)
        return self._connector(last, port, self._patience.connect)

    def _exchange(
        self, destination: Destination, ending: "_Ending", body: bytes, headers: Mapping[str, str]
    ) -> Answered:
        if destination.scheme == "https":
            # the certificate is of the name, whatever address that was
            name = destination.host.rstrip(".")
            secure = self._context.wrap_socket(ending.sock, server_hostname=name, do_handshake_on_connect=False)
            ending.sock = secure
            secure.do_handshake()
        connection = _Connected(ending.sock)
        everything = {"Host": destination.authority, "Connection": "close", **headers}
        connection.request("POST", destination.target, body=body, headers=everything)
        # not `getresponse`, which leaves the socket open when it is reset
        with closing(http.client.HTTPResponse(ending.sock, method="POST")) as response:
            response.begin()
            if ending.came:
                # headers that were cut off look like headers that ended
                raise TimeoutError
            _drain(response)
            return Answered(
                status=response.status, headers={name.lower(): value for name, value in response.getheaders()}
            )


class _Connected(http.client.HTTPConnection):
    """A connection that was made before. It never makes another."""

    auto_open = 0

    def __init__(self, sock: socket.socket) -> None:
        super().__init__("connected")
        self.sock: Any = sock


class _Ending:
    """Ends a connection after a time: one that says a byte now and then would outlast every wait between two."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self.sock = sock
        self.came = False
        self._timer = threading.Timer(seconds, self._come)
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        """The connection is not needed any more."""
        self._timer.cancel()
        self.sock.close()

    def _come(self) -> None:
        self.came = True
        with suppress(OSError):
            # not `sock.shutdown`: a TLS socket would first drop its session, under the feet of the thread that reads
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


def _drain(response: http.client.HTTPResponse) -> None:
    """The status is known: whatever comes after it, and however it ends, changes nothing."""
    left = MAX_ANSWER_BYTES
    with suppress(OSError, http.client.HTTPException):
        while left > 0 and (chunk := response.read(min(left, _CHUNK))):
            left -= len(chunk)
