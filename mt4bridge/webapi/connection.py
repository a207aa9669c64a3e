"""One HTTPS connection to an MT5 access server: strictly serial, never shared, dies with its first fault.

The standard library's `http.client` is used rather than a client library: the session belongs to the one TCP
connection, so pools, retries and redirects would each be a fault, and the certificate must be checked before a byte
of the handshake leaves."""

import hashlib
import hmac
import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from mt4bridge.errors import (
    AnswerTooLarge,
    BridgeError,
    MalformedAnswer,
    ServerUnreachable,
    SessionLost,
    TooSlow,
    UntrustedCertificate,
)

CONNECT_SECONDS = 5.0  # a broker's allow-list drops packets silently, so connecting gets a short time
DEAD_AFTER_SECONDS = 100.0  # servers drop idle sessions after 120 or 180 s
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an access server is and how its certificate is checked."""

    address: str  # host:port
    tls_mode: str = "ca"  # ca | pin | off
    tls_ca: str = ""  # PEM text of CA certificates; "" means the system's
    tls_pin: str = ""  # hex SHA-256 of the server's certificate (DER)
    read_seconds: float = 30.0  # for a whole answer, however its bytes drip in
    connect_seconds: float = CONNECT_SECONDS
    max_answer_mb: int = 64

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]") or self.address

    @property
    def port(self) -> int:
        port = self.address.rpartition(":")[2]
        return int(port) if ":" in self.address and port.isdigit() else 443


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case


class Connection:
    """A TLS connection that answers one request at a time.

    `monotonic` is the clock of time-outs; tests pass their own."""

    def __init__(self, endpoint: Endpoint, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint
        self._monotonic = monotonic
        self._http: http.client.HTTPConnection | None = None
        self._line: _TimedSocket | None = None
        self._used_at = 0.0
        self._patience = endpoint.read_seconds

    @property
    def is_open(self) -> bool:
        """Whether the connection stands and was used recently enough for the server to remember it."""
        return self._http is not None and self.idle_seconds <= DEAD_AFTER_SECONDS

    @property
    def idle_seconds(self) -> float:
        return self._monotonic() - self._used_at

    def open(self) -> None:
        """Connect and check the certificate. An open connection is replaced.

        :raises ServerUnreachable: no connection. :raises UntrustedCertificate: not the expected server."""
        self.close()
        endpoint = self._endpoint
        try:
            plain = socket.create_connection((endpoint.host, endpoint.port), endpoint.connect_seconds)
        except (OSError, ValueError) as error:
            raise ServerUnreachable(address=endpoint.address, detail=self._reason(error)) from None
        try:
            secure = self._secured(plain)
        except BaseException:
            plain.close()
            raise
        secure.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line = _TimedSocket(secure, self._monotonic)
        self._http = http.client.HTTPConnection(endpoint.host, endpoint.port)
        self._http.sock = cast(socket.socket, self._line)
        self._used_at = self._monotonic()

    def close(self) -> None:
        """Drop the connection without a word. Never raises."""
        connection, self._http = self._http, None
        if connection is not None:
            connection.close()

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Wait for answers so long at most, within this block."""
        usual = self._patience
        self._patience = min(seconds, usual)
        try:
            yield
        finally:
            self._patience = usual

    def get(self, path: str, target: str) -> Answer:
        """Send one GET; as `exchange`."""
        return self.exchange(path, "GET", target)

    def exchange(
        self, path: str, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request and return the whole answer; `path` is its name in errors.

        Any fault closes the connection.

        :raises SessionLost: it broke. :raises TooSlow: the answer was not complete in time.
        :raises MalformedAnswer: not HTTP. :raises AnswerTooLarge: larger than the endpoint allows."""
        connection, line = self._http, self._line
        if connection is None or line is None:
            raise SessionLost(path=path)
        try:
            connection.auto_open = 0  # a new connection would be a session nobody signed in to
            all_headers = {"Accept": "application/json", "Connection": "keep-alive", **(headers or {})}
            line.deadline = self._monotonic() + self._patience
            connection.request(method, target, body=body or None, headers=all_headers)
            answer = self._received(connection, path)
        except BridgeError:
            self.close()
            raise
        except TimeoutError:
            self.close()
            raise TooSlow(path=path, seconds=f"{self._patience:g}") from None
        except (http.client.IncompleteRead, http.client.RemoteDisconnected, OSError):
            self.close()
            raise SessionLost(path=path) from None
        except (http.client.HTTPException, ValueError) as error:
            self.close()
            raise MalformedAnswer(path=path, detail=f"not HTTP: {type(error).__name__}") from None
        self._used_at = self._monotonic()
        return answer

    def _received(self, connection: http.client.HTTPConnection, path: str) -> Answer:
        response = connection.getresponse()
        limit = self._endpoint.max_answer_mb << 20
        body = bytearray()
        while chunk := response.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > limit:
                raise AnswerTooLarge(path=path, megabytes=self._endpoint.max_answer_mb)
        if response.length:  # read1 does not complain when the peer closes early
            raise SessionLost(path=path)
        response.close()  # else http.client waits for more before it sends the next request
        if response.will_close:
            self.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, bytes(body), headers)

    def _secured(self, plain: socket.socket) -> ssl.SSLSocket:
        endpoint = self._endpoint
        try:
            secure = _context(endpoint).wrap_socket(plain, server_hostname=endpoint.host)
        except ssl.SSLCertVerificationError as error:
            raise UntrustedCertificate(address=endpoint.address, detail=error.verify_message) from None
        except (OSError, ValueError) as error:
            raise ServerUnreachable(address=endpoint.address, detail=f"TLS: {self._reason(error)}") from None
        if endpoint.tls_mode == "pin":
            try:
                _check_pin(endpoint, secure)
            except UntrustedCertificate:
                secure.close()
                raise
        return secure

    def _reason(self, error: Exception) -> str:
        """Say why a connection failed, in few words and without the peer's bytes."""
        if isinstance(error, TimeoutError):
            return f"no answer within {self._endpoint.connect_seconds:g} seconds"
        if isinstance(error, ssl.SSLError):
            return error.reason or "handshake failed"
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        return type(error).__name__


class _TimedSocket:
    """What `http.client` needs of a socket, with one deadline for all of a request and its answer.

    A time-out of the socket would count anew for each byte: a peer that drips could hold the session for hours."""

    def __init__(self, secure: ssl.SSLSocket, monotonic: Callable[[], float]) -> None:
        self._secure = secure
        self._now = monotonic
        self.deadline = 0.0

    def sendall(self, data: bytes) -> None:
        self._hurry()
        self._secure.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self), _CHUNK_BYTES)

    def close(self) -> None:
        self._secure.close()

    def receive(self, buffer: memoryview) -> int:
        self._hurry()
        return self._secure.recv_into(buffer)

    def _hurry(self) -> None:
        left = self.deadline - self._now()
        if left <= 0:
            raise TimeoutError
        self._secure.settimeout(left)


class _TimedReader(io.RawIOBase):
    def __init__(self, line: _TimedSocket) -> None:
        super().__init__()
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader passes
        return self._line.receive(buffer)


def certificate_pin(der: bytes) -> str:
    """Return the pin of a certificate: SHA-256 of its DER form, in hex."""
    return hashlib.sha256(der).hexdigest()


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return the TLS settings. Only `off`, which somebody must have asked for, accepts any certificate."""
    context = ssl.create_default_context(cadata=endpoint.tls_ca or None)
    if endpoint.tls_mode in ("pin", "off"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _check_pin(endpoint: Endpoint, secure: ssl.SSLSocket) -> None:
    got = certificate_pin(secure.getpeercert(binary_form=True) or b"")
    wanted = endpoint.tls_pin.replace(":", "").strip().lower()
    if not hmac.compare_digest(got.encode(), wanted.encode()):
        raise UntrustedCertificate(address=endpoint.address, detail=f"its pin is {got}")
