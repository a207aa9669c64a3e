"""Signed requests to a bridge over one HTTPS connection: reads that survive a broken line, writes that end certain.

A write carries a request_id. When its answer does not arrive, the bridge is told that nothing signed earlier may be
carried out any more (`/operations/{id}/void`) and says what became of it; so a write ends done, refused, surely not
done, or, when the bridge cannot tell or be reached, unknown."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from mt4bridge.errors import (
    AccountInUse,
    AmountTooLarge,
    BridgeError,
    ImpostorServer,
    InvalidParameters,
    KeyRefused,
    LoginTaken,
    MalformedAnswer,
    NoPermission,
    NotEnoughMoney,
    NotFound,
    OutcomeUnknown,
    Refused,
    ServerBusy,
    ServerTroubled,
    SessionLost,
    TooFrequent,
    Unsupported,
    WeakPassword,
)
from mt4bridge.httpbridge import signing
from mt4bridge.httpbridge.contract import CERTAIN_FAULTS, PREFIX, Json
from mt4bridge.webapi.connection import Answer, Connection, Endpoint

PAGE_LENGTH = 2_000
LIST_LIMIT = 2_000_000
_Params = Mapping[str, str | int]
_KEY_FAULTS = frozenset(("unknown_key", "bad_signature", "clock_skew", "replayed"))
_REFUSALS: dict[str, tuple[type[Refused], int]] = {
    "invalid": (InvalidParameters, 3),
    "no_permission": (NoPermission, 8),
    "not_found": (NotFound, 13),
    "refused": (Refused, 2),
    "weak_password": (WeakPassword, 3006),
    "not_enough_money": (NotEnoughMoney, 10019),
    "amount_too_large": (AmountTooLarge, 4005),
    "too_frequent": (TooFrequent, 12),
    "too_large": (InvalidParameters, 3),
    "login_taken": (LoginTaken, 3004),
    "account_in_use": (AccountInUse, 3008),
    "request_id_reused": (InvalidParameters, 17),
    "void": (InvalidParameters, 16),
    "running": (ServerTroubled, 10001),
    "internal": (ServerTroubled, 2),
    "server_unreachable": (ServerTroubled, 10),
    "busy": (ServerTroubled, 12004),
    "outcome_unknown": (ServerTroubled, 9),
}
"""Error code → named error and the MT5 number that stands for it when the bridge gives none."""


class Client:
    """Serial requests with one key. Safe to use from several threads, one at a time."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        key_id: str,
        secret: str,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._endpoint = endpoint
        self._key_id = key_id
        self._secret = secret
        self._clock_ms = clock_ms
        self._connection = Connection(endpoint)
        self._lock = threading.RLock()
        self._last_ms = 0

    def __repr__(self) -> str:
        return f"Client({self._endpoint.address}, key {self._key_id})"

    def connect(self) -> None:
        """Open a new connection, whatever stood before."""
        with self._lock:
            self._connection.open()

    def drop(self) -> None:
        """Forget the connection without a word."""
        self._connection.close()

    def read(self, path: str, **params: str | int) -> Json:
        """Ask for something that changes nothing. A connection that broke is renewed once and the question repeated.

        :raises BridgeError: any of them but `OutcomeUnknown`."""
        return self._asked("GET", path, params, None)

    def ask(self, path: str, body: Json) -> Json:
        """As `read`, for questions that do not fit a URL."""
        return self._asked("POST", path, {}, body)

    def pages(self, path: str, **params: str | int) -> Iterator[list[Any]]:
        """Yield a list page by page. It was taken at one moment, so no page shifts.

        :raises MalformedAnswer: the pages do not add up to what the bridge said."""
        got, cursor = 0, ""
        while True:
            page = self.read(path, **params, limit=PAGE_LENGTH, **({"cursor": cursor} if cursor else {}))
            items, total, following = page.get("items"), page.get("total"), page.get("next")
            if not isinstance(items, list) or not isinstance(total, int) or total > LIST_LIMIT:
                raise MalformedAnswer(path=path, detail="items or total is missing")
            got += len(items)
            yield items
            if following is None:
                if got != total:
                    raise MalformedAnswer(path=path, detail=f"{got} rows came of {total}")
                return
            if not isinstance(following, str) or not items or got > total:
                raise MalformedAnswer(path=path, detail="the pages do not end")
            cursor = following

    def listed(self, path: str, **params: str | int) -> list[Any]:
        """Return a whole list."""
        return [item for page in self.pages(path, **params) for item in page]

    def write(self, method: str, path: str, body: Json) -> Json:
        """Ask for a change; `body` holds its request_id. Sent once.

        :raises OutcomeUnknown: nobody can say whether it was carried out. :raises Refused: the server said no.
        :raises BridgeError: it was surely not carried out."""
        with self._lock:
            if not self._connection.is_open:
                self._connection.open()
            try:
                answer = self._exchange(method, path, {}, body)
                value = _object(path, answer)
            except KeyRefused:
                raise
            except BridgeError as error:
                return self._settled(path, str(body["request_id"]), error)
            if answer.status == 200:
                return value
            failure = self._failure(path, value)
            if _code(value) in CERTAIN_FAULTS:
                raise failure
            return self._settled(path, str(body["request_id"]), failure)

    def _settled(self, path: str, request_id: str, error: BridgeError) -> Json:
        """Find out what became of a write whose answer says nothing certain, and keep it from happening later."""
        try:
            operation = self.ask(f"/operations/{quote(request_id, safe='')}/void", {})
        except BridgeError:
            raise OutcomeUnknown(path=path, detail=str(error)) from error
        state, answer = operation.get("state"), operation.get("answer")
        if state == "done" and isinstance(answer, dict):
            return answer
        if state == "refused" and isinstance(answer, dict):
            raise self._failure(path, answer) from error
        if state == "void":
            raise SessionLost(path=path) from error
        raise OutcomeUnknown(path=path, detail=str(error)) from error

    def _asked(self, method: str, path: str, params: _Params, body: Json | None) -> Json:
        with self._lock:
            if not self._connection.is_open:
                self._connection.open()
            try:
                answer = self._exchange(method, path, params, body)
            except SessionLost:
                self._connection.open()
                answer = self._exchange(method, path, params, body)
            return self._parsed(path, answer)

    def _exchange(self, method: str, path: str, params: _Params, body: Json | None) -> Answer:
        """Send one signed request and check the answer's signature."""
        target = PREFIX + path
        if params:
            target += "?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in params.items())
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        nonce, timestamp_ms = secrets.token_hex(16), max(self._clock_ms(), self._last_ms + 1)
        self._last_ms = timestamp_ms
        headers = {
            signing.KEY_HEADER: self._key_id,
            signing.TIMESTAMP_HEADER: str(timestamp_ms),
            signing.NONCE_HEADER: nonce,
            signing.SIGNATURE_HEADER: signing.request_signature(
                self._secret, method=method, target=target, timestamp_ms=timestamp_ms, nonce=nonce, body=content
            ),
        }
        if content:
            headers["Content-Type"] = "application/json"
        answer = self._connection.exchange(path, method, target, content, headers)
        self._check_signature(path, answer, nonce)
        return answer

    def _check_signature(self, path: str, answer: Answer, nonce: str) -> None:
        """Refuse an answer that the holder of the secret did not give to this request.

        A bridge that does not know our key cannot sign; something between us may answer for it in trouble."""
        got = answer.headers.get(signing.SIGNATURE_HEADER.lower(), "")
        expected = signing.answer_signature(self._secret, nonce=nonce, status=answer.status, body=answer.body)
        if signing.same_signature(expected, got):
            return
        self._connection.close()
        if answer.status == 401:  # signed by nobody: the bridge does not know our key
            raise KeyRefused(address=self._endpoint.address, key=self._key_id, detail=_code(_object(path, answer)))
        if got or answer.status == 200:
            raise ImpostorServer(address=self._endpoint.address)
        raise ServerBusy(path=path, status=answer.status)

    def _parsed(self, path: str, answer: Answer) -> Json:
        """Return the object of a good answer.

        :raises BridgeError: it names an error, or is no object."""
        value = _object(path, answer)
        if answer.status == 200:
            return value
        raise self._failure(path, value)

    def _failure(self, path: str, value: Json) -> BridgeError:
        """Return the named error of an error object."""
        error = value.get("error")
        fields: Json = error if isinstance(error, dict) else {}
        code, retcode = _code(value), fields.get("retcode")
        if code in _KEY_FAULTS:
            return KeyRefused(address=self._endpoint.address, key=self._key_id, detail=code)
        if code == "cursor_expired":
            return SessionLost(path=path)
        if code == "unsupported":
            return Unsupported(kind="httpbridge", capability=_short(fields.get("message")))
        if code not in _REFUSALS:
            return MalformedAnswer(path=path, detail="an error without a known code")
        kind, number = _REFUSALS[code]
        if isinstance(retcode, int) and not isinstance(retcode, bool):
            number = retcode
        return kind(path=path, retcode=number, text=_short(fields.get("message")))


def _object(path: str, answer: Answer) -> Json:
    """Return the object of an answer; a number with decimals in it is text, so that none passes through a float.

    :raises MalformedAnswer: it is none."""
    try:
        value = json.loads(answer.body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise MalformedAnswer(path=path, detail="not JSON") from None
    if not isinstance(value, dict):
        raise MalformedAnswer(path=path, detail="not a JSON object")
    return value


def _code(value: Json) -> str:
    """Return the code of an error object; "" when it has none."""
    error = value.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _short(text: object) -> str:
    """Cut foreign text to what fits a sentence, without characters that cannot be stored or shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text)[:200])
