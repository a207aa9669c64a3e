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
    SessionLost,
    WrongPassword,
)
from mt4bridge.webapi import wire
from mt4bridge.webapi.connection import Answer, Connection, Endpoint

PING = "/api/test/access"
PING_AFTER_SECONDS = 20.0
FORBIDDEN = 403


class Session:
    """Serial requests over one connection; signs in by itself. Safe to use from several threads, one at a time."""

    def __init__(
        self, endpoint: Endpoint, *, login: int, password: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._login = login
        self._key = wire.password_key(password)
        self._connection = Connection(endpoint, monotonic)
        self._lock = threading.RLock()
        self._signed_in = False

    def __repr__(self) -> str:
        return f"Session({self._endpoint.address}, manager {self._login})"

    def connect(self) -> None:
        """Open a new connection and sign in, whatever stood before."""
        with self._lock:
            self._connection.open()
            self._sign_in()

    def close(self) -> None:
        """End the session politely when it is alive, and drop the connection. Never raises."""
        with self._lock:
            try:
                if self._signed_in and self._connection.is_open:
                    self._connection.get("/api/quit", "/api/quit")
            except BridgeError:
                pass  # the server forgets us as soon as the connection is gone
            finally:
                self.drop()

    def drop(self) -> None:
        """Forget the connection without a word (after a fork, or when it is known to be dead)."""
        self._signed_in = False
        self._connection.close()

    def read(self, path: str, **params: wire.Scalar) -> dict[str, Any]:
        """Ask for something that changes nothing on the server.

        A session that the server forgot (403) or a connection that broke is renewed once, and the question is asked
        once more; the second failure is raised. Waiting longer is for the caller.

        :raises BridgeError: any of them but `OutcomeUnknown`."""
        with self._lock:
            self._ensure()
            try:
                answer = self._get(path, params)
                flapped = answer.status == FORBIDDEN
            except SessionLost:
                flapped = True
            if flapped:
                self._renew()
                answer = self._get(path, params)
            if answer.status == FORBIDDEN:
                self.drop()
                raise AccessDenied(path=path)
            return self._parsed(path, answer)

    def write(self, path: str, **params: wire.Scalar) -> dict[str, Any]:
        """Ask for a change. Sent at most once, over a connection that has just proved to be alive.

        :raises OutcomeUnknown: it was sent and nobody can say whether it was carried out.
        :raises Refused: the server said no. :raises BridgeError: it was never sent."""
        with self._lock:
            self.read(PING)
            try:
                return self._parsed(path, self._get(path, params))
            except Refused as error:
                if error.retcode in UNCERTAIN_RETCODES:
                    raise OutcomeUnknown(path=path, detail=str(error)) from error
                raise
            except BridgeError as error:
                raise OutcomeUnknown(path=path, detail=str(error)) from error

    def _ensure(self) -> None:
        if not (self._signed_in and self._connection.is_open):
            self.connect()

    def _renew(self) -> None:
        """Sign in again: on the same connection when it stands, else on a new one."""
        if not self._connection.is_open:
            self._connection.open()
        self._sign_in()

    def _get(self, path: str, params: wire.Params) -> Answer:
        answer = self._connection.get(path, wire.target(path, params))
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
        answer = self._get(
            start, {"version": wire.CLIENT_BUILD, "agent": wire.AGENT, "login": self._login, "type": "manager"}
        )
        self._refuse_forbidden(answer)
        srv_rand = wire.parse_answer(start, answer.body).get("srv_rand")
        cli_rand = secrets.token_hex(16)
        try:
            proof = wire.answer_to(self._key, srv_rand if isinstance(srv_rand, str) else "?")
        except ValueError:
            raise MalformedAnswer(path=start, detail="srv_rand is not hexadecimal") from None
        finish = "/api/auth/answer"
        answer = self._get(finish, {"srv_rand_answer": proof, "cli_rand": cli_rand})
        self._refuse_forbidden(answer)
        got = wire.parse_answer(finish, answer.body).get("cli_rand_answer")
        if not wire.same_proof(wire.answer_to(self._key, cli_rand), got):
            raise ImpostorServer(address=self._endpoint.address)

    def _refuse_forbidden(self, answer: Answer) -> None:
        if answer.status == FORBIDDEN:
            raise WrongPassword(login=self._login)

    def _parsed(self, path: str, answer: Answer) -> dict[str, Any]:
        if answer.status == FORBIDDEN:
            self._signed_in = False
            raise SessionLost(path=path)
        if answer.status != 200:
            raise MalformedAnswer(path=path, detail=f"HTTP status {answer.status}")
        return wire.parse_answer(path, answer.body)
