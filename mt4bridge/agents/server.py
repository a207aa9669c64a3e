"""HTTPS around an `App`: TLS, keep-alive, limits, one thread a connection. Standard library only.

`http.server` is enough here: one client, a few connections, behind a firewall rule and a signature check. The TLS
handshake runs in the connection's own thread, so that a silent visitor holds up nobody."""

import http.server
import logging
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from typing import Any

from mt4bridge.agents.app import App, Reply, Request

log = logging.getLogger("mt4bridge.agents")
MAX_BODY_BYTES = 1 << 20
IDLE_SECONDS = 120.0
MAX_CONNECTIONS = 64
Tamper = Callable[[Request, Callable[[], Reply]], Reply | None]


class BridgeServer(http.server.ThreadingHTTPServer):
    """Listens until `shutdown`. `tamper` stands between request and app: the fake bridge's faults."""

    allow_reuse_address = os.name != "nt"  # there it would let another program take the port over
    daemon_threads = True
    block_on_close = False  # long polls may wait for seconds

    def __init__(
        self, address: tuple[str, int], app: App, context: ssl.SSLContext, tamper: Tamper | None = None
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.app = app
        self.tamper = tamper
        self._context = context
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, _Visit)

    def get_request(self) -> tuple[socket.socket, Any]:
        plain, peer = super().get_request()
        plain.settimeout(IDLE_SECONDS)
        return self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), peer

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 -- the base class's arguments
        """Note a connection that broke; the base class would print it."""
        log.info("a connection of %s ended: %r", client_address[0], sys.exc_info()[1])


class _Visit(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "KeelBridge"
    sys_version = ""
    disable_nagle_algorithm = True
    server: BridgeServer

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, ssl.SSLError, TimeoutError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        log.debug(format, *args)

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self.send_error(413)
            return
        body = self.rfile.read(int(length))
        headers = {name.title(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        server = self.server
        reply = (
            server.tamper(request, lambda: server.app.answer(request)) if server.tamper else server.app.answer(request)
        )
        if reply is None:
            self.close_connection = True
            return
        self.close_connection |= "Content-Length" in reply.headers  # a fault: less comes than was promised
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", reply.headers.get("Content-Length", str(len(reply.body))))
        self.end_headers()
        self.wfile.write(reply.body)
