"""The proxy of the chaos suite does what it says: a fault that does not happen would prove nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.support.proxy import Mode, Proxy

pytestmark = pytest.mark.integration


class Echo:
    """Says back what it hears, and remembers it."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection):
            try:
                while data := connection.recv(1000):
                    self.heard += data
                    connection.sendall(data)
            except OSError:
                pass
        self.ended.set()

    def close(self) -> None:
        with suppress(OSError):  # a second time
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    yield made
    made.close()
    thread.join(5)


@pytest.fixture
def proxy(echo) -> Iterator[Proxy]:
    with Proxy(echo.port) as made:
        yield made


@pytest.fixture
def client(proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=3) as made:
        made.sendall(b"hello")
        assert made.recv(100) == b"hello"
        yield made


def test_what_falls_into_a_black_hole_arrives_when_it_is_over(proxy, client):
    proxy.mode = Mode.BLACK_HOLE
    client.sendall(b"anybody?")
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(100)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.2) as another:
        another.sendall(b"me too")
        with pytest.raises(TimeoutError):
            another.recv(100)
        proxy.mode = Mode.PASS
        for one, said in ((client, b"anybody?"), (another, b"me too")):
            one.settimeout(3)
            assert one.recv(100) == said


def test_a_reset_breaks_open_connections_and_leaves_new_ones_alone(proxy, client):
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(100)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=3) as another:
        another.sendall(b"again")
        assert another.recv(100) == b"again"


def test_while_it_resets_new_connections_break(proxy, client):
    proxy.mode = Mode.RESET
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", proxy.port), timeout=3) as another,
    ):
        another.recv(100)


def test_a_half_closed_connection_hears_the_end_and_may_still_speak(proxy, client, echo):
    proxy.half_close()
    assert client.recv(100) == b""
    client.sendall(b"still here")
    client.shutdown(socket.SHUT_WR)
    assert echo.ended.wait(3)
    assert echo.heard.endswith(b"still here")


def test_who_is_cut_was_heard_and_hears_nothing(proxy, client, echo):
    proxy.cut_after(b"COMMIT")
    client.sendall(b"COMMIT now")
    with pytest.raises(ConnectionResetError):
        client.recv(100)
    assert echo.ended.wait(3)
    assert echo.heard.endswith(b"COMMIT now")
    assert proxy.cuts_left == 0


def test_a_server_that_is_away_breaks_the_connection(proxy, echo):
    echo.close()
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", proxy.port), timeout=3) as client,
    ):
        client.recv(100)
