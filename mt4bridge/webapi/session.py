"""A signed-in session with an MT5 access server: handshake, reads that survive a flap, writes that are sent once."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from mt4bridge.errors import (
    UNCERTAIN_RETCODES,
    AccessDenied,
    BridgeError,
    ImpostorServer,
    MalformedAnswer,
    OutcomeUnknown,
    Refused,
    ServerBusy,
    SessionLost,
    TooSlow,
    WrongPassword,
)
from mt4bridge.webapi import wire
from mt4bridge.webapi.connection import Answer, Connection, Endpoint

PING = "/api/test/access"
PING_AFTER_SECONDS = 20.0  # more often is not wanted by servers
PING_SECONDS = 5.0
OK, FORBIDDEN = 200, 403
COOKIE_LENGTH = 4_096


class Cookies:
    """What the server, or a gateway before it, wants to hear again on this connection. Attributes do not matter."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def keep(self, header: str) -> None:
        """Take note of a Set-Cookie header; an unusable one is left."""
        name, equals, value = header.partition(";")[0].strip().partition("=")
        if equals and name and len(header) <= COOKIE_LENGTH and header.isascii() and header.isprintable():
            self._kept[name] = value

    def header(self) -> dict[str, str]:
        """Return the header to send."""
        if not self._kept:
            return {}
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self._kept.items())}


class Session:
    """Serial requests over one connection; signs in by itself. Safe to use from several threads, one at a time."""

    def __init__(
        self, endpoint: Endpoint, *, login: int, password: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._login = login
        self._key = wire.password_key(password)
        self._connection = Connection(endpoint, monotonic)
        self._cookies = Cookies()
        self._lock = threading.RLock()
        self._signed_in = False

    def __repr__(self) -> str:
        return f"Session({self._endpoint.address}, manager {self._login})"

    def connect(self) -> None:
        """Open a new connection and sign in, whatever stood before."""
        with self._lock:
            self._open()
            self._sign_in()

    def close(self) -> None:
        """End the session politely when it is alive, and drop the connection. Never raises."""
        with self._lock:
            try:
                if self._signed_in and self._connection.is_open:
                    self._send("/api/quit", {})
            except BridgeError:
                pass  # the server forgets us as soon as the connection is gone
            finally:
                self.drop()

    def drop(self) -> None:
        """Forget the connection without a word (after a fork, or when it is known to be dead)."""
        self._signed_in = False
        self._connection.close()

    def read(self, path: str, body: wire.Body | None = None, /, **params: wire.Scalar) -> dict[str, Any]:
        """Return the answer to a question, as `read_text`, as an object.

        :raises BridgeError: any of them but `OutcomeUnknown`."""
        return wire.parse_answer(path, self.read_text(path, body, **params))

    def read_text(self, path: str, body: wire.Body | None = None, /, **params: wire.Scalar) -> bytes:
        """Ask for something that changes nothing on the server; return the answer as it came.

        A session that the server forgot (403) or a connection that broke is renewed once, and the question is asked
        once more; the second failure is raised. Waiting longer is for the caller. With a body it is a POST.

        :raises BridgeError: any of them but `OutcomeUnknown`."""
        with self._lock:
            self._ensure()
            try:
                answer = self._send(path, params, body)
                flapped = answer.status == FORBIDDEN
            except SessionLost:
                flapped = True
            if flapped:
                self._renew()
                answer = self._send(path, params, body)
            if answer.status == FORBIDDEN:
                self.drop()
                raise AccessDenied(path=path)
            return self._text(path, answer)

    def write(self, path: str, body: wire.Body | None = None, /, **params: wire.Scalar) -> dict[str, Any]:
        """Ask for a change. Sent at most once, over a connection that has just proved to be alive.

        :raises OutcomeUnknown: it was sent and nobody can say whether it was carried out.
        :raises Refused: the server said no. :raises BridgeError: it was never sent."""
        with self._lock:
            self.read(PING)
            try:
                return wire.parse_answer(path, self._text(path, self._send(path, params, body)))
            except Refused as error:
                if error.retcode in UNCERTAIN_RETCODES:
                    raise OutcomeUnknown(path=path, detail=str(error)) from error
                raise
            except BridgeError as error:
                raise OutcomeUnknown(path=path, detail=str(error)) from error

    def _ensure(self) -> None:
        """Have a session that answers: one that was silent for a while is asked first, and not for long."""
        stands = self._signed_in and self._connection.is_open
        if stands and self._connection.idle_seconds > PING_AFTER_SECONDS:
            stands = self._is_alive()
        if not stands:
            self.connect()

    def _is_alive(self) -> bool:
        """Ping: a firewall that forgot the connection would let a real question wait for its whole time-out."""
        try:
            with self._connection.patience(PING_SECONDS):
                return self._send(PING, {}).status == OK
        except (SessionLost, TooSlow):
            return False

    def _renew(self) -> None:
        """Sign in again: on the same connection when it stands, else on a new one."""
        if not self._connection.is_open:
            self._open()
        self._sign_in()

    def _open(self) -> None:
        self._cookies = Cookies()  # what the last connection was told is worth nothing on the next
        self._connection.open()

    def _send(self, path: str, params: wire.Params, body: wire.Body | None = None) -> Answer:
        target = wire.target(path, params)
        if body is None:
            answer = self._connection.exchange(path, "GET", target, headers=self._cookies.header())
        else:
            headers = {"Content-Type": "application/json", **self._cookies.header()}
            answer = self._connection.exchange(path, "POST", target, wire.json_body(body), headers)
        self._cookies.keep(answer.headers.get("set-cookie", ""))
        if not self._connection.is_open:
            self._signed_in = False
        return answer

    def _sign_in(self) -> None:
        """Do the two-step handshake: we prove the password to the server, then the server to us.

        :raises WrongPassword: our proof was refused. :raises ImpostorServer: the server's proof is wrong."""
        self._signed_in = False
        try:
            self._shake_hands()
        except BridgeError:
            self.drop()
            raise
        self._signed_in = True

    def _shake_hands(self) -> None:
        start = "/api/auth/start"
        answer = self._send(
            start, {"version": wire.CLIENT_BUILD, "agent": wire.AGENT, "login": self._login, "type": "manager"}
        )
        self._refuse_forbidden(start, answer)
        srv_rand = wire.parse_answer(start, answer.body).get("srv_rand")
        cli_rand = secrets.token_hex(16)
        try:
            proof = wire.answer_to(self._key, srv_rand if isinstance(srv_rand, str) else "?")
        except ValueError:
            raise MalformedAnswer(path=start, detail="srv_rand is not hexadecimal") from None
        finish = "/api/auth/answer"
        answer = self._send(finish, {"srv_rand_answer": proof, "cli_rand": cli_rand})
        self._refuse_forbidden(finish, answer)
        got = wire.parse_answer(finish, answer.body).get("cli_rand_answer")
        if not wire.same_proof(wire.answer_to(self._key, cli_rand), got):
            raise ImpostorServer(address=self._endpoint.address)

    def _refuse_forbidden(self, path: str, answer: Answer) -> None:
        if answer.status == FORBIDDEN:
            raise WrongPassword(login=self._login)
        if answer.status != OK:
            raise ServerBusy(path=path, status=answer.status)

    def _text(self, path: str, answer: Answer) -> bytes:
        if answer.status == FORBIDDEN:
            self._signed_in = False
            raise SessionLost(path=path)
        if answer.status != OK:
            raise ServerBusy(path=path, status=answer.status)
        return answer.body
