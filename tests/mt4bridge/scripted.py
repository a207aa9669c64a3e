"""A small access server of the tests' own that says exactly what a test wants, over a real TLS socket.

It shares nothing with the simulator but the certificate. Sign-in is answered properly, every other path by a script."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mt4bridge.clock import ServerClock
from mt4bridge.simulator.certificate import load_or_create
from mt4bridge.webapi import wire
from mt4bridge.webapi.adapter import WebApiServer
from mt4bridge.webapi.connection import Endpoint

PASSWORD = "Sesame-1"
LOGIN = 1000
_IDENTITY = load_or_create(None)
_CONTEXT = _IDENTITY.server_context()


@dataclass(frozen=True)
class Say:
    """One answer on the wire."""

    body: bytes | str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None  # what Content-Length claims, when not the truth
    raw: bytes | None = None  # instead of HTTP
    after_seconds: float = 0.0
    drip_seconds: float = 0.0  # between one byte and the next
    hang_up: bool = False  # after what was sent
    reset: bool = False  # … and without a word of TLS


OK = Say('{"retcode":"0 Done"}')
Script = Mapping[str, Say | Callable[[dict[str, str]], Say]]


def answer(value: Any, retcode: str = "0 Done") -> Say:
    return Say(json.dumps({"retcode": retcode, "answer": value}))


class ScriptedServer:
    """Answers `script[path]`, "*" for every other path. `asked` are the targets that came, sign-in left out."""

    def __init__(self) -> None:
        self.script: dict[str, Say | Callable[[dict[str, str]], Say]] = {}
        self.asked: list[str] = []
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._adapters: list[WebApiServer] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def adapter(self, script: Script, **endpoint: Any) -> WebApiServer:
        """Return a new adapter to this server, which from now on follows the script."""
        self.script = {"/api/test/access": OK, **script}
        self.asked, self.heads, self.bodies = [], [], []
        settings = {
            "address": self.address,
            "tls_mode": "pin",
            "tls_pin": _IDENTITY.pin,
            "read_seconds": 3.0,
            **endpoint,
        }
        adapter = WebApiServer(Endpoint(**settings), login=LOGIN, password=PASSWORD, clock=ServerClock())
        self._adapters.append(adapter)
        return adapter

    def drop_adapters(self) -> None:
        """End the clients' side of every connection."""
        while self._adapters:
            self._adapters.pop().drop()

    def close(self) -> None:
        self._listener.close()
        for peer in self._open:
            peer.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        try:
            with _CONTEXT.wrap_socket(peer, server_side=True) as secure, secure.makefile("rb") as file:
                while self._respond(secure, file):
                    pass
        except (OSError, ValueError):
            pass  # the client went away

    def _respond(self, secure: ssl.SSLSocket, file: Any) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = file.readline()
            if not line:
                return False
            head += line
        text = head.decode("latin-1")
        length = next(
            (int(line.split(":")[1]) for line in text.split("\r\n") if line.lower().startswith("content-length:")), 0
        )
        body = file.read(length)
        target = text.split(" ")[1]
        path, _, query = target.partition("?")
        params = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
        return _send(secure, self._say(path, target, params, text, body))

    def _say(self, path: str, target: str, params: dict[str, str], head: str, body: bytes) -> Say:
        if not path.startswith("/api/auth/"):
            self.asked.append(target)
            self.heads.append(head)
            self.bodies.append(body)
        said = self.script.get(path) or _sign_in(path, params) or self.script.get("*") or OK
        return said(params) if callable(said) else said


def _sign_in(path: str, params: dict[str, str]) -> Say | None:
    if path == "/api/auth/start":
        return Say(json.dumps({"retcode": "0 Done", "srv_rand": "ab" * 16}))
    if path == "/api/auth/answer":
        proof = wire.answer_to(wire.password_key(PASSWORD), params["cli_rand"])
        return Say(json.dumps({"retcode": "0 Done", "cli_rand_answer": proof}))
    return None


def _send(secure: ssl.SSLSocket, say: Say) -> bool:
    """Send an answer; returns whether the connection goes on."""
    time.sleep(say.after_seconds)
    message = _message(say)
    if say.drip_seconds:
        for byte in message:
            secure.sendall(bytes([byte]))
            time.sleep(say.drip_seconds)
    else:
        secure.sendall(message)
    if say.reset:
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        socket.socket(fileno=secure.detach()).close()
        return False
    return not say.hang_up


def _message(say: Say) -> bytes:
    if say.raw is not None:
        return say.raw
    body = say.body.encode() if isinstance(say.body, str) else say.body
    length = len(body) if say.length is None else say.length
    lines = [f"HTTP/1.1 {say.status} Said", f"Content-Length: {length}", *(f"{k}: {v}" for k, v in say.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    try:
        yield server
    finally:
        server.close()
