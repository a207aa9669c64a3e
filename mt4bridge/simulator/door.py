"""The one port of the access server: the first byte says whether TLS (0x16) or the raw protocol ('M') comes."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable

TLS_BYTE = b"\x16"
FIRST_BYTE_SECONDS = 30.0
_BACKLOG = 100

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Door:
    """Accepts connections and hands each to one of two servants. While `is_closed`, it hangs up on everybody."""

    def __init__(self, context: ssl.SSLContext, *, secure: Serve, raw: Serve) -> None:
        self._context = context
        self._secure = secure
        self._raw = raw
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_closed = False

    async def open(self, host: str, port: int) -> int:
        """Listen; port 0 takes any free one. Returns the port."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._socket.setblocking(False)
        self._start(self._accept(self._socket))
        number: int = self._socket.getsockname()[1]
        return number

    async def close(self) -> None:
        """Stop listening and end what is being served."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            peer, _ = await loop.sock_accept(listener)
            if self.is_closed:
                peer.close()
            else:
                self._start(self._greet(peer))

    async def _greet(self, peer: socket.socket) -> None:
        """Look at the first byte without taking it, then serve."""
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            first = await asyncio.wait_for(_first_byte(peer), FIRST_BYTE_SECONDS)
            secure = first == TLS_BYTE
            reader, writer = await _streams(peer, self._context if secure else None)
        except (OSError, TimeoutError):  # gone, silent, or no handshake
            peer.close()
            return
        try:
            await (self._secure if secure else self._raw)(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _first_byte(peer: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    peer.setblocking(False)
    loop.add_reader(peer, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(peer)
    return peer.recv(1, socket.MSG_PEEK)


async def _streams(
    peer: socket.socket, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=65_536)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, peer, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
