"""One HTTPS connection to an MT5 access server: strictly serial, never shared, dies with its first fault.

The standard library's `http.client` is used rather than a client library: the session belongs to the one TCP
connection, so pools, retries and redirects would each be a fault, and the certificate must be checked before a byte
of the handshake leaves."""

import hashlib
import hmac
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
    read_seconds: float = 30.0
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
        self._used_at = 0.0

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
            plain = socket.create_connection((endpoint.host, endpoint.port), CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise ServerUnreachable(address=endpoint.address, detail=_reason(error)) from None
        try:
            secure = self._secured(plain)
        except BaseException:
            plain.close()
            raise
        secure.settimeout(endpoint.read_seconds)
        secure.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._http = http.client.HTTPConnection(endpoint.host, endpoint.port)
        self._http.sock = secure
        self._used_at = self._monotonic()

    def close(self) -> None:
        """Drop the connection without a word. Never raises."""
        connection, self._http = self._http, None
        if connection is not None:
            connection.close()

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
        connection = self._http
        if connection is None:
            raise SessionLost(path=path)
        try:
            connection.auto_open = 0  # a new connection would be a session nobody signed in to
            all_headers = {"Accept": "application/json", "Connection": "keep-alive", **(headers or {})}
            deadline = self._monotonic() + self._endpoint.read_seconds
            connection.request(method, target, body=body or None, headers=all_headers)
            answer = self._received(connection, path, deadline)
        except BridgeError:
            self.close()
            raise
        except TimeoutError:
            self.close()
            raise TooSlow(path=path, seconds=f"{self._endpoint.read_seconds:g}") from None
        except (http.client.IncompleteRead, http.client.RemoteDisconnected, OSError):
            self.close()
            raise SessionLost(path=path) from None
        except (http.client.HTTPException, ValueError) as error:
            self.close()
            raise MalformedAnswer(path=path, detail=f"not HTTP: {type(error).__name__}") from None
        self._used_at = self._monotonic()
        return answer

    def _received(self, connection: http.client.HTTPConnection, path: str, deadline: float) -> Answer:
        response = connection.getresponse()
        limit = self._endpoint.max_answer_mb << 20
        body = bytearray()
        while chunk := response.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > limit:
                raise AnswerTooLarge(path=path, megabytes=self._endpoint.max_answer_mb)
            if self._monotonic() > deadline:
                raise TooSlow(path=path, seconds=f"{self._endpoint.read_seconds:g}")
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
            raise ServerUnreachable(address=endpoint.address, detail=f"TLS: {_reason(error)}") from None
        if endpoint.tls_mode == "pin":
            try:
                _check_pin(endpoint, secure)
            except UntrustedCertificate:
                secure.close()
                raise
        return secure


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


def _reason(error: Exception) -> str:
    """Say why a connection failed, in few words and without the peer's bytes."""
    if isinstance(error, TimeoutError):
        return "no answer within 5 seconds"
    if isinstance(error, ssl.SSLError):
        return error.reason or "handshake failed"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
