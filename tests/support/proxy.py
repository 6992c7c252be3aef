"""A TCP proxy on loopback that can do to a connection what networks do.

with Proxy(port_of_the_server) as proxy:
    ... connect to proxy.port ...
    proxy.mode = Mode.BLACK_HOLE     # nothing passes, nothing is refused; what was sent is delivered when it is over
    proxy.reset()                    # every open connection breaks
    proxy.cut_after(b"COMMIT", 3)    # the next three who send this never hear the answer
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Self

_CHUNK = 64 * 1024
#: Seconds to reach the server behind it, and to notice that a mode has ended.
_CONNECT_SECONDS = 3.0
_LOOK_SECONDS = 0.02
#: Linger for zero seconds: closing sends a reset.
_AT_ONCE = struct.pack("ii", 1, 0)


class Mode(Enum):
    """What happens to data and to new connections."""

    PASS = auto()
    #: Each piece comes `latency` seconds late.
    LATENCY = auto()
    #: Accepted, held, never answered while it lasts.
    BLACK_HOLE = auto()
    #: Every new connection breaks.
    RESET = auto()


@dataclass(eq=False)
class _Pair:
    """A client's connection and ours to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    pumps: list[asyncio.Task[None]] = field(default_factory=list)

    def abort(self) -> None:
        for writer in (self.client, self.server):
            _break(writer)

    def half_close(self) -> None:
        """The server seems to say goodbye; it still listens."""
        with suppress(OSError, RuntimeError):
            self.client.write_eof()
        self.pumps[1].cancel()


class Proxy:
    """Forwards to `port` of loopback. Its modes may be changed from any thread while connections are open."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.port = 0
        self.mode = Mode.PASS
        self.latency = 0.1
        self._cuts: tuple[bytes, int] = (b"", 0)
        self._pairs: set[_Pair] = set()
        self._holding: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Break every open connection."""
        self._call(self._each(_Pair.abort))

    def half_close(self) -> None:
        """End the server's side of every open connection, and leave the client's side open."""
        self._call(self._each(_Pair.half_close))

    def cut_after(self, words: bytes, times: int = 1) -> None:
        """The next `times` pieces of a client that contain `words` reach the server, and their connection breaks."""
        self._cuts = (words, times)

    @property
    def cuts_left(self) -> int:
        """Of `cut_after`."""
        return self._cuts[1]

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        # a task of our own: asyncio complains when one of its own is cancelled
        self._server = await asyncio.start_server(self._arrived, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server
        self._server.close()
        for pair in list(self._pairs):
            pair.abort()
        for writer in list(self._holding):
            _break(writer)
        own = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not own]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _each(self, do: Any) -> None:
        for pair in list(self._pairs):
            do(pair)

    def _arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._accept(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._holding.add(writer)
        try:
            await self._admitted()
            if self.mode is Mode.RESET:
                _break(writer)
                return
            upstream = await asyncio.wait_for(
                asyncio.open_connection("127.0.0.1", self._upstream), timeout=_CONNECT_SECONDS
            )
        except (OSError, TimeoutError):
            _break(writer)
            return
        finally:
            self._holding.discard(writer)
        await self._forward(reader, writer, upstream)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        pair = _Pair(client=writer, server=upstream[1])
        self._pairs.add(pair)
        pair.pumps = [
            asyncio.create_task(self._pump(reader, upstream[1], pair, asks=True)),
            asyncio.create_task(self._pump(upstream[0], writer, pair, asks=False)),
        ]
        try:
            await asyncio.gather(*pair.pumps, return_exceptions=True)
        finally:
            self._pairs.discard(pair)
            for one in (writer, upstream[1]):
                one.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: _Pair, *, asks: bool
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await self._admitted()
                if self.mode is Mode.LATENCY:
                    await asyncio.sleep(self.latency)
                writer.write(data)
                await writer.drain()
                if asks and self._cuts[1] and self._cuts[0] in data:
                    self._cuts = (self._cuts[0], self._cuts[1] - 1)
                    # closed in order on that side: a server that meets a reset may drop what it was sent
                    _break(pair.client)
                    pair.server.write_eof()
                    return
            await self._admitted()
            writer.write_eof()
        except (OSError, RuntimeError):
            # one side broke: so does the other
            pair.abort()

    async def _admitted(self) -> None:
        while self.mode is Mode.BLACK_HOLE:  # noqa: ASYNC110 - it is set from other threads
            await asyncio.sleep(_LOOK_SECONDS)


def _break(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()
